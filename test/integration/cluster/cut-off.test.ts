/** A node that is cut off from Redis, and from nothing else. The facts are told in order. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cluster, LEASE_TTL_MS, startCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import type { FollowingWorker } from '../../support/following-worker.ts';
import { stays } from '../../support/stays.ts';
import type { TcpProxy } from '../../support/tcp-proxy.ts';
import { expectUnharmed } from './checks.ts';

const SHARDS = 6;

/** Of a pause that shows that something does not happen, beyond the lease. */
const BEYOND_LEASE_MS = LEASE_TTL_MS + 2_000;

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({ shards: SHARDS, nodes: 2, proxied: 'redis' });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

/** When a node logged something for a shard, Unix ms; of the last time. */
function loggedAt(id: 'node-a', msg: string, shard: number): number {
  const line = cluster
    .node(id)
    .logs()
    .findLast((candidate) => candidate.msg === msg && candidate['shard'] === shard);
  return new Date(String(line?.['time'])).getTime();
}

it.each([
  ['refuses connections', (proxy: TcpProxy) => proxy.cut()],
  ['swallows everything', (proxy: TcpProxy) => proxy.blackHole()],
])('where what is in between %s, another node takes over: it lets go, and is back when it can be', async (_, cutOff) => {
  const shards = cluster.shardsOf('node-a');
  const { resumes } = cluster.simulator.stats();
  const cutOffAtMs = Date.now();
  await cutOff(cluster.proxy('node-a'));
  await cluster.settled({ 'node-a': 0, 'node-b': SHARDS });
  for (const shard of shards) {
    const closedAtMs = loggedAt('node-a', 'upstream connection closed', shard);
    expect(closedAtMs - cutOffAtMs).toBeGreaterThan(LEASE_TTL_MS / 2);
    expect(loggedAt('node-a', 'a shard is no longer here', shard) - closedAtMs).toBeLessThan(1_000);
  }
  // With op 7; 1012 is for those who stay.
  const isSentAway = ({ endings }: FollowingWorker) =>
    endings.some(({ wasAsked, atMs }) => wasAsked && atMs > cutOffAtMs);
  await eventually(
    () => shards.every((shard) => cluster.workers.slice(shard, shard + 1).every(isSentAway)),
    15_000,
  );
  expect(cluster.simulator.stats().resumes - resumes).toBe(shards.length);
  await expectUnharmed(cluster);
  await cluster.proxy('node-a').mend();
  await cluster.settled({ 'node-a': SHARDS / 2, 'node-b': SHARDS / 2 });
  await expectUnharmed(cluster);
});

it('where nobody is there to take over, it goes on, and RESUMEs when Discord asks it to reconnect', async () => {
  await cluster.node('node-b').stop();
  await cluster.settled({ 'node-a': SHARDS });
  const { resumes } = cluster.simulator.stats();
  await cluster.proxy('node-a').cut();
  await stays(() => cluster.shardsOf('node-a').length === SHARDS, BEYOND_LEASE_MS);
  expect(await cluster.node('node-a').metric('shardmux_cluster_lease_doubtful_seconds')).toBeGreaterThan(1);
  cluster.simulator.inject({ kind: 'reconnect', shard: 'all' });
  await eventually(() => cluster.simulator.stats().resumes === resumes + SHARDS, 15_000);
  await cluster.settled({ 'node-a': SHARDS });
  await expectUnharmed(cluster);
  await cluster.proxy('node-a').mend();
  await eventually(
    async () => (await cluster.node('node-a').metric('shardmux_cluster_lease_doubtful_seconds')) === 0,
    15_000,
  );
  expect(cluster.simulator.stats().resumes).toBe(resumes + SHARDS);
});

it('when it is stopped while it is cut off, it exits in order, and its shards are taken over', async () => {
  await cluster.start('node-b');
  await cluster.settled({ 'node-a': SHARDS / 2, 'node-b': SHARDS / 2 });
  await cluster.proxy('node-a').cut();
  expect(await cluster.node('node-a').stop()).toBe(0);
  await cluster.settled({ 'node-b': SHARDS });
  await expectUnharmed(cluster);
});
