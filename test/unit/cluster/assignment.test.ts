import { describe, expect, it } from 'vitest';
import { type AssignmentMember, assign } from '../../../src/cluster/assignment.ts';
import type { Reach } from '../../../src/cluster/ports.ts';
import { Random } from '../../../src/simulator/random.ts';

type Plan = ReadonlyMap<number, string>;

const NOBODY: Plan = new Map();
const SEEDS = Array.from({ length: 40 }, (_, seed) => seed);

const member = (nodeId: string, weight = 1, isDraining = false): AssignmentMember => ({
  nodeId,
  weight,
  isDraining,
  reach: 'unknown',
});
const members = (count: number) => Array.from({ length: count }, (_, index) => member(`node-${index}`));

function countsOf(plan: Plan): Map<string, number> {
  const counts = new Map<string, number>();
  for (const nodeId of plan.values()) counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1);
  return counts;
}

const movedBetween = (before: Plan, after: Plan) =>
  [...after].filter(([shardId, nodeId]) => before.get(shardId) !== nodeId).map(([shardId]) => shardId);

const without = (plan: Plan, nodeId: string): Plan =>
  new Map([...plan].filter(([, holder]) => holder !== nodeId));

function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  return items
    .map((item) => ({ item, key: random.next() }))
    .sort((left, right) => left.key - right.key)
    .map(({ item }) => item);
}

/** Any state in which no node holds more than one shard more than another, whoever holds what. */
function balancedState(shardCount: number, nodes: readonly AssignmentMember[], random: Random): Plan {
  const order = shuffled(nodes, random);
  const shardIds = shuffled([...Array(shardCount).keys()], random);
  return new Map(shardIds.map((shardId, index) => [shardId, order[index % order.length]!.nodeId]));
}

/** Every node that takes shards has its share, rounded down or up, and every shard a node. */
function expectQuotas(plan: Plan, shardCount: number, nodes: readonly AssignmentMember[]): void {
  const taking = nodes.filter(({ isDraining }) => !isDraining);
  const total = taking.reduce((sum, { weight }) => sum + weight, 0);
  const counts = countsOf(plan);
  expect(plan.size).toBe(shardCount);
  expect(taking.map(({ nodeId }) => nodeId)).toEqual(expect.arrayContaining([...counts.keys()]));
  for (const { nodeId, weight } of taking) {
    const share = (shardCount * weight) / total;
    expect(counts.get(nodeId) ?? 0).toBeGreaterThanOrEqual(Math.floor(share + 1e-9));
    expect(counts.get(nodeId) ?? 0).toBeLessThanOrEqual(Math.ceil(share - 1e-9));
  }
}

describe('a plan', () => {
  it('gives one node everything', () => {
    expect([...assign({ shardCount: 3, members: members(1), current: NOBODY })]).toEqual([
      [0, 'node-0'],
      [1, 'node-0'],
      [2, 'node-0'],
    ]);
  });

  it('gives nobody anything where nobody is there', () => {
    expect(assign({ shardCount: 3, members: [], current: new Map([[0, 'gone']]) }).size).toBe(0);
  });

  it('gives some nodes nothing where there are more nodes than shards', () => {
    const plan = assign({ shardCount: 2, members: members(5), current: NOBODY });
    expect([...countsOf(plan).values()]).toEqual([1, 1]);
  });

  it('passes over shards that are none, and holders that are no members', () => {
    const current = new Map([
      [0, 'gone'],
      [7, 'node-0'],
    ]);
    expect([...assign({ shardCount: 1, members: members(1), current })]).toEqual([[0, 'node-0']]);
  });

  it.each([
    [[1, 1, 1, 1], 64, [16, 16, 16, 16]],
    [[2, 1, 1], 64, [32, 16, 16]],
    [[0.1, 0.2, 0.3], 60, [10, 20, 30]],
    [[100, 0.5], 201, [200, 1]],
  ])('splits by the weights %j %i shards into %j', (weights, shardCount, expected) => {
    const nodes = weights.map((weight, index) => member(`node-${index}`, weight));
    const counts = countsOf(assign({ shardCount, members: nodes, current: NOBODY }));
    expect(nodes.map(({ nodeId }) => counts.get(nodeId))).toEqual(expected);
  });

  it.each(SEEDS)('keeps every node at its share by weight, rounded down or up (seed %i)', (seed) => {
    const random = new Random(seed);
    const shardCount = 1 + random.below(300);
    const nodes = members(1 + random.below(12)).map(({ nodeId }) =>
      member(nodeId, 0.1 + random.below(100) / 10),
    );
    const plan = assign({ shardCount, members: nodes, current: NOBODY });
    expectQuotas(plan, shardCount, nodes);
  });

  it.each(SEEDS)('does not depend on the order of members (seed %i)', (seed) => {
    const random = new Random(seed);
    const nodes = members(7).map(({ nodeId }) => member(nodeId, 1 + random.below(3), random.below(4) === 0));
    const current = balancedState(50, nodes, random);
    const plan = assign({ shardCount: 50, members: nodes, current });
    const other = assign({
      shardCount: 50,
      members: shuffled(nodes, random),
      current: new Map(shuffled([...current], random)),
    });
    expect(new Map(other)).toEqual(new Map(plan));
  });

  it.each(SEEDS)('changes nothing once it is carried out (seed %i)', (seed) => {
    const random = new Random(seed);
    const nodes = members(1 + random.below(9)).map(({ nodeId }) => member(nodeId, 1 + random.below(5)));
    const current = balancedState(100, members(3), random);
    const plan = assign({ shardCount: 100, members: nodes, current });
    expect(assign({ shardCount: 100, members: nodes, current: plan })).toEqual(plan);
  });

  it('spreads the shards of a node that is gone over all the others', () => {
    const before = assign({ shardCount: 1000, members: members(5), current: NOBODY });
    const after = assign({ shardCount: 1000, members: members(4), current: before });
    const takers = countsOf(new Map(movedBetween(before, after).map((id) => [id, after.get(id)!])));
    expect([...takers.values()]).toEqual([50, 50, 50, 50]);
  });

  it('spreads shards that are neighbours over the nodes, from nothing', () => {
    const plan = assign({ shardCount: 1000, members: members(10), current: NOBODY });
    const changes = [...Array(999).keys()].filter((id) => plan.get(id) !== plan.get(id + 1));
    expect(changes.length).toBeGreaterThan(800);
  });

  it('rounds up at another node for another application', () => {
    const takers = Array.from({ length: 300 }, (_, salt) =>
      assign({ shardCount: 1, members: members(3), current: NOBODY, salt: String(salt) }).get(0),
    );
    for (const { nodeId } of members(3)) {
      expect(takers.filter((taker) => taker === nodeId).length).toBeGreaterThan(70);
    }
  });

  it('is made for 10,000 shards and 100 nodes within 200 ms', () => {
    const input = { shardCount: 10_000, members: members(100), current: NOBODY };
    const times = Array.from({ length: 5 }, () => {
      const startedAt = performance.now();
      assign(input);
      return performance.now() - startedAt;
    });
    expect(Math.min(...times)).toBeLessThan(200);
  });
});

describe('a node that comes', () => {
  it('takes 16 of 64 shards as the fourth', () => {
    const before = assign({ shardCount: 64, members: members(3), current: NOBODY });
    const after = assign({ shardCount: 64, members: members(4), current: before });
    expect(movedBetween(before, after)).toHaveLength(16);
  });

  it.each(
    SEEDS,
  )('takes at most its share, and no other node takes any, from any balanced state (seed %i)', (seed) => {
    const random = new Random(seed);
    const shardCount = 1 + random.below(400);
    const count = 1 + random.below(20);
    const before = balancedState(shardCount, members(count), random);
    const after = assign({ shardCount, members: members(count + 1), current: before });
    const moved = movedBetween(before, after);
    expect(moved.length).toBeLessThanOrEqual(Math.ceil(shardCount / (count + 1)));
    expect(moved.filter((shardId) => after.get(shardId) !== `node-${count}`)).toEqual([]);
    expectQuotas(after, shardCount, members(count + 1));
  });
});

describe('a node that goes', () => {
  it.each(SEEDS)('moves its own shards only, from any balanced state (seed %i)', (seed) => {
    const random = new Random(seed);
    const shardCount = 1 + random.below(400);
    const nodes = members(2 + random.below(20));
    const before = balancedState(shardCount, nodes, random);
    const { nodeId } = random.pick(nodes);
    const left = nodes.filter((node) => node.nodeId !== nodeId);
    const after = assign({ shardCount, members: left, current: without(before, nodeId) });
    expect(movedBetween(before, after).filter((shardId) => before.get(shardId) !== nodeId)).toEqual([]);
    expectQuotas(after, shardCount, left);
  });

  it('gives up all its shards while it drains, although it still holds them', () => {
    const before = assign({ shardCount: 64, members: members(4), current: NOBODY });
    const draining = members(4).map((node) => ({ ...node, isDraining: node.nodeId === 'node-2' }));
    const after = assign({ shardCount: 64, members: draining, current: before });
    expectQuotas(after, 64, draining);
    expect(movedBetween(before, after).every((shardId) => before.get(shardId) === 'node-2')).toBe(true);
  });

  it('keeps what it has, and takes nothing, where everybody drains', () => {
    const nodes = members(3).map((node) => ({ ...node, isDraining: true }));
    const before = assign({ shardCount: 9, members: members(3), current: NOBODY });
    const held = without(before, 'node-1');
    expect(assign({ shardCount: 9, members: nodes, current: held })).toEqual(held);
  });
});

describe('a node that is cut off from Discord', () => {
  const nodesWith = (...reaches: readonly Reach[]) =>
    members(reaches.length).map((node, index) => ({ ...node, reach: reaches[index] ?? 'unknown' }));
  /** `counts[i]` shards are at `node-i`. */
  const heldBy = (...counts: readonly number[]): Plan =>
    new Map(counts.flatMap((count, index) => Array(count).fill(`node-${index}`)).entries());
  const countsAt = (plan: Plan, nodes: readonly AssignmentMember[]) =>
    nodes.map(({ nodeId }) => countsOf(plan).get(nodeId) ?? 0);

  it('gives up all its shards where another is connected', () => {
    const nodes = nodesWith('cut-off', 'connected', 'unknown');
    const plan = assign({ shardCount: 30, members: nodes, current: heldBy(10, 10, 10) });
    expect(countsAt(plan, nodes)).toEqual([0, 15, 15]);
  });

  it('gives a node that has only just come its share, and the rest once that one is connected', () => {
    const shardCount = 60;
    const nodes = nodesWith('cut-off', 'cut-off', 'unknown');
    const before = heldBy(30, 30);
    const plan = assign({ shardCount, members: nodes, current: before });
    expect(countsAt(plan, nodes)).toEqual([20, 20, 20]);
    expect(assign({ shardCount, members: nodes, current: plan })).toEqual(plan);
    const after = nodesWith('cut-off', 'cut-off', 'connected');
    expect(countsAt(assign({ shardCount, members: after, current: plan }), nodes)).toEqual([0, 0, 60]);
  });

  it('keeps its share where no other is connected either', () => {
    const nodes = nodesWith('cut-off', 'unknown', 'unknown');
    const before = heldBy(20, 20, 20);
    expect(assign({ shardCount: 60, members: nodes, current: before })).toEqual(before);
  });

  it('gets nothing back while the others are not connected for a moment', () => {
    const nodes = nodesWith('cut-off', 'unknown');
    const before = heldBy(5, 55);
    expect(assign({ shardCount: 60, members: nodes, current: before })).toEqual(before);
  });

  it('gives its only shard to a node that has none', () => {
    const nodes = nodesWith('cut-off', 'unknown');
    expect(countsAt(assign({ shardCount: 1, members: nodes, current: heldBy(1) }), nodes)).toEqual([0, 1]);
  });

  it('does not keep another from handing over everything when it is shut down', () => {
    const nodes = nodesWith('cut-off', 'unknown', 'unknown').map((node) => ({
      ...node,
      isDraining: node.nodeId === 'node-1',
    }));
    const plan = assign({ shardCount: 60, members: nodes, current: heldBy(20, 20, 20) });
    expect(countsAt(plan, nodes)).toEqual([20, 0, 40]);
    const draining = nodes.map((node) => ({ ...node, isDraining: node.nodeId !== 'node-2' }));
    expect(countsAt(assign({ shardCount: 60, members: draining, current: plan }), nodes)).toEqual([0, 0, 60]);
  });
});

/** What has to move whatever the plan is: free shards, those of draining nodes, and those above a node's share rounded up or down. */
function unavoidableMoves(before: Plan, after: Plan, shardCount: number, nodes: readonly AssignmentMember[]) {
  const taking = new Set(nodes.filter(({ isDraining }) => !isDraining).map(({ nodeId }) => nodeId));
  const held = countsOf(new Map([...before].filter(([, nodeId]) => taking.has(nodeId))));
  const planned = countsOf(after);
  const kept = [...taking].reduce((sum, id) => sum + Math.min(held.get(id) ?? 0, planned.get(id) ?? 0), 0);
  return shardCount - kept;
}

describe('a history of nodes that come, go and drain', () => {
  it.each(SEEDS)('stays balanced, and moves no shard that could stay (seed %i)', (seed) => {
    const random = new Random(seed);
    const shardCount = 1 + random.below(200);
    let nodes: readonly AssignmentMember[] = members(3);
    let plan = assign({ shardCount, members: nodes, current: NOBODY });
    for (let step = 0; step < 60; step++) {
      nodes = changed(nodes, step, random);
      const before = plan;
      const live = new Set(nodes.map(({ nodeId }) => nodeId));
      const current = new Map([...before].filter(([, nodeId]) => live.has(nodeId)));
      plan = assign({ shardCount, members: nodes, current });
      if (nodes.every(({ isDraining }) => isDraining)) {
        expect(plan).toEqual(current);
        continue;
      }
      expectQuotas(plan, shardCount, nodes);
      expect(movedBetween(current, plan)).toHaveLength(unavoidableMoves(current, plan, shardCount, nodes));
    }
  });
});

function changed(nodes: readonly AssignmentMember[], step: number, random: Random): AssignmentMember[] {
  const picked = random.below(nodes.length);
  switch (random.below(4)) {
    case 0:
      return nodes.length > 1 ? nodes.filter((_, index) => index !== picked) : [...nodes];
    case 1:
      return nodes.map((node, index) =>
        index === picked ? { ...node, isDraining: !node.isDraining } : node,
      );
    default:
      return [...nodes, member(`new-${step}`)];
  }
}
