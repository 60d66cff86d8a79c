/** Moves that meet something else on their way: a shard that comes back, a node that is gone, an answer that comes first. */
import { expect, it } from 'vitest';
import { LEASE_TTL_MS, RENEW_INTERVAL_MS, type TestNode, TestNodes } from './nodes.ts';

const SHARDS = 4;

async function twoNodes(): Promise<{ nodes: TestNodes; a: TestNode; b: TestNode }> {
  const nodes = await TestNodes.settled(SHARDS, ['a']);
  const b = await nodes.start('b');
  const [a] = nodes.nodes;
  if (!a) throw new Error('no node');
  return { nodes, a, b };
}

it('a shard that has come back is not dropped by the move that it left with', async () => {
  const { nodes, a, b } = await twoNodes();
  await using _ = nodes;
  // The words that workers may follow get lost, so the move waits for its limit.
  a.faults.beforePassAnswer = () => {
    b.faults.losesMessages = true;
  };
  await nodes.until(() => b.holder.here.size === SHARDS / 2);
  const moved = [...b.holder.here];
  b.faults.losesMessages = false;
  b.isDraining = true;
  await nodes.until(() => a.holder.here.size === SHARDS, 2_000);
  await nodes.elapse(LEASE_TTL_MS);
  expect([...a.holder.here].sort()).toEqual([0, 1, 2, 3]);
  for (const shardId of moved) expect(a.holder.calls).not.toContain(`drop ${shardId}`);
  expect(a.ownership.counts.lost).toBe(0);
});

it('workers are told at once where the new owner learnt of its lease by a renewal, before the message', async () => {
  const { nodes, a, b } = await twoNodes();
  await using _ = nodes;
  // The message follows the answer.
  a.faults.beforePassAnswer = () => b.ownership.renewNow();
  await nodes.until(() => a.ownership.moves.counts.moved === SHARDS / 2, 2 * RENEW_INTERVAL_MS);
  expect(nodes.numbers).toEqual({ a: 2, b: 2 });
});

it('a node that gives no sign of life is passed no shards', async () => {
  const { nodes, a, b } = await twoNodes();
  await using _ = nodes;
  await nodes.kill(b);
  await nodes.elapse(2 * LEASE_TTL_MS);
  expect(a.holder.calls.filter((call) => call.startsWith('suspend'))).toEqual([]);
  expect(a.holder.here.size).toBe(SHARDS);
});

it('a node on its way out is passed no shards, also where the move had begun', async () => {
  const { nodes, a, b } = await twoNodes();
  await using _ = nodes;
  b.faults.losesMessages = true;
  await nodes.until(() => b.holder.calls.some((call) => call.startsWith('prepare')));
  b.isDraining = true;
  await nodes.elapse(2 * LEASE_TTL_MS);
  expect(a.holder.calls.filter((call) => call.startsWith('suspend'))).toEqual([]);
  expect(nodes.numbers).toEqual({ a: SHARDS, b: 0 });
});

it('a node that has lost shards knows their new owner at once', async () => {
  await using nodes = await TestNodes.settled(SHARDS, ['a', 'b']);
  const [a, b] = nodes.nodes;
  if (!a || !b) throw new Error('no node');
  const [shardId] = a.holder.here;
  if (shardId === undefined) throw new Error('no shard');
  a.faults.isCutOff = true;
  await nodes.until(() => b.holder.here.size === SHARDS);
  a.faults.isCutOff = false;
  await nodes.until(() => !a.holder.here.has(shardId));
  expect(a.ownership.ownerElsewhere(shardId)?.nodeId).toBe('b');
});
