/** Real Redis processes that belong together: a Redis Cluster, or a master with a replica and a Sentinel. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { eventually } from './eventually.ts';
import {
  HOST,
  type RedisOptions,
  type RedisServer,
  START_DEADLINE_MS,
  startRedis,
  startServer,
} from './redis.ts';

const run = promisify(execFile);

const FAILOVER_DEADLINE_MS = 20_000;

export interface RedisCluster extends AsyncDisposable {
  readonly nodes: readonly RedisServer[];
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
}

/** Three masters without replicas. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const directives = { 'cluster-enabled': 'yes', 'cluster-node-timeout': '2000' };
  await using starting = new AsyncDisposableStack();
  const nodes: RedisServer[] = [];
  for (let count = 0; count < 3; count++) nodes.push(starting.use(await startRedis({ directives })));
  const places = nodes.map(({ host, port }) => `${host}:${port}`);
  await run('redis-cli', ['--cluster', 'create', ...places, '--cluster-replicas', '0', '--cluster-yes']);
  for (const node of nodes) {
    await eventually(
      async () => /cluster_state:ok/.test(String(await node.command('CLUSTER', 'INFO'))),
      20_000,
    );
  }
  const started = starting.move();
  return {
    nodes,
    addresses: nodes.map(({ address }) => address),
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

export interface SentinelSetup extends AsyncDisposable {
  readonly name: string;
  readonly sentinels: readonly RedisServer[];
  /** Those that were started as such. */
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** Kills the master, and resolves when the replica is the master. What it had not been sent is lost. */
  failOver(): Promise<void>;
}

/** A master, a replica, and one Sentinel, which needs nobody to agree with. */
export async function startSentinelSetup(
  options: RedisOptions & { readonly sentinelPassword?: string } = {},
): Promise<SentinelSetup> {
  const { sentinelPassword, ...serverOptions } = options;
  const name = 'shards';
  const { password } = serverOptions;
  const masterAuth = password === undefined ? {} : { masterauth: password };
  await using starting = new AsyncDisposableStack();
  const ofServer = { ...serverOptions, directives: { ...serverOptions.directives, ...masterAuth } };
  const master = starting.use(await startRedis(ofServer));
  const replicaOf = { replicaof: `${HOST} ${master.port}`, 'repl-diskless-sync-delay': '0' };
  const replica = starting.use(
    await startRedis({ ...ofServer, directives: { ...ofServer.directives, ...replicaOf } }),
  );
  const isLinked = async () =>
    /master_link_status:up/.test(String(await replica.command('INFO', 'replication')));
  await eventually(isLinked, START_DEADLINE_MS);
  const sentinel = starting.use(
    await startServer(sentinelPassword === undefined ? {} : { password: sentinelPassword }, 'sentinel', [
      `sentinel monitor ${name} ${HOST} ${master.port} 1`,
      `sentinel down-after-milliseconds ${name} 500`,
      `sentinel failover-timeout ${name} 3000`,
      ...(password === undefined ? [] : [`sentinel auth-pass ${name} ${password}`]),
    ]),
  );
  await eventually(
    async () => ((await sentinel.command('SENTINEL', 'replicas', name)) as unknown[]).length === 1,
    FAILOVER_DEADLINE_MS,
  );
  const started = starting.move();
  return {
    name,
    sentinels: [sentinel],
    master,
    replica,
    addresses: [sentinel.address],
    async failOver() {
      await master.kill();
      const isMaster = async () => /role:master/.test(String(await replica.command('INFO', 'replication')));
      await eventually(isMaster, FAILOVER_DEADLINE_MS);
      const knows = async () =>
        String(((await sentinel.command('SENTINEL', 'get-master-addr-by-name', name)) as string[])[1]) ===
        String(replica.port);
      await eventually(knows, FAILOVER_DEADLINE_MS);
    },
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}
