import { expect, it } from 'vitest';
import {
  type IdentifyBudget,
  IdentifyGate,
  type IdentifyGateOptions,
} from '../../../src/upstream/identify-gate.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const START_MS = 1_000_000;
const INTERVAL_MS = 5_000;

function newGate(options: Partial<IdentifyGateOptions> & { budget?: Partial<IdentifyBudget> } = {}) {
  const clock = new ManualClock(START_MS);
  const last = new Map<number, number>();
  const held: { remaining: number; reserve: number; waitMs: number }[] = [];
  const gate = new IdentifyGate({
    slots: {
      lastIdentifyAtMs: (bucket) => last.get(bucket) ?? 0,
      recordIdentify: (bucket, atMs) => last.set(bucket, atMs),
    },
    clock,
    reserve: 0,
    fetchBudget: async () => ({
      maxConcurrency: 1,
      remaining: 1_000,
      resetAtMs: START_MS + 86_400_000,
      ...options.budget,
    }),
    onBudgetHeld: (what) => held.push(what),
    ...options,
  });
  const granted: { shard: number; atMs: number }[] = [];
  const signal = new AbortController().signal;
  const ask = (shard: number, until = signal) =>
    gate.wait(shard, until).then(() => {
      granted.push({ shard, atMs: clock.now() - START_MS });
    });
  return { gate, clock, last, held, granted, ask };
}

/** Lets everything run that waits for nothing but promises. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    await settle();
    clock.advance(50);
  }
  await settle();
}

it('lets one through in five seconds a bucket, first come first served', async () => {
  const { clock, granted, ask } = newGate();
  for (const shard of [2, 0, 1]) void ask(shard);
  await pass(clock, 30_000);
  expect(granted.map(({ shard }) => shard)).toEqual([2, 0, 1]);
  const [a, b, c] = granted.map(({ atMs }) => atMs);
  expect(a).toBe(0);
  expect((b ?? 0) - (a ?? 0)).toBeGreaterThanOrEqual(INTERVAL_MS);
  expect((c ?? 0) - (b ?? 0)).toBeGreaterThanOrEqual(INTERVAL_MS);
  expect(c).toBeLessThan(3 * INTERVAL_MS);
});

it('lets buckets through side by side', async () => {
  const { clock, granted, ask } = newGate({ budget: { maxConcurrency: 4 } });
  for (let shard = 0; shard < 8; shard++) void ask(shard);
  await pass(clock, 100);
  expect(granted.map(({ shard }) => shard)).toEqual([0, 1, 2, 3]);
  await pass(clock, INTERVAL_MS + 200);
  expect(granted.map(({ shard }) => shard)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

it('keeps to the slot of an earlier process', async () => {
  const { clock, last, granted, ask } = newGate();
  last.set(0, START_MS - 2_000);
  void ask(0);
  await pass(clock, 2_900);
  expect(granted).toEqual([]);
  await pass(clock, 400);
  expect(granted).toHaveLength(1);
});

it('a slot in the future, from a clock that was wrong, makes nobody wait longer than one interval', async () => {
  const { clock, last, granted, ask } = newGate();
  last.set(0, START_MS + 3_600_000);
  void ask(0);
  await pass(clock, INTERVAL_MS + 200);
  expect(granted).toHaveLength(1);
});

it('records the slot before it lets anybody through', async () => {
  const { clock, last, ask } = newGate();
  const recorded = ask(0).then(() => last.get(0));
  await pass(clock, 100);
  expect(await recorded).toBe(START_MS);
});

it('who gives up while waiting takes no slot and fails nobody else', async () => {
  const { clock, granted, ask } = newGate();
  const gaveUp = new AbortController();
  void ask(0);
  const second = ask(1, gaveUp.signal);
  void ask(2);
  await pass(clock, 1_000);
  gaveUp.abort(new Error('gone'));
  await expect(second).rejects.toThrow('gone');
  await pass(clock, INTERVAL_MS);
  expect(granted.map(({ shard }) => shard)).toEqual([0, 2]);
  expect(granted[1]?.atMs).toBeLessThan(INTERVAL_MS + 300);
});

it('who gives up while the budget is asked for fails nobody else', async () => {
  const fetched = Promise.withResolvers<IdentifyBudget>();
  const { clock, granted, ask } = newGate({ fetchBudget: () => fetched.promise });
  const gaveUp = new AbortController();
  const first = ask(0, gaveUp.signal);
  void ask(1);
  gaveUp.abort(new Error('gone'));
  await expect(first).rejects.toThrow('gone');
  fetched.resolve({ maxConcurrency: 1, remaining: 10, resetAtMs: START_MS + 1_000 });
  await pass(clock, 100);
  expect(granted.map(({ shard }) => shard)).toEqual([1]);
});

it('spends no IDENTIFY of the reserve, and goes on after the reset', async () => {
  const budgets = [
    { maxConcurrency: 1, remaining: 12, resetAtMs: START_MS + 60_000 },
    { maxConcurrency: 1, remaining: 1_000, resetAtMs: START_MS + 86_400_000 },
  ];
  let fetches = 0;
  const { gate, clock, granted, held, ask } = newGate({
    reserve: 10,
    fetchBudget: async () => budgets[fetches++] ?? budgets[1]!,
  });
  for (let shard = 0; shard < 4; shard++) void ask(shard);
  await pass(clock, 50_000);
  expect(granted).toHaveLength(2);
  expect(gate.remaining).toBe(10);
  expect(held).toHaveLength(1);
  expect(held[0]).toMatchObject({ remaining: 10, reserve: 10 });
  await pass(clock, 30_000);
  expect(granted).toHaveLength(4);
  expect(granted[2]?.atMs).toBeGreaterThanOrEqual(60_000);
  expect(fetches).toBe(2);
});

it('leaves no timer behind when all have given up', async () => {
  const { clock, ask } = newGate();
  const stop = new AbortController();
  const asked = [0, 1, 2].map((shard) => ask(shard, stop.signal).catch(() => undefined));
  await pass(clock, 100);
  stop.abort(new Error('stop'));
  await Promise.all(asked);
  await settle();
  expect(clock.pendingTimers).toBe(0);
});

it('counts what was taken since the reset when those who waited go on together', async () => {
  let remaining = 10;
  const { gate, clock, granted, ask } = newGate({
    reserve: 10,
    fetchBudget: async () => ({ maxConcurrency: 16, remaining, resetAtMs: clock.now() + 60_000 }),
  });
  for (let shard = 0; shard < 16; shard++) void ask(shard);
  await pass(clock, 1_000);
  remaining = 15;
  await pass(clock, 61_000);
  expect([granted.length, gate.remaining]).toEqual([5, 10]);
});

it('keeps the reserve when all buckets ask at once', async () => {
  const { gate, clock, granted, held, ask } = newGate({
    reserve: 10,
    budget: { maxConcurrency: 16, remaining: 11 },
  });
  for (let shard = 0; shard < 16; shard++) void ask(shard);
  await pass(clock, INTERVAL_MS + 200);
  expect(granted).toHaveLength(1);
  expect(gate.remaining).toBe(10);
  expect(held).toHaveLength(15);
  expect(held[0]).toMatchObject({ remaining: 10, reserve: 10 });
});

it('keeps the reserve while others wait for the slots of their buckets', async () => {
  const { clock, last, granted, ask } = newGate({
    reserve: 10,
    budget: { maxConcurrency: 16, remaining: 14 },
  });
  for (let bucket = 0; bucket < 16; bucket++) last.set(bucket, START_MS - bucket * 100);
  for (let shard = 0; shard < 16; shard++) void ask(shard);
  await pass(clock, 2 * INTERVAL_MS);
  expect(granted).toHaveLength(4);
});

it('who gives up while waiting for a slot gives the place in the budget to one who was held', async () => {
  const { gate, clock, last, granted, held, ask } = newGate({
    reserve: 10,
    budget: { maxConcurrency: 16, remaining: 11 },
  });
  last.set(0, START_MS);
  const gaveUp = new AbortController();
  const first = ask(0, gaveUp.signal);
  void ask(1);
  void ask(2);
  await pass(clock, 1_000);
  expect(granted).toEqual([]);
  expect(held).toHaveLength(2);
  gaveUp.abort(new Error('gone'));
  await expect(first).rejects.toThrow('gone');
  await pass(clock, 1_000);
  expect(granted.map(({ shard }) => shard)).toEqual([1]);
  expect(gate.remaining).toBe(10);
});

it('a place given back is not lost on somebody who gave up as well', async () => {
  const { clock, last, granted, ask } = newGate({
    reserve: 10,
    budget: { maxConcurrency: 16, remaining: 11 },
  });
  last.set(0, START_MS);
  const gaveUp = new AbortController();
  const both = [ask(0, gaveUp.signal), ask(1, gaveUp.signal)];
  void ask(2);
  await pass(clock, 1_000);
  gaveUp.abort(new Error('gone'));
  for (const asked of both) await expect(asked).rejects.toThrow('gone');
  await pass(clock, 100);
  expect(granted.map(({ shard }) => shard)).toEqual([2]);
});

it('counts those who still wait for a slot against the budget after the reset', async () => {
  const budgets = [
    { maxConcurrency: 4, remaining: 11, resetAtMs: START_MS + 1_000 },
    { maxConcurrency: 4, remaining: 12, resetAtMs: START_MS + 86_400_000 },
  ];
  let fetches = 0;
  const { gate, clock, last, granted, ask } = newGate({
    reserve: 10,
    fetchBudget: async () => budgets[fetches++] ?? budgets[1]!,
  });
  last.set(0, START_MS);
  for (let shard = 0; shard < 4; shard++) void ask(shard);
  await pass(clock, 2 * INTERVAL_MS);
  expect(granted.map(({ shard }) => shard)).toEqual([1, 0]);
  expect(gate.remaining).toBe(10);
  expect(fetches).toBe(2);
});

it('leaves no timer behind when those held by the budget give up', async () => {
  const { clock, ask } = newGate({ reserve: 10, budget: { maxConcurrency: 4, remaining: 10 } });
  const stop = new AbortController();
  const asked = [0, 1, 2].map((shard) => ask(shard, stop.signal).catch(() => undefined));
  await pass(clock, 100);
  stop.abort(new Error('stop'));
  await Promise.all(asked);
  await settle();
  expect(clock.pendingTimers).toBe(0);
});
