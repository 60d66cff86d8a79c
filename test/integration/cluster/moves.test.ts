/** Nodes that come, go and die. Each fact leaves every shard at a node; they are told in order. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cluster, startCluster } from '../../support/cluster.ts';
import { expectUnharmed } from './checks.ts';

const SHARDS = 64;

/** Half of what a node may take for it, and most of that is for busy machines. */
const DRAIN_LIMIT_MS = 15_000;

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({
    shards: SHARDS,
    nodes: 3,
    simulator: { eventsPerSecond: 2_000 },
    shardsWithoutPath: [1, 16, 31, 46, 61],
  });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

it('a fourth node takes a quarter of the shards, one RESUME each', async () => {
  const { resumes } = cluster.simulator.stats();
  await cluster.start('node-d');
  await cluster.settled({ 'node-a': 16, 'node-b': 16, 'node-c': 16, 'node-d': 16 });
  expect(cluster.simulator.stats().resumes - resumes).toBe(16);
  await expectUnharmed(cluster);
});

it('SIGTERM hands over all shards of a node, and it exits with nothing left behind', async () => {
  const { resumes } = cluster.simulator.stats();
  const node = cluster.node('node-b');
  const beganAtMs = Date.now();
  expect(await node.stop()).toBe(0);
  expect(Date.now() - beganAtMs).toBeLessThan(DRAIN_LIMIT_MS);
  expect(cluster.shardsOf('node-b')).toEqual([]);
  expect(node.stderr).toBe('');
  expect(await cluster.inRedis()).not.toContain('node-b');
  await cluster.settled();
  expect(cluster.simulator.stats().resumes - resumes).toBe(16);
  await expectUnharmed(cluster);
});

it('the shards of a killed node are taken over after its lease, and its workers go on', async () => {
  const { resumes } = cluster.simulator.stats();
  const orphans = cluster.shardsOf('node-c');
  await cluster.node('node-c').kill();
  await cluster.settled();
  expect(cluster.simulator.stats().resumes - resumes).toBe(orphans.length);
  await expectUnharmed(cluster);
});

it('a node that was killed and comes back at once under its name gets its share again', async () => {
  await cluster.node('node-d').kill();
  await cluster.start('node-d');
  await cluster.settled({ 'node-a': 32, 'node-d': 32 });
  await expectUnharmed(cluster);
});

it('when all nodes are stopped and start again, every shard RESUMEs, and workers go on', async () => {
  const { resumes } = cluster.simulator.stats();
  const ids = ['node-a', 'node-d'] as const;
  expect(await Promise.all(ids.map((id) => cluster.node(id).stop()))).toEqual([0, 0]);
  expect(cluster.simulator.stats().connections).toBe(0);
  await Promise.all(ids.map((id) => cluster.start(id)));
  await cluster.settled();
  // Whoever starts first takes what it may, and hands over half of it.
  expect(cluster.simulator.stats().resumes - resumes).toBeGreaterThanOrEqual(SHARDS);
  expect(cluster.simulator.stats().resumes - resumes).toBeLessThanOrEqual((3 * SHARDS) / 2);
  await expectUnharmed(cluster);
});
