/** A node that is cut off from Discord, and from nothing else. The facts are told in order. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cluster, startCluster } from '../../support/cluster.ts';
import { stays } from '../../support/stays.ts';
import { expectUnharmed } from './checks.ts';

const SHARDS = 6;
const UNFIT_AFTER_MS = 1_000;

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({
    shards: SHARDS,
    nodes: 2,
    proxied: 'discord',
    env: { SHARDMUX_CLUSTER_UNFIT_AFTER_MS: String(UNFIT_AFTER_MS) },
  });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

it('it hands all its shards over, and workers miss nothing', async () => {
  const { resumes } = cluster.simulator.stats();
  await cluster.proxy('node-a').cut();
  await cluster.settled({ 'node-a': 0, 'node-b': SHARDS });
  expect(cluster.simulator.stats().resumes - resumes).toBe(SHARDS / 2);
  await expectUnharmed(cluster);
});

it('where no node reaches Discord, every shard stays where it is, and goes on there', async () => {
  await cluster.proxy('node-b').cut();
  await cluster.node('node-b').logged(/none of the shards here is connected/);
  await stays(() => cluster.shardsOf('node-b').length === SHARDS, 2 * UNFIT_AFTER_MS);
  await cluster.proxy('node-b').mend();
  await cluster.settled({ 'node-a': 0, 'node-b': SHARDS });
  await expectUnharmed(cluster);
});
