/** A node that is cut off from Redis, and from nothing else. The facts are told in order. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cluster, LEASE_TTL_MS, startCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { stays } from '../../support/stays.ts';
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

it('its events flow until another node takes over; then it lets go within a second, and workers RESUME there', async () => {
  const shards = cluster.shardsOf('node-a');
  const { resumes } = cluster.simulator.stats();
  await cluster.proxy('node-a').cut();
  await cluster.settled({ 'node-a': 0, 'node-b': SHARDS }, BEYOND_LEASE_MS);
  for (const shard of shards) {
    const closedAtMs = loggedAt('node-a', 'upstream connection closed', shard);
    expect(loggedAt('node-a', 'a shard is no longer here', shard) - closedAtMs).toBeLessThan(1_000);
    // With op 7, and 1012 for those who stay.
    await eventually(
      () => expect(cluster.workers[shard]?.endings).toMatchObject([{ wasAsked: true }]) ?? true,
    );
  }
  expect(cluster.simulator.stats().resumes - resumes).toBe(shards.length);
  await expectUnharmed(cluster);
});

it('when Redis can be reached again, it joins in again', async () => {
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
  await eventually(() => cluster.simulator.stats().resumes === resumes + SHARDS);
  await cluster.settled({ 'node-a': SHARDS });
  await expectUnharmed(cluster);
  await cluster.proxy('node-a').mend();
  await eventually(
    async () => (await cluster.node('node-a').metric('shardmux_cluster_lease_doubtful_seconds')) === 0,
  );
  expect(cluster.simulator.stats().resumes).toBe(resumes + SHARDS);
});
