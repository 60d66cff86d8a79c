/** What a worker that IDENTIFYs gets of guilds, wherever its shard has gone. The facts are told in order. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cluster, type NodeId, startCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { guildDifference } from '../../support/guild-truth.ts';
import { expectUnharmed } from './checks.ts';

const SHARDS = 4;

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({
    shards: SHARDS,
    nodes: 2,
    simulator: { guilds: SHARDS * 40, guildState: true, eventsPerSecond: 500 },
    // Small, so that rounds follow each other closely.
    env: {
      SHARDMUX_TAIL_FLUSH_BYTES: '64KiB',
      SHARDMUX_TAIL_MAX_BYTES_PER_SHARD: '512KiB',
    },
  });
});
afterAll(() => cluster?.[Symbol.asyncDispose]());

/** Each shard's guilds, while nothing happens. */
async function differences(): Promise<(string | undefined)[]> {
  cluster.simulator.setRate(0);
  await cluster.complete();
  const all = Array.from({ length: SHARDS }, (_, shard) =>
    guildDifference(cluster.haproxy.workersUrl, cluster.simulator, { shard, shardCount: SHARDS }),
  );
  const found = await Promise.all(all);
  cluster.simulator.setRate(500);
  return found.filter((difference) => difference !== undefined);
}

async function roundsOf(id: NodeId, shard: number): Promise<number> {
  const found = await cluster.node(id).metric('shardmux_guilds_store_rounds_total', { shard: String(shard) });
  return found ?? 0;
}

/** Every shard of the node has stored its guilds so many times since it came there. */
async function rounds(id: NodeId, count: number): Promise<void> {
  await eventually(async () => {
    for (const shard of cluster.shardsOf(id)) {
      const done = await roundsOf(id, shard);
      if (done < count) throw new Error(`shard ${shard} has stored its guilds ${done} times`);
    }
    return true;
  }, 30_000);
}

it('where it was', async () => {
  await rounds('node-a', 2);
  await rounds('node-b', 2);
  expect(await differences()).toEqual([]);
});

it('after a planned move', async () => {
  expect(await cluster.node('node-b').stop()).toBe(0);
  await cluster.settled({ 'node-a': SHARDS });
  expect(await differences()).toEqual([]);
  await expectUnharmed(cluster);
});

it('after another one, right behind it', async () => {
  await cluster.start('node-b');
  await cluster.settled({ 'node-a': SHARDS / 2, 'node-b': SHARDS / 2 });
  expect(await differences()).toEqual([]);
  await rounds('node-b', 1);
});

it('after a takeover', async () => {
  await cluster.node('node-a').kill();
  await cluster.settled({ 'node-b': SHARDS });
  expect(await differences()).toEqual([]);
  await expectUnharmed(cluster);
});

it('after Redis was away while guilds were to be written, came back empty, and another takeover', async () => {
  await cluster.start('node-a');
  await cluster.settled({ 'node-a': SHARDS / 2, 'node-b': SHARDS / 2 });
  await rounds('node-b', 1);
  await cluster.redis.kill();
  await eventually(
    async () => ((await cluster.node('node-b').metric('shardmux_tail_failing')) ?? 0) === SHARDS / 2,
    15_000,
  );
  await cluster.redis.start({ empty: true });
  const before = await Promise.all(cluster.shardsOf('node-b').map((shard) => roundsOf('node-b', shard)));
  await rounds('node-b', Math.max(...before) + 2);
  await cluster.node('node-b').kill();
  await cluster.settled({ 'node-a': SHARDS });
  expect(await differences()).toEqual([]);
  await expectUnharmed(cluster);
});
