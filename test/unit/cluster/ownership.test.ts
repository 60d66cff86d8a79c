import { describe, expect, it } from 'vitest';
import { LEASE_TTL_MS, RENEW_INTERVAL_MS, TestNodes } from './nodes.ts';

const SHARDS = 12;

/** What the holder of a shard was asked for, of one shard. */
function callsOf({ holder }: { holder: { calls: readonly string[] } }, shardId: number): string[] {
  return holder.calls.filter((call) => call.endsWith(` ${shardId}`)).map((call) => call.split(' ')[0] ?? '');
}

/** `a` has passed half of its shards on to `b`. `before`: the leases as they were. */
async function afterMoves(nodes: TestNodes) {
  const a = nodes.node('a');
  const before = new Map(a.ownership.view.leases);
  const b = await nodes.start('b');
  await nodes.until(() => b.holder.here.size === SHARDS / 2);
  await nodes.elapse(RENEW_INTERVAL_MS);
  return { a, b, before };
}

describe('shards that were never held', () => {
  it('are taken a lease after the first node came, each node its share', async () => {
    await using nodes = new TestNodes(SHARDS);
    await nodes.start('a');
    await nodes.start('b');
    await nodes.elapse(LEASE_TTL_MS - 50);
    expect(nodes.numbers).toEqual({ a: 0, b: 0 });
    await nodes.elapse(RENEW_INTERVAL_MS);
    expect(nodes.numbers).toEqual({ a: 6, b: 6 });
  });
});

describe('a node that comes', () => {
  it('is handed its share, each shard once it has read its tail', async () => {
    await using nodes = await TestNodes.settled(SHARDS, ['a', 'b']);
    const c = await nodes.start('c');
    await nodes.until(() => c.holder.here.size === 4, 2 * RENEW_INTERVAL_MS);
    await nodes.elapse(RENEW_INTERVAL_MS);
    expect(nodes.numbers).toEqual({ a: 4, b: 4, c: 4 });
    for (const shardId of c.holder.here) {
      expect(callsOf(c, shardId)).toEqual(['prepare', 'take']);
      const from = nodes.nodes.find((node) => callsOf(node, shardId).includes('suspend'));
      expect(callsOf(from ?? c, shardId)).toEqual(['take', 'suspend', 'leave', 'drop']);
    }
  });

  it('is handed so many shards at a time as maxParallelMoves says', async () => {
    await using nodes = await TestNodes.settled(SHARDS, ['a'], { maxParallelMoves: 2 });
    const b = await nodes.start('b');
    await nodes.until(() => b.holder.here.size === SHARDS / 2);
    expect(nodes.nodes[0]?.holder.mostSuspended).toBe(2);
  });

  it('gets its share too when every message is lost, only later', async () => {
    await using nodes = await TestNodes.settled(SHARDS, ['a', 'b']);
    const c = await nodes.start('c');
    for (const { faults } of nodes.nodes) faults.losesMessages = true;
    await nodes.until(() => c.holder.here.size === 4);
    await nodes.elapse(LEASE_TTL_MS);
    expect(nodes.numbers).toEqual({ a: 4, b: 4, c: 4 });
    expect(nodes.nodes.map(({ ownership }) => ownership.counts.lost)).toEqual([0, 0, 0]);
  });
});

describe('a move that fails', () => {
  it('leaves the shard where it is when its tail can not be written, and is tried again later', async () => {
    await using nodes = await TestNodes.settled(SHARDS, ['a']);
    const a = nodes.node('a');
    a.holder.canWriteTails = false;
    const b = await nodes.start('b');
    await nodes.until(() => a.holder.calls.some((call) => call.startsWith('resume')));
    expect(nodes.numbers).toEqual({ a: SHARDS, b: 0 });
    a.holder.canWriteTails = true;
    await nodes.until(() => b.holder.here.size === SHARDS / 2);
    expect(a.ownership.moves.counts).toEqual({ moved: expect.any(Number), failed: expect.any(Number) });
    expect(a.ownership.moves.counts.failed).toBeGreaterThan(0);
  });

  it('leaves the shard where it is when the store can not pass it', async () => {
    await using nodes = await TestNodes.settled(SHARDS, ['a']);
    const a = nodes.node('a');
    a.faults.canNotPass = true;
    const b = await nodes.start('b');
    await nodes.until(() => a.ownership.moves.counts.failed > 0);
    expect(nodes.numbers).toEqual({ a: SHARDS, b: 0 });
    a.faults.canNotPass = false;
    await nodes.until(() => b.holder.here.size === SHARDS / 2);
  });

  it('is over when the node that was to have the shard dies after it has prepared it', async () => {
    await using nodes = await TestNodes.settled(SHARDS, ['a']);
    const a = nodes.node('a');
    a.faults.canNotPass = true;
    const b = await nodes.start('b');
    await nodes.until(() => b.holder.calls.some((call) => call.startsWith('prepare')));
    await nodes.kill(b);
    a.faults.canNotPass = false;
    await nodes.elapse(2 * LEASE_TTL_MS);
    expect(nodes.numbers).toEqual({ a: SHARDS });
  });
});

it('a shard that is passed on is not given up because a renewal crossed that', async () => {
  await using nodes = await TestNodes.settled(SHARDS, ['a']);
  const a = nodes.node('a');
  const b = await nodes.start('b');
  // The answer of the pass is there, and that of a renewal that came after it is heard first.
  a.faults.beforePassAnswer = () => a.ownership.renewNow();
  await nodes.until(() => b.holder.here.size === SHARDS / 2, 2 * RENEW_INTERVAL_MS);
  expect(a.ownership.counts.lost).toBe(0);
  expect(a.ownership.moves.counts.moved).toBe(SHARDS / 2);
});

describe('a node that is gone', () => {
  it('is noticed when its lease has lapsed, and its shards go to those that are left', async () => {
    await using nodes = await TestNodes.settled(SHARDS, ['a', 'b', 'c']);
    const c = nodes.node('c');
    await nodes.kill(c);
    await nodes.elapse(LEASE_TTL_MS - RENEW_INTERVAL_MS - 50);
    expect(nodes.numbers).toEqual({ a: 4, b: 4 });
    await nodes.elapse(RENEW_INTERVAL_MS + 100);
    expect(nodes.numbers).toEqual({ a: 6, b: 6 });
  });

  it('has handed everything over when it was drained', async () => {
    await using nodes = await TestNodes.settled(SHARDS, ['a', 'b', 'c']);
    const c = nodes.node('c');
    c.isDraining = true;
    const drained = c.ownership.drain(new AbortController().signal);
    await nodes.until(() => c.ownership.holdings.size === 0, 2 * RENEW_INTERVAL_MS);
    await nodes.elapse(RENEW_INTERVAL_MS);
    await drained;
    expect(nodes.numbers).toEqual({ a: 6, b: 6, c: 0 });
  });

  it('is not waited for by a drain when it was the only other one', async () => {
    await using nodes = await TestNodes.settled(SHARDS, ['a']);
    const a = nodes.node('a');
    a.isDraining = true;
    await a.ownership.drain(new AbortController().signal);
    expect(nodes.numbers).toEqual({ a: SHARDS });
  });
});

it('a node that comes while the others are cut off from Discord gets its share, and the rest once it is connected', async () => {
  await using nodes = await TestNodes.settled(SHARDS, ['a', 'b']);
  for (const node of nodes.nodes) node.reach = 'cut-off';
  await nodes.elapse(2 * RENEW_INTERVAL_MS);
  expect(nodes.numbers).toEqual({ a: 6, b: 6 });
  const c = await nodes.start('c');
  await nodes.elapse(2 * LEASE_TTL_MS);
  expect(nodes.numbers).toEqual({ a: 4, b: 4, c: 4 });
  c.reach = 'connected';
  await nodes.until(() => c.holder.here.size === SHARDS, 3 * RENEW_INTERVAL_MS);
});

describe('when the store is not to be trusted', () => {
  it('nobody takes anything because its clock jumped', async () => {
    await using nodes = await TestNodes.settled(SHARDS, ['a', 'b', 'c']);
    const before = nodes.shards;
    nodes.storeClock.advance(3_600_000);
    await nodes.elapse(3 * LEASE_TTL_MS);
    expect(nodes.shards).toEqual(before);
    expect(nodes.nodes.map(({ ownership }) => ownership.counts)).toMatchObject(
      Array(3).fill({ lapsedTaken: 0, lost: 0 }),
    );
  });

  it('nobody takes anything because it was away for all, and who is gone since is noticed all the same', async () => {
    await using nodes = await TestNodes.settled(SHARDS, ['a', 'b', 'c']);
    const before = nodes.shards;
    for (const { faults } of nodes.nodes) faults.isCutOff = true;
    await nodes.elapse(3 * LEASE_TTL_MS);
    expect(nodes.shards).toEqual(before);
    const c = nodes.node('c');
    await nodes.kill(c);
    for (const { faults } of nodes.nodes) faults.isCutOff = false;
    await nodes.elapse(LEASE_TTL_MS - 50);
    expect(nodes.numbers).toEqual({ a: 4, b: 4 });
    await nodes.elapse(2 * RENEW_INTERVAL_MS);
    expect(nodes.numbers).toEqual({ a: 6, b: 6 });
  });

  it('the tails are written anew when it has lost its data, once', async () => {
    await using nodes = await TestNodes.settled(SHARDS, ['a', 'b']);
    const [a, b] = nodes.nodes;
    if (!a || !b) throw new Error('no node');
    a.faults.isForgotten = true;
    await nodes.elapse(3 * RENEW_INTERVAL_MS);
    const rewritings = ({ holder }: typeof a) => holder.calls.filter((call) => call === 'rewrite tails');
    expect([rewritings(a), rewritings(b)]).toEqual([['rewrite tails'], []]);
  });

  it('nobody takes anything because it was away for about as long as a lease lives', async () => {
    for (let awayMs = LEASE_TTL_MS - 2 * RENEW_INTERVAL_MS; awayMs <= LEASE_TTL_MS; awayMs += 100) {
      await using nodes = new TestNodes(SHARDS);
      // So that they renew, and lapse, at different times.
      for (const nodeId of ['a', 'b', 'c', 'd']) {
        await nodes.start(nodeId);
        await nodes.elapse(RENEW_INTERVAL_MS / 4);
      }
      await nodes.elapse(2 * LEASE_TTL_MS);
      for (const { faults } of nodes.nodes) faults.isCutOff = true;
      await nodes.elapse(awayMs);
      for (const { faults } of nodes.nodes) faults.isCutOff = false;
      await nodes.elapse(LEASE_TTL_MS);
      expect(
        nodes.nodes.map(({ ownership }) => ownership.counts.lapsedTaken),
        `${awayMs} ms`,
      ).toEqual(Array(4).fill(0));
    }
  });

  it('a node does not take back what it has passed on because the store has forgotten that', async () => {
    await using nodes = await TestNodes.settled(SHARDS, ['a']);
    const { a, b, before } = await afterMoves(nodes);
    for (const shardId of b.holder.here) {
      const older = before.get(shardId);
      if (older) a.faults.olderLeases.set(shardId, older);
    }
    await nodes.elapse(LEASE_TTL_MS - RENEW_INTERVAL_MS);
    for (const shardId of b.holder.here)
      expect(callsOf(a, shardId)).toEqual(['take', 'suspend', 'leave', 'drop']);
  });

  it('a node takes back what it has passed on when the store has forgotten that, and nobody says otherwise', async () => {
    await using nodes = await TestNodes.settled(SHARDS, ['a']);
    const { a, b, before } = await afterMoves(nodes);
    await nodes.kill(b);
    for (const [shardId, lease] of before) a.faults.olderLeases.set(shardId, lease);
    await nodes.until(() => a.holder.here.size === SHARDS, 2 * LEASE_TTL_MS);
  });

  it('a node that is cut off alone keeps what it serves until it hears that it is served elsewhere', async () => {
    await using nodes = await TestNodes.settled(SHARDS, ['a', 'b']);
    const a = nodes.node('a');
    a.faults.isCutOff = true;
    await nodes.elapse(2 * LEASE_TTL_MS);
    expect(nodes.numbers).toEqual({ a: 6, b: SHARDS });
    expect(a.ownership.contact.isConfirmed(nodes.clock.now())).toBe(false);
    a.faults.isCutOff = false;
    await nodes.elapse(2 * LEASE_TTL_MS);
    expect(a.ownership.counts.lost).toBe(6);
    expect(nodes.numbers).toEqual({ a: 6, b: 6 });
  });
});

it('a node whose name another process has taken gives everything up', async () => {
  await using nodes = await TestNodes.settled(SHARDS, ['a', 'b']);
  const a = nodes.node('a');
  a.faults.isCutOff = true;
  await nodes.elapse(LEASE_TTL_MS);
  const successor = await nodes.start('a');
  a.faults.isCutOff = false;
  await nodes.elapse(RENEW_INTERVAL_MS);
  expect(a.replacedBy).toMatchObject([{ ...successor.identity }]);
  expect(a.holder.here.size).toBe(0);
  await nodes.elapse(2 * LEASE_TTL_MS);
  expect([successor.holder.here.size, nodes.nodes[1]?.holder.here.size]).toEqual([6, 6]);
});
