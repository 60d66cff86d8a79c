/** A Redis that is away, or comes back with less than it had. The facts are told in order. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cluster, LEASE_TTL_MS, type NodeId, startCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { type RedisServer, startRedis } from '../../support/redis.ts';
import { stays } from '../../support/stays.ts';
import { connectWorker } from '../../support/worker.ts';
import { expectUnharmed } from './checks.ts';

const SHARDS = 6;
const NODES: readonly NodeId[] = ['node-a', 'node-b', 'node-c'];

/** Of a pause that shows that something does not happen, beyond the lease. */
const BEYOND_LEASE_MS = LEASE_TTL_MS + 1_000;

let redis: RedisServer;
let cluster: Cluster;

beforeAll(async () => {
  redis = await startRedis({ isPersistent: true });
  cluster = await startCluster({ shards: SHARDS, nodes: 3, redis: { server: redis, env: {} } });
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await redis?.[Symbol.asyncDispose]();
});

/** The metric of all nodes together. */
async function sum(metric: string): Promise<number> {
  const values = await Promise.all(NODES.map((id) => cluster.node(id).metric(metric)));
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}

/** Nothing moves, nothing connects, and everybody gets everything, while `change` happens to Redis. */
async function nothingMovesDuring(change: () => Promise<void>): Promise<void> {
  const { connectionsOpened } = cluster.simulator.stats();
  const before = NODES.map((id) => cluster.shardsOf(id));
  await change();
  expect(NODES.map((id) => cluster.shardsOf(id))).toEqual(before);
  expect(cluster.simulator.stats().connectionsOpened).toBe(connectionsOpened);
  expect(cluster.workers.flatMap(({ endings }) => endings)).toEqual([]);
  await expectUnharmed(cluster);
}

/** Every node has renewed its leases, and has done so for longer than it takes to take over what lapsed. */
async function leasesAreAssertedAgain(): Promise<void> {
  await eventually(async () => (await sum('shardmux_cluster_lease_doubtful_seconds')) === 0, 15_000);
  await stays(() => true, BEYOND_LEASE_MS);
  expect(await sum('shardmux_cluster_takeovers_total')).toBe(0);
  expect(await sum('shardmux_cluster_lost_total')).toBe(0);
}

it('while it is gone for longer than a lease, events flow at all nodes, and workers begin sessions', async () => {
  await nothingMovesDuring(async () => {
    await redis.kill();
    await stays(() => true, BEYOND_LEASE_MS);
    using worker = await connectWorker(cluster.haproxy.workersUrl, { path: '/shards/4' });
    worker.identify({ shard: [4, SHARDS] });
    const { s } = await worker.next('READY');
    await worker.reached((s ?? 0) + 10);
  });
});

it('while it is gone, a connection that Discord ends is RESUMEd by the node that has the shard', async () => {
  const before = NODES.map((id) => cluster.shardsOf(id));
  const { resumes } = cluster.simulator.stats();
  cluster.simulator.inject({ kind: 'disconnect', shard: 'all' });
  await eventually(() => cluster.simulator.stats().resumes === resumes + SHARDS, 15_000);
  await cluster.settled();
  expect(NODES.map((id) => cluster.shardsOf(id))).toEqual(before);
  await expectUnharmed(cluster);
});

it('when it is back with its data, every node goes on with the leases that it had', async () => {
  await nothingMovesDuring(async () => {
    await redis.start({ empty: false });
    await leasesAreAssertedAgain();
  });
});

it('when it comes back empty, every lease is written again with its epoch', async () => {
  const leases = async () => redis.command('HGETALL', `shardmux:{100000000000000000}:${SHARDS}:leases`);
  const before = await leases();
  await nothingMovesDuring(async () => {
    await redis.kill();
    await stays(() => true, BEYOND_LEASE_MS);
    await redis.start({ empty: true });
    await leasesAreAssertedAgain();
  });
  expect(sorted(await leases())).toEqual(sorted(before));
});

it('when it hangs for a while, nothing happens', async () => {
  await nothingMovesDuring(async () => {
    redis.pause();
    await stays(() => true, 3_000);
    redis.resume();
    await leasesAreAssertedAgain();
  });
});

it('tails are whole again: a node that is killed after all that loses nothing', async () => {
  await eventually(async () => (await sum('shardmux_tail_failing')) === 0, 15_000);
  await cluster.node('node-c').kill();
  await cluster.settled();
  await expectUnharmed(cluster);
});

function sorted(reply: unknown): string[] {
  return (reply as string[]).toSorted();
}
