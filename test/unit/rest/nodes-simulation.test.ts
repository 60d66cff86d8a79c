/** Several nodes against a strict server, in simulated time: no limit is broken, whatever becomes of nodes. */
import { describe, expect, it } from 'vitest';
import { NodesWorld } from './nodes-world.ts';
import type { ServerRule } from './strict-server.ts';
import { allowed, type Demand, ids } from './world.ts';

const RULES: Readonly<Record<string, ServerRule>> = {
  create: { kind: 'leaky', limit: 5, windowMs: 5_000, hash: 'messages' },
  edit: { kind: 'leaky', limit: 5, windowMs: 5_000, hash: 'messages' },
  roles: { kind: 'fixed', limit: 10, windowMs: 10_000, hash: 'roles' },
  members: { kind: 'leaky', limit: 10, windowMs: 10_000, hash: 'members' },
};

function demands(majors: number): Demand[] {
  const at = (route: string, method: string, path: string, outstanding: number): Demand => {
    return { route, method, path, majors: ids(majors), outstanding };
  };
  return [
    at('create', 'POST', '/channels/%/messages', 6),
    at('edit', 'PATCH', '/channels/%/messages/5', 6),
    at('roles', 'PUT', '/guilds/%/members/5/roles/6', 6),
    at('members', 'GET', '/guilds/%/members', 6),
  ];
}

const NONE = { user: 0, hidden: 0, global: 0 };
/** Real time for one simulation on a machine that has much else to do; a quiet one takes some seconds. */
const PATIENCE_MS = 120_000;

function throughput(world: NodesWorld, asked: readonly Demand[], durationMs: number): number {
  let most = 0;
  for (const { route, majors } of asked) {
    const rule = RULES[route];
    if (rule) most += allowed(rule, durationMs) * majors.length;
  }
  return world.server.accepted / most;
}

const run = (world: NodesWorld, ms: number) => world.clock.runUntil(world.clock.now() + ms);

describe('nodes that share an application', { timeout: PATIENCE_MS }, () => {
  it.each([
    1, 2, 3,
  ])('get no 429 of a bucket, and most of what is allowed, while one is killed and comes back (%i)', async (seed) => {
    const world = new NodesWorld({ rules: RULES, globalLimit: 5_000, latencyMs: [5, 25], seed });
    const [, doomed] = [world.startNode(), world.startNode()];
    const asked = demands(30);
    world.start(asked);
    await run(world, 30_000);
    if (doomed) world.kill(doomed);
    await run(world, 3_000);
    world.startNode();
    await run(world, 27_000);
    expect(world.server.refusedOf).toEqual([]);
    expect(world.server.refused).toEqual(NONE);
    expect(throughput(world, asked, 60_000)).toBeGreaterThan(0.95);
    expect(world.server.acceptedOf.size).toBe(120);
  });

  it.each([1, 2, 3])('share the global limit while one is killed and comes back (%i)', async (seed) => {
    const world = new NodesWorld({ rules: RULES, globalLimit: 50, latencyMs: [10, 40], seed });
    const [, doomed] = [world.startNode(), world.startNode()];
    world.start(demands(60));
    await run(world, 30_000);
    if (doomed) world.kill(doomed);
    await run(world, 3_000);
    world.startNode();
    await run(world, 27_000);
    expect(world.server.refused).toEqual(NONE);
    expect(world.server.accepted).toBeGreaterThan(0.94 * 50 * 60);
  });

  it.each([1, 2, 3, 4, 5, 6])('break no limit, whatever becomes of nodes (%i)', async (seed) => {
    const world = new NodesWorld({ rules: RULES, globalLimit: 300, latencyMs: [1, 50], seed });
    world.startNode();
    world.start(demands(15));
    for (let step = 0; step < 25; step++) {
      await run(world, 200 + world.random() * 5_000);
      const node = world.nodes[Math.floor(world.random() * world.nodes.length)];
      const what = world.random();
      if (!node || world.nodes.length < 2 || what < 0.3) world.startNode();
      else if (what < 0.5) world.kill(node);
      else if (what < 0.7) void world.leave(node);
      else if (what < 0.9) world.hang(node, world.random() * 6_000);
    }
    expect(world.server.refusedOf).toEqual([]);
    expect(world.server.refused).toEqual(NONE);
  });

  it.each([
    1, 2, 3, 4, 5, 6,
  ])('break no limit, and wait for nothing for ever, whatever becomes of their store (%i)', async (seed) => {
    const world = new NodesWorld({ rules: RULES, globalLimit: 50, latencyMs: [1, 50], seed });
    for (let node = 0; node < 3; node++) world.startNode();
    await run(world, 100);
    world.start(demands(20));
    for (let step = 0; step < 20; step++) {
      await run(world, 200 + world.random() * 4_000);
      const what = world.random();
      world.lostReplies = what < 0.3 ? 0.3 : 0;
      world.store.isAway = what > 0.6;
      if (what > 0.4 && what < 0.8) world.store.forgetAll();
      const node = world.nodes[Math.floor(world.random() * world.nodes.length)];
      if (node && what < 0.5) world.hang(node, 1_000 + world.random() * 2_000);
      if (world.store.isAway) await run(world, world.random() * 5_000);
      world.store.isAway = false;
    }
    expect(world.server.refusedOf).toEqual([]);
    expect(world.server.refused).toEqual(NONE);
    await run(world, 20_000);
    const before = new Map(world.server.acceptedOf);
    await run(world, 20_000);
    expect([...before].filter(([name, count]) => world.server.acceptedOf.get(name) === count)).toEqual([]);
  });

  it('keep the limits where the store is slow', async () => {
    const world = new NodesWorld({
      ...{ rules: RULES, globalLimit: 50, latencyMs: [1, 50], seed: 1 },
      storeLatencyMs: [50, 300],
    });
    const [, doomed] = [world.startNode(), world.startNode(), world.startNode()];
    world.start(demands(30));
    await run(world, 20_000);
    if (doomed) world.kill(doomed);
    await run(world, 20_000);
    expect(world.server.refused).toEqual(NONE);
    expect(world.server.accepted).toBeGreaterThan(0.85 * 50 * 40);
  });
});
