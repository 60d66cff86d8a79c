/**
 * A deployment as in docs/cluster.md: a simulated Discord, Redis, an HAProxy, nodes as real processes, and workers that stay. Its
 * identify slots are those of an application that has been there for long, so that its first start does not wait for Discord's 5 s.
 */
import { RedisKeys } from '../../src/cluster/redis/keys.ts';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../src/simulator/index.ts';
import { eventually } from './eventually.ts';
import { FollowingWorker } from './following-worker.ts';
import { type Haproxy, startHaproxy } from './haproxy.ts';
import { type NodeProcess, spawnNode } from './node.ts';
import { lastingPorts } from './ports.ts';
import { type RedisServer, startRedis } from './redis.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

/** As haproxy.cfg names its servers. */
const NODE_IDS = ['node-a', 'node-b', 'node-c', 'node-d'] as const;
export type NodeId = (typeof NODE_IDS)[number];

/** Short, for the sake of time; not the least there is, because nodes of a busy machine are late now and then. */
export const LEASE_TTL_MS = 3_000;

/** Of the simulator's token. */
const APPLICATION_ID = '100000000000000000';

const DETOUR = new URL('detour.ts', import.meta.url).href;

/** Of a shard with many guilds, so that few will do here. */
const REPLAY_BOUND = 3_500;

/** Generous: it takes a moment, but not on a busy machine. */
const SETTLE_DEADLINE_MS = 30_000;

export interface ClusterOptions {
  readonly shards: number;
  /** How many nodes it begins with; there is room for four. */
  readonly nodes: number;
  readonly simulator?: Partial<SimulatorOptions>;
  /** Settings of all nodes. */
  readonly env?: Readonly<Record<string, string>>;
  /** Shards whose worker connects to `/`, and says in IDENTIFY which it wants. */
  readonly shardsWithoutPath?: readonly number[];
  /** What stands behind a proxy that each node has for itself. */
  readonly proxied?: 'redis' | 'discord';
  /** Another Redis than one of our own, and how nodes find it. */
  readonly redis?: { readonly server: RedisServer; readonly env: Readonly<Record<string, string>> };
}

/** Resolves when every shard is connected and has a worker; events flow. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  await using stack = new AsyncDisposableStack();
  const { shards, nodes, simulator, proxied } = options;
  const defaults = {
    shards,
    guilds: shards * 5,
    eventsPerSecond: 300,
    maxConcurrency: shards,
    replayBound: () => REPLAY_BOUND,
  };
  const discord = stack.use(await startSimulator({ ...defaults, ...simulator }));
  const redis = options.redis?.server ?? stack.use(await startRedis());
  await redis.command('HSET', new RedisKeys('shardmux', APPLICATION_ID).slots, 'since', '1');
  const free = await lastingPorts(NODE_IDS.length);
  const ports = new Map(NODE_IDS.map((id, index) => [id, free[index] ?? 0]));
  const [nodePort = 0, ...others] = [...ports.values()];
  const moreNodes = others.map((port) => `127.0.0.1:${port}`);
  const haproxy = stack.use(await startHaproxy({ nodeHost: '127.0.0.1', nodePort, moreNodes }));
  const proxies = new Map<NodeId, TcpProxy>();
  const target = proxied === 'discord' ? addressOf(discord.url) : redis.address;
  for (const id of proxied ? NODE_IDS : []) proxies.set(id, stack.use(await startTcpProxy(target)));
  const cluster = new Cluster(options, { simulator: discord, redis, haproxy, ports, proxies }, stack.move());
  try {
    return await cluster.begin(NODE_IDS.slice(0, nodes));
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}

interface Parts {
  readonly simulator: Simulator;
  readonly redis: RedisServer;
  readonly haproxy: Haproxy;
  readonly ports: ReadonlyMap<NodeId, number>;
  readonly proxies: ReadonlyMap<NodeId, TcpProxy>;
}

export class Cluster implements AsyncDisposable {
  readonly simulator: Simulator;
  readonly redis: RedisServer;
  readonly haproxy: Haproxy;
  /** One for each shard, in order. */
  readonly workers: FollowingWorker[] = [];
  readonly #options: ClusterOptions;
  readonly #parts: Parts;
  /** Those that were started last under their names, running or not. */
  readonly #nodes = new Map<NodeId, NodeProcess>();
  readonly #paused = new Set<NodeId>();
  readonly #resources = new AsyncDisposableStack();

  constructor(options: ClusterOptions, parts: Parts, resources: AsyncDisposableStack) {
    this.simulator = parts.simulator;
    this.redis = parts.redis;
    this.haproxy = parts.haproxy;
    this.#options = options;
    this.#parts = parts;
    this.#resources.use(resources);
  }

  node(id: NodeId): NodeProcess {
    const node = this.#nodes.get(id);
    if (!node) throw new Error(`${id} was never started`);
    return node;
  }

  /** What stands between the node and Redis, or Discord. */
  proxy(id: NodeId): TcpProxy {
    const proxy = this.#parts.proxies.get(id);
    if (!proxy) throw new Error('started without proxies');
    return proxy;
  }

  /** A process under this name, where none is running; resolves when it listens. */
  async start(id: NodeId, env: Readonly<Record<string, string>> = {}): Promise<NodeProcess> {
    const node = spawnNode({
      discord: this.simulator,
      env: {
        SHARDMUX_REDIS_HOSTS: `127.0.0.1:${this.redis.port}`,
        SHARDMUX_CLUSTER_NODE_ID: id,
        SHARDMUX_CLUSTER_SECRET: 'of-the-tests-'.repeat(3),
        SHARDMUX_CLUSTER_LEASE_TTL_MS: String(LEASE_TTL_MS),
        SHARDMUX_CLUSTER_RENEW_INTERVAL_MS: '500',
        SHARDMUX_WORKERS_PORT: String(this.#parts.ports.get(id)),
        SHARDMUX_HAPROXY_SOCKETS: this.haproxy.socketPath,
        SHARDMUX_HAPROXY_SERVER_NAME: id,
        SHARDMUX_GUILDS_STATE: 'memory',
        ...this.#options.redis?.env,
        ...this.#proxyEnv(id),
        ...this.#options.env,
        ...env,
      },
    });
    this.#resources.use(node);
    this.#nodes.set(id, node);
    return node.listening();
  }

  #proxyEnv(id: NodeId): Record<string, string> {
    const { port } = this.#parts.proxies.get(id) ?? {};
    if (port === undefined) return {};
    if (this.#options.proxied === 'redis') return { SHARDMUX_REDIS_HOSTS: `127.0.0.1:${port}` };
    // READY names Discord's own address, which no setting of the node can change.
    return {
      NODE_OPTIONS: `--import ${DETOUR}`,
      TEST_DETOUR: `${addressOf(this.simulator.url).port}:${port}`,
    };
  }

  /** SIGSTOP until `resume`. */
  pause(id: NodeId): void {
    this.#paused.add(id);
    this.node(id).pause();
  }

  resume(id: NodeId): void {
    this.node(id).resume();
    this.#paused.delete(id);
  }

  /** The shards that a node holds, or whose workers it still has, in order. From its own log: Redis may be away. */
  shardsOf(id: NodeId): number[] {
    return this.#between(id, ['holding a shard'], ['a shard is no longer here']);
  }

  /** Those of them that it is connected to Discord with. */
  connectedOf(id: NodeId): number[] {
    return this.#between(
      id,
      ['READY', 'RESUMED'],
      ['a shard is no longer here', 'upstream connection closed'],
    );
  }

  #between(id: NodeId, begins: readonly string[], ends: readonly string[]): number[] {
    const shards = new Set<number>();
    for (const { msg, shard } of this.node(id).logs()) {
      if (begins.includes(msg)) shards.add(Number(shard));
      if (ends.includes(msg)) shards.delete(Number(shard));
    }
    return [...shards].sort((left, right) => left - right);
  }

  /**
   * Resolves when every shard is connected and at one running node. `numbers`: how many shards each of the running nodes has then;
   * left out, as many as any.
   */
  async settled(
    numbers: Partial<Record<NodeId, number>> = {},
    deadlineMs = SETTLE_DEADLINE_MS,
  ): Promise<void> {
    const { shards } = this.#options;
    await eventually(() => {
      const isRunning = (id: NodeId) => !this.node(id).hasEnded && !this.#paused.has(id);
      const running = [...this.#nodes.keys()].filter(isRunning);
      const held = running.map((id) => this.shardsOf(id));
      const connected = running.map((id) => this.connectedOf(id));
      const areAsWanted = running.every(
        (id, index) => held[index]?.length === (numbers[id] ?? held[index]?.length),
      );
      if (areOnceEach(held.flat(), shards) && areOnceEach(connected.flat(), shards) && areAsWanted)
        return true;
      throw new Error(`of ${running}: held ${JSON.stringify(held)}, connected ${JSON.stringify(connected)}`);
    }, deadlineMs);
  }

  /** Who is there and who has which shard, as Redis has it. */
  async inRedis(): Promise<string> {
    const keys = new RedisKeys('shardmux', APPLICATION_ID);
    const hashes = [keys.members, keys.leases(this.#options.shards)];
    return JSON.stringify(await Promise.all(hashes.map((key) => this.redis.command('HGETALL', key))));
  }

  /** Resolves when each worker has all that was sent until now, each dispatch once and in order. */
  async complete(deadlineMs = SETTLE_DEADLINE_MS): Promise<void> {
    const sent = this.simulator.stats().sessions.map((session) => session?.sequence ?? 0);
    await Promise.all(this.workers.map((worker) => worker.reached(sent[worker.shard] ?? 0, deadlineMs)));
    for (const worker of this.workers) {
      const session = this.simulator.truth(worker.shard).sessions.at(-1);
      const difference = worker.difference(session?.dispatches ?? []);
      if (difference) throw new Error(`shard ${worker.shard}: ${difference}`);
    }
  }

  /** Starts the first nodes and all workers. */
  async begin(ids: readonly NodeId[]): Promise<this> {
    await Promise.all(ids.map((id) => this.start(id)));
    await this.settled();
    const { shards, shardsWithoutPath = [] } = this.#options;
    for (let shard = 0; shard < shards; shard++) {
      const place = { url: this.haproxy.workersUrl, shard, shardCount: shards };
      const worker = new FollowingWorker(shardsWithoutPath.includes(shard) ? { ...place, path: '/' } : place);
      this.workers.push(this.#resources.use(worker));
    }
    await Promise.all(this.workers.map((worker) => worker.identified(SETTLE_DEADLINE_MS)));
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

function addressOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

function areOnceEach(shardIds: readonly number[], shards: number): boolean {
  return shardIds.length === shards && new Set(shardIds).size === shards;
}
