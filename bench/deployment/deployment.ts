/** All parts of a deployment on this machine, started in order: a simulated Discord, Redis, HAProxies, nodes, and workers. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ALL_INTENTS } from '../../src/protocol/intents.ts';
import { SIMULATOR_TOKEN } from '../../src/simulator/index.ts';
import { HaproxyPart } from './haproxy.ts';
import type { WorkerClient } from './messages.ts';
import { NodePart } from './node.ts';
import { freePorts } from './ports.ts';
import { RedisPart } from './redis.ts';
import { SimulatorPart, type SimulatorSize } from './simulator.ts';
import { WorkersPart } from './workers.ts';

/** What haproxy.cfg knows, in the order of its server ids, which begin at 1. */
export const NODE_NAMES = ['node-a', 'node-b', 'node-c', 'node-d'] as const;
export type NodeName = (typeof NODE_NAMES)[number];

/** Of this deployment, for as long as it lasts. */
const CLUSTER_SECRET = 'secret-of-a-deployment-that-lasts-minutes';

/** How long a node that is told to end has for handing its shards over. */
const DRAIN_TIMEOUT_MS = 20_000;

export interface DeploymentOptions {
  readonly size: SimulatorSize;
  readonly haproxies: number;
  readonly workers: { readonly count: number; readonly client: WorkerClient };
  /** For sockets, data and logs; empty, and removed by whoever gives it. */
  readonly directory: string;
  /** Of nodes. */
  readonly logLevel: 'info' | 'debug';
  /** A part broke. */
  readonly onFailure: (error: Error) => void;
  /** A node ended by itself, where that is for somebody else than `onFailure`. */
  readonly onNodeFailure?: (name: NodeName, error: Error) => void;
}

export interface Deployment {
  readonly simulator: SimulatorPart;
  readonly redis: RedisPart;
  readonly haproxies: readonly [HaproxyPart, ...HaproxyPart[]];
  /** All that there may be; none of them is started. */
  readonly nodes: ReadonlyMap<NodeName, NodePart>;
  /** Not started. */
  readonly workers: WorkersPart;
}

/** Everything but nodes and workers runs then. Whatever was started is stopped with `stack`. */
export async function startDeployment(
  stack: AsyncDisposableStack,
  options: DeploymentOptions,
): Promise<Deployment> {
  const { size, workers: workerOptions, onFailure } = options;
  const simulator = await SimulatorPart.start(size, onFailure);
  stack.defer(() => simulator.stop());
  const nodePorts = await freePorts(NODE_NAMES.length);
  const redis = await startRedis(stack, options);
  const haproxies = await startHaproxies(stack, options, nodePorts);
  const nodes = createNodes(options, { nodePorts, simulator, redis, haproxies });
  for (const node of nodes.values()) stack.defer(() => node.stop('SIGKILL'));
  const workers = new WorkersPart({
    urls: haproxies.map((haproxy) => haproxy.url),
    token: SIMULATOR_TOKEN,
    intents: ALL_INTENTS,
    workers: workerOptions.count,
    client: workerOptions.client,
    shards: size.shards,
    onFailure,
  });
  stack.defer(() => workers.stop('SIGTERM'));
  return { simulator, redis, haproxies, nodes, workers };
}

async function startRedis(
  stack: AsyncDisposableStack,
  { directory, onFailure }: DeploymentOptions,
): Promise<RedisPart> {
  const [port = 0, innerPort = 0] = await freePorts(2);
  const redis = await RedisPart.start({ directory: made(directory, 'redis'), port, innerPort, onFailure });
  stack.defer(() => redis.stop('SIGKILL'));
  return redis;
}

async function startHaproxies(
  stack: AsyncDisposableStack,
  options: DeploymentOptions,
  nodePorts: readonly number[],
): Promise<[HaproxyPart, ...HaproxyPart[]]> {
  const { directory, haproxies: count, onFailure } = options;
  const start = async (name: string) => {
    const [workersPort = 0, observabilityPort = 0] = await freePorts(2);
    const ports = { workersPort, observabilityPort, nodePorts };
    const haproxy = await HaproxyPart.start({ name, directory: made(directory, name), ...ports, onFailure });
    stack.defer(() => haproxy.kill());
    return haproxy;
  };
  const first = await start('haproxy-1');
  const others: HaproxyPart[] = [];
  for (let number = 2; number <= count; number += 1) others.push(await start(`haproxy-${number}`));
  return [first, ...others];
}

interface Neighbours {
  readonly nodePorts: readonly number[];
  readonly simulator: SimulatorPart;
  readonly redis: RedisPart;
  readonly haproxies: readonly HaproxyPart[];
}

function createNodes(
  options: DeploymentOptions,
  { nodePorts, simulator, redis, haproxies }: Neighbours,
): Map<NodeName, NodePart> {
  const { directory, onFailure, onNodeFailure, logLevel } = options;
  const common = {
    SHARDMUX_DISCORD_TOKEN: SIMULATOR_TOKEN,
    SHARDMUX_DISCORD_API_URL: `${simulator.url}/api/v10`,
    SHARDMUX_DISCORD_INTENTS: 'ALL',
    SHARDMUX_WORKERS_HOST: '127.0.0.1',
    SHARDMUX_STATUS_PORT: '0',
    SHARDMUX_REDIS_HOSTS: redis.address,
    SHARDMUX_CLUSTER_SECRET: CLUSTER_SECRET,
    SHARDMUX_CLUSTER_DRAIN_TIMEOUT_MS: String(DRAIN_TIMEOUT_MS),
    SHARDMUX_HAPROXY_SOCKETS: haproxies.map((haproxy) => haproxy.socketPath).join(','),
    SHARDMUX_LOGGING_LEVEL: logLevel,
  };
  const create = (name: NodeName, port: number) =>
    new NodePart({
      name,
      port,
      settings: {
        ...common,
        SHARDMUX_CLUSTER_NODE_ID: name,
        SHARDMUX_CLUSTER_ADVERTISE: `127.0.0.1:${port}`,
        SHARDMUX_HAPROXY_SERVER_NAME: name,
      },
      logPath: join(directory, `${name}.log`),
      onFailure: onNodeFailure ? (error) => onNodeFailure(name, error) : onFailure,
    });
  return new Map(NODE_NAMES.map((name, index) => [name, create(name, nodePorts[index] ?? 0)]));
}

function made(directory: string, name: string): string {
  const path = join(directory, name);
  mkdirSync(path);
  return path;
}
