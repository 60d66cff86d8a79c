/**
 * How long a bot of 64 shards takes to start on three nodes, and how its IDENTIFYs arrive: a day's work of the gates, in simulated
 * time, with timers and a network that are late at random.
 */
import { describe, expect, it } from 'vitest';
import { EmbeddedIdentifySlots } from '../../../src/cluster/index.ts';
import type { Clock } from '../../../src/runtime/clock.ts';
import { Random } from '../../../src/simulator/random.ts';
import { IdentifyGate, type IdentifySlots } from '../../../src/upstream/index.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const SHARDS = 64;
const NODES = 3;
const INTERVAL_MS = 5_000;

/** Timers of a busy machine fire this much late, now and then much more. */
const MAX_TIMER_DELAY_MS = 15;
const MAX_HICCUP_MS = 200;
const HICCUP_SHARE = 0.02;

/** One way, to Discord and to the store. */
const MAX_NETWORK_DELAY_MS = 10;
const MAX_STORE_DELAY_MS = 2;

interface Arrival {
  readonly shard: number;
  readonly atMs: number;
}

function lateClock(clock: ManualClock, random: Random): Clock {
  const delayMs = () => random.next() * (random.next() < HICCUP_SHARE ? MAX_HICCUP_MS : MAX_TIMER_DELAY_MS);
  return {
    now: () => clock.now(),
    setTimer: (run, ms) => clock.setTimer(run, ms + delayMs()),
  };
}

function distant(slots: IdentifySlots, clock: ManualClock, random: Random): IdentifySlots {
  const way = () =>
    new Promise<void>((resolve) => clock.setTimer(resolve, random.next() * MAX_STORE_DELAY_MS));
  const over = async <Answer>(call: () => Promise<Answer>): Promise<Answer> => {
    await way();
    const answer = await call();
    await way();
    return answer;
  };
  return {
    reserve: (bucket) => over(() => slots.reserve(bucket)),
    take: (bucket, reserve) => over(() => slots.take(bucket, reserve)),
    noteSent: (bucket) => over(() => slots.noteSent(bucket)),
    markBudget: () => over(() => slots.markBudget()),
    setBudget: (budget, mark) => over(() => slots.setBudget(budget, mark)),
    budget: () => over(() => slots.budget()),
  };
}

async function boot(maxConcurrency: number, seed: number) {
  const random = new Random(seed);
  const clock = new ManualClock();
  const slots = new EmbeddedIdentifySlots({ clock });
  const granted: Arrival[] = [];
  const arrivals: Arrival[] = [];
  const gates = Array.from(
    { length: NODES },
    () =>
      new IdentifyGate({
        slots: distant(slots, clock, random),
        clock: lateClock(clock, random),
        random: () => random.next(),
        reserve: 10,
        fetchBudget: async () => ({ maxConcurrency, remaining: 1_000, resetAfterMs: 86_400_000 }),
        onBudgetHeld: () => expect.unreachable('the budget is large'),
        onStoreProblem: (reason) => expect.unreachable(reason),
      }),
  );
  const never = new AbortController().signal;
  for (let shard = 0; shard < SHARDS; shard++) {
    void gates[random.below(NODES)]?.wait(shard, never).then(() => {
      granted.push({ shard, atMs: clock.now() });
      arrivals.push({ shard, atMs: clock.now() + random.next() * MAX_NETWORK_DELAY_MS });
    });
  }
  while (granted.length < SHARDS && clock.now() < 2 * SHARDS * INTERVAL_MS) {
    await new Promise(setImmediate);
    clock.advance(1);
  }
  return { granted, arrivals, slots };
}

/** The shortest time between two arrivals of one bucket. */
function closestMs(arrivals: readonly Arrival[], maxConcurrency: number): number {
  const times = Array.from({ length: maxConcurrency }, (_, bucket) =>
    arrivals
      .filter(({ shard }) => shard % maxConcurrency === bucket)
      .map(({ atMs }) => atMs)
      .sort((a, b) => a - b),
  );
  return Math.min(...times.flatMap((at) => at.slice(1).map((atMs, i) => atMs - (at[i] ?? 0))));
}

describe.each([
  { maxConcurrency: 1, seed: 1 },
  { maxConcurrency: 1, seed: 2 },
  { maxConcurrency: 16, seed: 3 },
  { maxConcurrency: 16, seed: 4 },
])('64 shards on three nodes, max_concurrency $maxConcurrency (seed $seed)', ({ maxConcurrency, seed }) => {
  it('start in as many intervals as Discord asks for, and IDENTIFYs arrive five seconds apart', async () => {
    const { granted, arrivals, slots } = await boot(maxConcurrency, seed);
    expect(new Set(granted.map(({ shard }) => shard)).size).toBe(SHARDS);
    const idealMs = Math.ceil(SHARDS / maxConcurrency) * INTERVAL_MS;
    const tookMs = granted.at(-1)?.atMs ?? 0;
    const closest = closestMs(arrivals, maxConcurrency);
    expect(tookMs / idealMs).toBeLessThan(1.02);
    expect(closest).toBeGreaterThanOrEqual(INTERVAL_MS);
    expect(await slots.budget()).toMatchObject({ remaining: 1_000 - SHARDS });
  });
});
