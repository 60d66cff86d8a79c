import { describe, expect, it } from 'vitest';
import { EmbeddedIdentifySlots } from '../../../src/cluster/index.ts';
import {
  type IdentifyBudget,
  IdentifyGate,
  type IdentifyGateOptions,
  type IdentifySlots,
} from '../../../src/upstream/index.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const INTERVAL_MS = 5_000;
const DAY_MS = 86_400_000;

type Intercept = Partial<IdentifySlots>;

interface BenchOptions extends Partial<IdentifyGateOptions> {
  readonly budget?: Partial<IdentifyBudget>;
  /** Stands between the gate and the slots. */
  readonly intercept?: (slots: IdentifySlots, clock: ManualClock) => Intercept;
}

/** A gate on slots that are all free at 0 ms. */
function newGate({ budget, intercept, ...options }: BenchOptions = {}) {
  const clock = new ManualClock(-60_000);
  const slots = new EmbeddedIdentifySlots({ clock });
  clock.advance(60_000);
  const held: { remaining: number; reserve: number; waitMs: number }[] = [];
  const problems: string[] = [];
  const open = (more: Partial<IdentifyGateOptions> = {}) =>
    new IdentifyGate({
      slots: through(slots, intercept?.(slots, clock)),
      clock,
      random: () => 0,
      reserve: 0,
      fetchBudget: async () => ({ maxConcurrency: 1, remaining: 1_000, resetAfterMs: DAY_MS, ...budget }),
      onBudgetHeld: (what) => held.push(what),
      onStoreProblem: (reason) => problems.push(reason),
      onStoreRecovered: () => problems.push('recovered'),
      ...options,
      ...more,
    });
  const gate = open();
  const granted: { shard: number; atMs: number }[] = [];
  const signal = new AbortController().signal;
  const ask = (shard: number, until = signal, at = gate) =>
    at.wait(shard, until).then(() => {
      granted.push({ shard, atMs: clock.now() });
    });
  const shards = () => granted.map(({ shard }) => shard);
  return { gate, open, clock, slots, held, problems, granted, shards, ask };
}

function through(slots: IdentifySlots, intercept: Intercept = {}): IdentifySlots {
  return {
    reserve: (bucket) => slots.reserve(bucket),
    take: (bucket, reserve) => slots.take(bucket, reserve),
    noteSent: (bucket) => slots.noteSent(bucket),
    markBudget: () => slots.markBudget(),
    setBudget: (budget, mark) => slots.setBudget(budget, mark),
    budget: () => slots.budget(),
    ...intercept,
  };
}

/** Lets everything run that waits for no time to pass. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
}

async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    await settle();
    clock.advance(50);
  }
  await settle();
}

function unreachable(): Promise<never> {
  return Promise.reject(new Error('connection refused'));
}

describe('the buckets', () => {
  it('let one through in five seconds each, first come first served', async () => {
    const { clock, granted, shards, ask } = newGate();
    for (const shard of [2, 0, 1]) void ask(shard);
    await pass(clock, 30_000);
    expect(shards()).toEqual([2, 0, 1]);
    const [a, b, c] = granted.map(({ atMs }) => atMs);
    expect(a).toBe(0);
    expect((b ?? 0) - (a ?? 0)).toBeGreaterThanOrEqual(INTERVAL_MS);
    expect((c ?? 0) - (b ?? 0)).toBeGreaterThanOrEqual(INTERVAL_MS);
    expect(c).toBeLessThanOrEqual(2 * INTERVAL_MS + 200);
  });

  it('are side by side', async () => {
    const { clock, shards, ask } = newGate({ budget: { maxConcurrency: 4 } });
    for (let shard = 0; shard < 8; shard++) void ask(shard);
    await pass(clock, 100);
    expect(shards()).toEqual([0, 1, 2, 3]);
    await pass(clock, INTERVAL_MS + 200);
    expect(shards()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('count as used when the IDENTIFY was on its way, however late that was', async () => {
    const late = new Map<number, () => void>();
    const { clock, granted, ask } = newGate({
      intercept: (slots) => ({
        noteSent: async (bucket) => {
          if (late.size === 0) await new Promise<void>((resolve) => late.set(bucket, resolve));
          await slots.noteSent(bucket);
        },
      }),
    });
    void ask(0);
    void ask(1);
    await pass(clock, 2_000);
    late.get(0)?.();
    await pass(clock, INTERVAL_MS - 50);
    expect(granted).toHaveLength(1);
    await pass(clock, 200);
    expect(granted).toHaveLength(2);
  });

  it('are told of the IDENTIFY only after who sends it has gone on', async () => {
    const order: string[] = [];
    const { clock, ask } = newGate({
      intercept: () => ({
        noteSent: async () => {
          order.push('noted');
        },
      }),
    });
    void ask(0).then(() => order.push('sent'));
    await pass(clock, 100);
    expect(order).toEqual(['sent', 'noted']);
  });

  it('serve several nodes in turn', async () => {
    const { clock, open, granted, shards, ask } = newGate();
    const other = open();
    for (const shard of [0, 1]) void ask(shard);
    for (const shard of [2, 3]) void ask(shard, undefined, other);
    await pass(clock, 4 * INTERVAL_MS);
    expect(shards()).toEqual([0, 2, 1, 3]);
    expect(granted.at(-1)?.atMs).toBeLessThanOrEqual(3 * INTERVAL_MS + 300);
  });

  it('are counted anew when Discord changes their number', async () => {
    const { clock, slots, granted, shards, ask } = newGate({ budget: { maxConcurrency: 4 } });
    for (const shard of [0, 4, 1, 5]) void ask(shard);
    await pass(clock, 100);
    expect(shards()).toEqual([0, 1]);
    await slots.setBudget({ maxConcurrency: 1, remaining: 100, resetAfterMs: DAY_MS }, 2);
    void ask(9);
    await pass(clock, 3 * INTERVAL_MS + 300);
    expect(shards()).toEqual([0, 1, 4, 5, 9]);
    const [four = 0, five = 0, nine = 0] = granted.slice(2).map(({ atMs }) => atMs);
    expect(Math.min(five - four, nine - five)).toBeGreaterThanOrEqual(INTERVAL_MS);
  });

  it('are not given to a node that hears of its turn too late', async () => {
    let isFirst = true;
    const { clock, granted, ask } = newGate({
      intercept: (slots, clock) => ({
        take: async (bucket, reserve) => {
          const answer = await slots.take(bucket, reserve);
          if (isFirst) await new Promise<void>((resolve) => clock.setTimer(resolve, 3_000));
          isFirst = false;
          return answer;
        },
      }),
    });
    void ask(0);
    await pass(clock, INTERVAL_MS);
    expect(granted).toEqual([]);
    await pass(clock, 200);
    expect(granted).toHaveLength(1);
  });
});

describe('the budget', () => {
  it('is asked for once for all who wait', async () => {
    let fetches = 0;
    const { clock, granted, ask } = newGate({
      fetchBudget: async () => {
        fetches++;
        return { maxConcurrency: 16, remaining: 100, resetAfterMs: DAY_MS };
      },
    });
    for (let shard = 0; shard < 16; shard++) void ask(shard);
    await pass(clock, 100);
    expect([granted.length, fetches]).toEqual([16, 1]);
  });

  it('is not asked for where another node has', async () => {
    const { clock, open, granted, ask } = newGate();
    void ask(0);
    await pass(clock, 100);
    const other = open({ fetchBudget: () => Promise.reject(new Error('asked again')) });
    void ask(1, undefined, other);
    await pass(clock, INTERVAL_MS + 100);
    expect([granted.length, other.remaining]).toEqual([2, 998]);
  });

  it('is spent down to the reserve, and again after the reset', async () => {
    const budgets = [
      { maxConcurrency: 1, remaining: 12, resetAfterMs: 60_000 },
      { maxConcurrency: 1, remaining: 1_000, resetAfterMs: DAY_MS },
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
    expect([gate.isBudgetHeld, gate.waiting]).toEqual([true, { slot: 0, budget: 2, store: 0 }]);
    await pass(clock, 30_000);
    expect(granted).toHaveLength(4);
    expect(granted[2]?.atMs).toBeGreaterThanOrEqual(60_000);
    expect([fetches, gate.isBudgetHeld]).toEqual([2, false]);
  });

  it('keeps its reserve when all buckets ask at once, and one alarm is given', async () => {
    const { gate, clock, granted, held, ask } = newGate({
      reserve: 10,
      budget: { maxConcurrency: 16, remaining: 11 },
    });
    for (let shard = 0; shard < 16; shard++) void ask(shard);
    await pass(clock, INTERVAL_MS + 200);
    expect(granted).toHaveLength(1);
    expect(gate.remaining).toBe(10);
    expect(held).toMatchObject([{ remaining: 10, reserve: 10 }]);
  });

  it('is looked at again while it is held: another node may have learnt that there is more', async () => {
    const { clock, slots, granted, held, ask } = newGate({ reserve: 10, budget: { remaining: 10 } });
    void ask(0);
    await pass(clock, 1_000);
    expect(held).toHaveLength(1);
    await slots.setBudget({ maxConcurrency: 1, remaining: 500, resetAfterMs: DAY_MS }, 0);
    await pass(clock, 60_000);
    expect(granted).toHaveLength(1);
  });

  it('loses nothing to those who give up', async () => {
    const { gate, clock, shards, ask } = newGate({ reserve: 10, budget: { remaining: 12 } });
    const gaveUp = new AbortController();
    void ask(0);
    const second = ask(1, gaveUp.signal);
    await pass(clock, 1_000);
    gaveUp.abort(new Error('gone'));
    await expect(second).rejects.toThrow('gone');
    void ask(2);
    await pass(clock, 2 * INTERVAL_MS);
    expect(shards()).toEqual([0, 2]);
    expect(gate.remaining).toBe(10);
  });

  it('that resets at once is not asked for over and over', async () => {
    let fetches = 0;
    const { clock, ask } = newGate({
      reserve: 10,
      fetchBudget: async () => {
        fetches++;
        return { maxConcurrency: 1, remaining: 0, resetAfterMs: 0 };
      },
    });
    void ask(0);
    await pass(clock, 10_000);
    expect(fetches).toBeGreaterThan(5);
    expect(fetches).toBeLessThan(13);
  });
});

describe('who gives up', () => {
  it('leaves the place to the next, and fails nobody else', async () => {
    const { clock, granted, shards, ask } = newGate();
    const gaveUp = new AbortController();
    void ask(0);
    const second = ask(1, gaveUp.signal);
    void ask(2);
    await pass(clock, 1_000);
    gaveUp.abort(new Error('gone'));
    await expect(second).rejects.toThrow('gone');
    await pass(clock, INTERVAL_MS);
    expect(shards()).toEqual([0, 2]);
    expect(granted[1]?.atMs).toBeLessThan(INTERVAL_MS + 300);
  });

  it('while Discord is asked, fails nobody else', async () => {
    const fetched = Promise.withResolvers<IdentifyBudget>();
    const { clock, shards, ask } = newGate({ fetchBudget: () => fetched.promise });
    const gaveUp = new AbortController();
    const first = ask(0, gaveUp.signal);
    void ask(1);
    gaveUp.abort(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    fetched.resolve({ maxConcurrency: 1, remaining: 10, resetAfterMs: 1_000 });
    await pass(clock, 100);
    expect(shards()).toEqual([1]);
  });

  it('before asking is refused at once', async () => {
    const { gate, ask } = newGate();
    await expect(ask(0, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(gate.waiting).toEqual({ slot: 0, budget: 0, store: 0 });
  });

  it.each([
    ['waiting for a slot', {}],
    ['held by the budget', { reserve: 10, budget: { maxConcurrency: 4, remaining: 10 } }],
    ['waiting for the store', { intercept: () => ({ reserve: unreachable }) }],
    ['waiting for the store, before anything is known', { intercept: () => ({ budget: unreachable }) }],
    ['waiting for Discord', { fetchBudget: () => new Promise<IdentifyBudget>(() => undefined) }],
  ])('leaves no timer behind: %s', async (_what, options: BenchOptions) => {
    const { gate, clock, ask } = newGate(options);
    const stop = new AbortController();
    const asked = [0, 1, 2].map((shard) => ask(shard, stop.signal).catch(() => undefined));
    await pass(clock, 100);
    stop.abort(new Error('stop'));
    await Promise.all(asked);
    await settle();
    expect(clock.pendingTimers).toBe(0);
    expect(gate.waiting).toEqual({ slot: 0, budget: 0, store: 0 });
  });

  it('finds the place again, after coming back before its time', async () => {
    const { clock, granted, ask } = newGate();
    void ask(0);
    await pass(clock, 50);
    for (let times = 0; times < 4; times++) {
      const gaveUp = new AbortController();
      const asked = ask(1, gaveUp.signal).catch(() => undefined);
      await pass(clock, 1_000);
      gaveUp.abort(new Error('gone'));
      await asked;
    }
    void ask(1);
    await pass(clock, 1_100);
    expect(granted).toHaveLength(2);
  });
});

describe('a store that can not be reached', () => {
  it.each([
    'budget',
    'reserve',
    'take',
    'markBudget',
    'setBudget',
  ] as const)('lets nobody through while %s fails, is told once, and asked until it answers', async (method) => {
    let isAway = true;
    const { gate, clock, granted, problems, ask } = newGate({
      intercept: (slots) => ({
        // The reason for the cast: each method has its own parameters, handed on as they are.
        [method]: (...args: never[]) =>
          isAway ? unreachable() : (slots[method] as (...args: never[]) => Promise<unknown>)(...args),
      }),
    });
    void ask(0);
    await pass(clock, 30_000);
    expect(granted).toEqual([]);
    expect(problems).toEqual(['connection refused']);
    expect(gate.waiting).toEqual({ slot: 0, budget: 0, store: 1 });
    isAway = false;
    await pass(clock, 10_500);
    expect(granted).toHaveLength(1);
    expect(problems).toEqual(['connection refused', 'recovered']);
  });

  it('hears of an IDENTIFY when it is back, before the next of the bucket', async () => {
    let isAway = true;
    const noted: number[] = [];
    const { clock, granted, ask } = newGate({
      intercept: (slots, clock) => ({
        noteSent: async (bucket) => {
          if (isAway) return unreachable();
          noted.push(clock.now());
          await slots.noteSent(bucket);
        },
      }),
    });
    void ask(0);
    void ask(1);
    await pass(clock, 1_500);
    isAway = false;
    await pass(clock, 10_000);
    expect(noted[0]).toBeGreaterThan(1_500);
    expect(granted[1]?.atMs).toBeGreaterThan((noted[0] ?? 0) + INTERVAL_MS);
  });
});
