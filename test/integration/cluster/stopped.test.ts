/** A node whose process stands still for a while (SIGSTOP), as with a paused virtual machine. The facts are told in order. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cluster, LEASE_TTL_MS, startCluster } from '../../support/cluster.ts';
import { stays } from '../../support/stays.ts';
import { expectUnharmed } from './checks.ts';

const SHARDS = 6;

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({ shards: SHARDS, nodes: 2 });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

it('one that stands still for less than its lease keeps its shards, and Discord sees nothing of it', async () => {
  const { resumes, connectionsOpened } = cluster.simulator.stats();
  const before = cluster.shardsOf('node-a');
  const isAsBefore = () => cluster.shardsOf('node-b').length === SHARDS / 2;
  cluster.pause('node-a');
  await stays(isAsBefore, LEASE_TTL_MS / 4);
  cluster.resume('node-a');
  await stays(isAsBefore, LEASE_TTL_MS);
  expect(cluster.shardsOf('node-a')).toEqual(before);
  expect(cluster.simulator.stats()).toMatchObject({ resumes, connectionsOpened });
  await expectUnharmed(cluster);
});

it('one that wakes up after its lease lets go without a fight, takes its share again, and its workers go on', async () => {
  const { resumes } = cluster.simulator.stats();
  cluster.pause('node-a');
  await cluster.settled({ 'node-b': SHARDS });
  expect(cluster.simulator.stats().resumes - resumes).toBe(SHARDS / 2);
  await cluster.complete();
  cluster.resume('node-a');
  await cluster.settled({ 'node-a': SHARDS / 2, 'node-b': SHARDS / 2 });
  await expectUnharmed(cluster);
  // Taken over, and moved back; nothing was taken back from its new owner.
  expect(cluster.simulator.stats().resumes - resumes).toBe(SHARDS);
});
