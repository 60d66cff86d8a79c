/** All parts of a run on this machine, started in order: a simulated Discord with what is asked for, Redis, nodes, HAProxy, workers. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { SIMULATOR_TOKEN } from '../../src/simulator/index.ts';
import { HaproxyPart } from '../deployment/haproxy.ts';
import { freePorts } from '../deployment/ports.ts';
import { RedisPart } from '../deployment/redis.ts';
import { SimulatorPart } from '../deployment/simulator.ts';
import { placesFor } from './kinds.ts';
import { bucketsOf, CALLERS_PER_BUCKET, callersOf, type SoakBucket } from './load.ts';
import type { Options } from './options.ts';
import { makePlaces } from './places.ts';
import { RestNode } from './rest-node.ts';
import { SoakWorkers } from './workers.ts';

/** Of this deployment, for as long as it lasts. */
const CLUSTER_SECRET = 'secret-of-a-deployment-that-lasts-minutes';

/** There is no gateway. */
const NOBODYS_PORT = 1;

/** Of HAProxy, besides those of the callers: those that broke and are not over yet. */
const SPARE_CONNECTIONS = 200;

export interface SoakOptions extends Options {
  readonly globalLimit: number;
  /** For sockets, state and logs; empty. */
  readonly directory: string;
  readonly write: (text: string) => void;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface Parts {
  readonly simulator: SimulatorPart;
  readonly nodes: readonly RestNode[];
  readonly buckets: readonly SoakBucket[];
  readonly workers: SoakWorkers;
}

/** Whatever was started is stopped with `stack`. The workers wait for `begin`. */
export async function startParts(
  stack: AsyncDisposableStack,
  options: SoakOptions,
  onFailure: (error: Error) => void,
): Promise<Parts> {
  const { write, globalLimit, latency, buckets: count, workers: workerCount, seed, seconds } = options;
  write(`starting a simulated Discord, ${options.nodes} nodes and ${workerCount} workers\n`);
  const rest = { globalLimit, latencyMs: latency, jitterMs: latency };
  const size = { shards: 1, guilds: placesFor(count), eventsPerSecond: 0, rest };
  const simulator = await SimulatorPart.start(size, onFailure);
  stack.defer(() => simulator.stop());
  const buckets = bucketsOf(count, await makePlaces(simulator, placesFor(count), globalLimit));
  const tokens = Array.from({ length: workerCount }, (_, worker) => `token-of-worker-${worker + 1}`);
  const nodes = await startNodes(stack, options, { simulator, tokens, onFailure });
  const { url } = await startHaproxy(stack, options, { nodes, onFailure });
  const workers = stack.use(
    new SoakWorkers({
      url,
      tokens,
      buckets,
      callers: callersOf(count, workerCount, seed),
      deadlineMs: seconds * 1_000,
      onFailure,
    }),
  );
  await workers.ready;
  return { simulator, nodes, buckets, workers };
}

interface Neighbours {
  readonly simulator: SimulatorPart;
  readonly tokens: readonly string[];
  readonly onFailure: (error: Error) => void;
}

async function startNodes(
  stack: AsyncDisposableStack,
  { nodes: count, directory, globalLimit }: SoakOptions,
  { simulator, tokens, onFailure }: Neighbours,
): Promise<RestNode[]> {
  const [redisPort = 0, innerPort = 0, ...ports] = await freePorts(count + 2);
  const common = {
    SHARDMUX_DISCORD_TOKEN: SIMULATOR_TOKEN,
    SHARDMUX_DISCORD_API_URL: `${simulator.url}/api/v10`,
    SHARDMUX_DISCORD_SHARD_COUNT: '1',
    SHARDMUX_WORKERS_TOKENS: tokens.map((token, worker) => `worker-${worker + 1}:${token}`).join(','),
    SHARDMUX_REST_HOST: '127.0.0.1',
    SHARDMUX_REST_STATUS_PORT: '0',
    SHARDMUX_REST_GLOBAL_LIMIT: String(globalLimit),
    ...(count > 1 ? await startRedis(stack, { directory, port: redisPort, innerPort, onFailure }) : {}),
  };
  const nodes = ports.map((port, index) => {
    const name = `node-${'abcd'[index]}`;
    const own = {
      SHARDMUX_REST_STATE_DIRECTORY: join(directory, `${name}-state`),
      ...(count > 1 ? { SHARDMUX_CLUSTER_NODE_ID: name } : {}),
    };
    const settings = { ...common, ...own };
    return new RestNode({ name, port, settings, logPath: join(directory, `${name}.log`), onFailure });
  });
  for (const node of nodes) stack.defer(() => node.stop());
  await Promise.all(nodes.map((node) => node.start()));
  return nodes;
}

async function startRedis(
  stack: AsyncDisposableStack,
  options: { directory: string; port: number; innerPort: number; onFailure: (error: Error) => void },
): Promise<Record<string, string>> {
  const directory = join(options.directory, 'redis');
  mkdirSync(directory);
  const redis = await RedisPart.start({ ...options, directory });
  stack.defer(() => redis.stop('SIGKILL'));
  return { SHARDMUX_REDIS_HOSTS: redis.address, SHARDMUX_CLUSTER_SECRET: CLUSTER_SECRET };
}

async function startHaproxy(
  stack: AsyncDisposableStack,
  options: SoakOptions,
  { nodes, onFailure }: { nodes: readonly RestNode[]; onFailure: (error: Error) => void },
): Promise<HaproxyPart> {
  const [workersPort = 0, observabilityPort = 0] = await freePorts(2);
  const directory = join(options.directory, 'haproxy');
  mkdirSync(directory);
  const haproxy = await HaproxyPart.start({
    ...{ name: 'haproxy', directory, workersPort, observabilityPort, onFailure },
    nodePorts: [NOBODYS_PORT],
    restPorts: nodes.map(({ port }) => port),
    maxConnections: options.buckets * CALLERS_PER_BUCKET + SPARE_CONNECTIONS,
  });
  stack.defer(() => haproxy.kill());
  return haproxy;
}
