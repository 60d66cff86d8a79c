/** The limiter against a strict server, in simulated minutes. */
import { describe, expect, it } from 'vitest';
import type { ServerRule } from './strict-server.ts';
import { allowed, type Demand, ids, World } from './world.ts';

type Name = 'create' | 'edit' | 'roles' | 'delete' | 'react' | 'members';

function rules(): Record<Name, ServerRule> {
  return {
    // One hash over two that are counted apart.
    create: { kind: 'leaky', limit: 5, windowMs: 5_000, hash: 'messages' },
    edit: { kind: 'leaky', limit: 5, windowMs: 5_000, hash: 'messages' },
    roles: { kind: 'fixed', limit: 10, windowMs: 10_000, hash: 'roles' },
    delete: { kind: 'fixed', limit: 5, windowMs: 1_000, hash: 'messages' },
    react: { kind: 'fixed', limit: 1, windowMs: 250, hash: 'reactions' },
    members: { kind: 'leaky', limit: 10, windowMs: 10_000, hash: 'members' },
  };
}

/** 500 lanes, each asked for more than it may. */
function demands(): Demand[] {
  const at = (route: Name, method: string, path: string, majors: number, outstanding: number): Demand => {
    return { route, method, path, majors: ids(majors), outstanding };
  };
  return [
    at('create', 'POST', '/channels/%/messages', 120, 8),
    at('edit', 'PATCH', '/channels/%/messages/5', 120, 8),
    at('roles', 'PUT', '/guilds/%/members/5/roles/6', 100, 14),
    at('delete', 'DELETE', '/channels/%/messages/500000000000000000', 40, 8),
    at('react', 'PUT', '/channels/%/messages/5/reactions/x/@me', 20, 3),
    at('members', 'GET', '/guilds/%/members', 100, 14),
  ];
}

const NONE = { user: 0, hidden: 0, global: 0 };
const MINUTE_MS = 60_000;
/** Real time for one simulation on a machine that has much else to do; a quiet one takes some seconds. */
const PATIENCE_MS = 120_000;

/** What got through, as a part of what the limits allow, in all and where it is least. */
function throughput(world: World, asked: readonly Demand[], durationMs: number) {
  let most = 0;
  let served = 0;
  let least = 1;
  const parts: Record<string, number> = {};
  const limits: Record<string, ServerRule> = rules();
  for (const { route, majors } of asked) {
    const each = allowed(limits[route]!, durationMs);
    const counts = majors.map((major) => world.server.acceptedOf.get(`${route} ${major}`) ?? 0);
    const sum = counts.reduce((a, b) => a + b, 0);
    parts[route] = sum / (each * majors.length);
    least = Math.min(least, ...counts.map((count) => count / each));
    most += each * majors.length;
    served += sum;
  }
  return { part: served / most, least, parts };
}

function outOfOrder(world: World): number {
  let count = 0;
  for (const order of world.order.values()) {
    for (let at = 1; at < order.length; at++) if (order[at]! < order[at - 1]!) count++;
  }
  return count;
}

describe('500 buckets and 20 callers', { timeout: PATIENCE_MS }, () => {
  it('get no 429 and 95 % of what the limits allow, each bucket its part, in order', async () => {
    const world = new World({ rules: rules(), globalLimit: 5_000, latencyMs: [5, 25] });
    const asked = demands();
    world.start(asked, 20);
    await world.clock.runUntil(world.clock.now() + MINUTE_MS);
    expect(world.server.refused).toEqual(NONE);
    expect(outOfOrder(world)).toBe(0);
    const { part, least } = throughput(world, asked, MINUTE_MS);
    expect(part).toBeGreaterThanOrEqual(0.95);
    expect(least).toBeGreaterThan(0.8);
    expect(world.refused).toEqual([]);
  });

  it.each([1, 2])('get no 429 in spite of latencies between 1 and 400 ms (%i)', async (seed) => {
    const world = new World({ rules: rules(), globalLimit: 5_000, latencyMs: [1, 400], seed });
    const asked = demands();
    world.start(asked, 20);
    await world.clock.runUntil(world.clock.now() + MINUTE_MS);
    expect(world.server.refusedOf).toEqual([]);
    const { parts } = throughput(world, asked, MINUTE_MS);
    // A fixed window costs at least the way there and back each time; that is much of a short one.
    for (const route of ['create', 'edit', 'roles', 'members']) expect(parts[route]).toBeGreaterThan(0.95);
  });

  it('share the global limit: none over it, 95 % of it, no bucket and no caller starved', async () => {
    const world = new World({ rules: rules(), globalLimit: 50, latencyMs: [10, 60] });
    world.start(demands(), 20);
    await world.clock.runUntil(world.clock.now() + 3 * MINUTE_MS);
    expect(world.server.refused).toEqual(NONE);
    expect(world.server.accepted).toBeGreaterThanOrEqual(0.95 * 50 * 180);
    expect(world.server.acceptedOf.size).toBe(500);
    // Many callers share a bucket: it does not wait with the one of them whose turn is far.
    for (const route of ['roles', 'members']) {
      const each = ids(100).map((major) => world.server.acceptedOf.get(`${route} ${major}`) ?? 0);
      expect(Math.min(...each)).toBeGreaterThan(0.85 * Math.max(...each));
    }
    const served = [...world.servedOf.values()];
    expect(served).toHaveLength(20);
    expect(Math.min(...served)).toBeGreaterThan(0.8 * Math.max(...served));
  });

  it('go on after a restart as if there had been none', async () => {
    const world = new World({ rules: rules(), globalLimit: 5_000, latencyMs: [5, 25] });
    world.start(demands(), 20);
    for (const forMs of [10_000, 700, 3_100, 10_000]) {
      await world.clock.runUntil(world.clock.now() + forMs);
      world.restart();
    }
    await world.clock.runUntil(world.clock.now() + 10_000);
    expect(world.server.refusedOf).toEqual([]);
    expect(world.server.refused).toEqual(NONE);
    expect(new Set(world.refused)).toEqual(new Set(['closed']));
  });
});

it.each([
  1, 2, 3, 4,
])('two routes of one hash that callers keep busy in one channel both go on (%i)', async (seed) => {
  const world = new World({ rules: rules(), globalLimit: 5_000, latencyMs: [1, 50], seed });
  const busy = { majors: ids(1), outstanding: 6 };
  const asked = [
    { ...busy, route: 'create', method: 'POST', path: '/channels/%/messages' },
    { ...busy, route: 'edit', method: 'PATCH', path: '/channels/%/messages/5' },
  ];
  world.start(asked, 20);
  await world.clock.runUntil(world.clock.now() + MINUTE_MS);
  expect(world.server.refused).toEqual(NONE);
  expect(throughput(world, asked, MINUTE_MS).least).toBeGreaterThan(0.6);
});

describe('limits that no header shows', { timeout: PATIENCE_MS }, () => {
  it('cost one 429 each time their window begins anew, and others nothing', async () => {
    const hidden = { limit: 2, windowMs: 20_000 };
    const world = new World({
      rules: { ...rules(), edit: { ...rules().edit, hidden } },
      globalLimit: 5_000,
      latencyMs: [5, 25],
    });
    const asked = demands();
    world.start(asked, 20);
    await world.clock.runUntil(world.clock.now() + MINUTE_MS);
    expect(world.server.refused).toMatchObject({ user: 0, global: 0 });
    // At the first, as many were on their way as the limit that shows allows.
    expect(world.server.refused.hidden).toBeLessThanOrEqual(120 * (3 + 3));
    expect(throughput(world, asked, MINUTE_MS).parts['create']).toBeGreaterThan(0.95);
  });

  it('that change cost what was on its way, and are known from then on', async () => {
    const changing = rules();
    const world = new World({ rules: changing, globalLimit: 5_000, latencyMs: [5, 25] });
    world.start(demands(), 20);
    await world.clock.runUntil(world.clock.now() + 30_000);
    expect(world.server.refused).toEqual(NONE);
    changing.create = { ...changing.create, limit: 3 };
    changing.roles = { ...changing.roles, limit: 4, windowMs: 5_000 };
    await world.clock.runUntil(world.clock.now() + 11_000);
    const learnt = { ...world.server.refused };
    expect(learnt.user).toBeLessThan(2 * (120 + 100));
    await world.clock.runUntil(world.clock.now() + 20_000);
    expect(world.server.refused).toEqual(learnt);
  });
});
