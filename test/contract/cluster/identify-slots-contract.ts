/**
 * What every store of identify slots does, whatever it is kept in. Facts hold on a manual clock and in real time: where time passes
 * by itself, a wait is shorter by what has passed since.
 */
import { describe, expect, it } from 'vitest';
import { PLACE_MARGIN_MS, TAKE_MARGIN_MS } from '../../../src/cluster/identify-spacing.ts';
import type { IdentifySlots, SlotAnswer } from '../../../src/upstream/index.ts';

/** A store of which nothing is known but that it exists. */
export interface IdentifySlotsEnvironment extends AsyncDisposable {
  /** Another opening on the same data, as another node has it. */
  slots(): IdentifySlots;
  elapse(ms: number): Promise<void>;
}

export interface IdentifySlotsEnvironmentOptions {
  /** In the place of Discord's five seconds. */
  readonly intervalMs: number;
}

/** Short, because some stores have a real clock. */
const INTERVAL_MS = 200;
const BETWEEN_PLACES_MS = INTERVAL_MS + PLACE_MARGIN_MS;
const BETWEEN_USES_MS = INTERVAL_MS + TAKE_MARGIN_MS;
const DAY_MS = 86_400_000;
const LAST_BUCKET = 15;

/** Stores may count in whole milliseconds, and their clock is not ours. */
const CLOCK_SLACK_MS = 5;

/** Waits count from its making. */
class Stopwatch {
  readonly #sinceMs = performance.now();

  /** `waitMs` is what is left of `fullMs`, of which no more has passed than really has. */
  expectRestOf(fullMs: number, waitMs: number): void {
    const passedMs = performance.now() - this.#sinceMs;
    expect(waitMs).toBeLessThanOrEqual(fullMs + CLOCK_SLACK_MS);
    expect(waitMs).toBeGreaterThanOrEqual(fullMs - passedMs - CLOCK_SLACK_MS);
  }
}

function waitOf(answer: SlotAnswer): number {
  if (answer.kind !== 'wait' && answer.kind !== 'held') throw new Error(`no wait: ${answer.kind}`);
  return answer.waitMs;
}

function kindsOf(answers: readonly SlotAnswer[]): Record<string, number> {
  const kinds: Record<string, number> = {};
  for (const { kind } of answers) kinds[kind] = (kinds[kind] ?? 0) + 1;
  return kinds;
}

async function setBudget(slots: IdentifySlots, remaining = 1_000, resetAfterMs = DAY_MS): Promise<void> {
  await slots.setBudget({ maxConcurrency: 16, remaining, resetAfterMs }, await slots.markBudget());
}

export function identifySlotsContract(
  name: string,
  open: (options: IdentifySlotsEnvironmentOptions) => Promise<IdentifySlotsEnvironment>,
): void {
  const openNew = () => open({ intervalMs: INTERVAL_MS });

  /** A store whose buckets are free, and whose budget is known. */
  async function openFree(remaining?: number, resetAfterMs?: number) {
    const environment = await openNew();
    const slots = environment.slots();
    // Whatever it takes for the store to begin; no fact looks at this line.
    await slots.reserve(LAST_BUCKET);
    await environment.elapse(BETWEEN_PLACES_MS);
    await setBudget(slots, remaining, resetAfterMs);
    return {
      slots,
      other: environment.slots(),
      elapse: (ms: number) => environment.elapse(ms),
      [Symbol.asyncDispose]: () => environment[Symbol.asyncDispose](),
    };
  }

  describe(`identify slots: ${name}`, () => {
    it('a bucket that nothing is known of counts as used when the store began', async () => {
      const watch = new Stopwatch();
      await using environment = await openNew();
      const slots = environment.slots();
      await setBudget(slots);
      watch.expectRestOf(BETWEEN_USES_MS, waitOf(await slots.take(3, 0)));
      watch.expectRestOf(BETWEEN_PLACES_MS, (await environment.slots().reserve(7)).waitMs);
      await environment.elapse(BETWEEN_USES_MS);
      expect(await slots.take(3, 0)).toEqual({ kind: 'granted' });
    });

    it('places in a line come in the order of asking, an interval and a margin apart, over all openings', async () => {
      await using free = await openFree();
      const watch = new Stopwatch();
      for (const [place, slots] of [free.slots, free.other, free.slots].entries())
        watch.expectRestOf(place * BETWEEN_PLACES_MS, (await slots.reserve(0)).waitMs);
    });

    it('those who ask at the same moment get a place each', async () => {
      await using free = await openFree();
      const watch = new Stopwatch();
      const asked = [0, 1, 2, 3, 4].map((n) => (n % 2 === 0 ? free.slots : free.other).reserve(0));
      const waits = (await Promise.all(asked)).map(({ waitMs }) => waitMs).sort((a, b) => a - b);
      for (const [place, waitMs] of waits.entries()) watch.expectRestOf(place * BETWEEN_PLACES_MS, waitMs);
    });

    it('each bucket has a line of its own', async () => {
      await using free = await openFree();
      await free.slots.reserve(0);
      expect(await free.slots.reserve(1)).toEqual({ waitMs: 0 });
    });

    it('a line that is over holds nobody up', async () => {
      await using free = await openFree();
      await free.slots.reserve(0);
      await free.elapse(BETWEEN_PLACES_MS);
      expect(await free.slots.reserve(0)).toEqual({ waitMs: 0 });
    });

    it('a place stands behind the last use', async () => {
      await using free = await openFree();
      const watch = new Stopwatch();
      await free.slots.take(0, 0);
      watch.expectRestOf(BETWEEN_PLACES_MS, (await free.other.reserve(0)).waitMs);
    });

    it('a bucket that is taken too early is waited for, from every opening', async () => {
      await using free = await openFree();
      const watch = new Stopwatch();
      expect(await free.slots.take(0, 0)).toEqual({ kind: 'granted' });
      watch.expectRestOf(BETWEEN_USES_MS, waitOf(await free.slots.take(0, 0)));
      const waitMs = waitOf(await free.other.take(0, 0));
      watch.expectRestOf(BETWEEN_USES_MS, waitMs);
      await free.elapse(waitMs);
      expect(await free.other.take(0, 0)).toEqual({ kind: 'granted' });
    });

    it('of those who take a bucket at the same moment one is granted', async () => {
      await using free = await openFree();
      const taken = [0, 1, 2, 3, 4, 5].map((n) => (n % 2 === 0 ? free.slots : free.other).take(0, 0));
      expect(kindsOf(await Promise.all(taken))).toEqual({ granted: 1, wait: 5 });
    });

    it('an IDENTIFY that was noted late pushes the next one back', async () => {
      await using free = await openFree();
      await free.slots.take(0, 0);
      await free.elapse(INTERVAL_MS / 2);
      const watch = new Stopwatch();
      await free.slots.noteSent(0);
      watch.expectRestOf(BETWEEN_USES_MS, waitOf(await free.other.take(0, 0)));
      watch.expectRestOf(BETWEEN_PLACES_MS, (await free.other.reserve(0)).waitMs);
    });

    it('the budget is unknown before anybody asked Discord', async () => {
      await using environment = await openNew();
      const slots = environment.slots();
      expect(await slots.budget()).toBeUndefined();
      await environment.elapse(BETWEEN_USES_MS);
      expect(await slots.take(0, 0)).toEqual({ kind: 'budget-unknown' });
    });

    it('each grant takes one from the budget, and nothing else does', async () => {
      await using free = await openFree(100);
      await free.slots.take(0, 0);
      await free.other.take(1, 0);
      await free.slots.take(0, 0);
      await free.slots.reserve(2);
      await free.slots.noteSent(0);
      expect(await free.other.budget()).toMatchObject({ maxConcurrency: 16, remaining: 98 });
    });

    it('the budget tells how long it is until the reset', async () => {
      await using free = await openFree();
      const watch = new Stopwatch();
      await setBudget(free.slots, 10, 60_000);
      watch.expectRestOf(60_000, (await free.other.budget())?.resetAfterMs ?? 0);
    });

    it('the reserve is never spent, and those held by it are told until when', async () => {
      await using free = await openFree();
      const watch = new Stopwatch();
      await setBudget(free.slots, 11, 60_000);
      expect(await free.slots.take(0, 10)).toEqual({ kind: 'granted' });
      const held = await free.other.take(1, 10);
      expect(held).toMatchObject({ kind: 'held', remaining: 10 });
      watch.expectRestOf(60_000, waitOf(held));
      expect(await free.slots.take(1, 9)).toEqual({ kind: 'granted' });
    });

    it('of those who take at the same moment no more are granted than the reserve leaves', async () => {
      await using free = await openFree(13);
      const taken = Array.from({ length: 16 }, (_, bucket) =>
        (bucket % 2 === 0 ? free.slots : free.other).take(bucket, 10),
      );
      expect(kindsOf(await Promise.all(taken))).toEqual({ granted: 3, held: 13 });
      expect(await free.slots.budget()).toMatchObject({ remaining: 10 });
    });

    it('the budget is unknown after the reset', async () => {
      await using free = await openFree(0);
      await setBudget(free.slots, 0, 50);
      await free.elapse(60);
      expect(await free.other.budget()).toBeUndefined();
      expect(await free.other.take(0, 0)).toEqual({ kind: 'budget-unknown' });
    });

    it('what is taken while Discord is asked counts against its answer', async () => {
      await using free = await openFree();
      await free.slots.take(0, 0);
      const mark = await free.slots.markBudget();
      await free.other.take(1, 0);
      await free.other.take(2, 0);
      await free.slots.setBudget({ maxConcurrency: 16, remaining: 500, resetAfterMs: DAY_MS }, mark);
      expect(await free.other.budget()).toMatchObject({ remaining: 498 });
    });

    it('of two who ask Discord at the same moment each counts what was taken since its own mark', async () => {
      await using free = await openFree();
      const [mark, otherMark] = [await free.slots.markBudget(), await free.other.markBudget()];
      await free.slots.setBudget({ maxConcurrency: 16, remaining: 500, resetAfterMs: DAY_MS }, mark);
      await free.slots.take(0, 0);
      await free.other.setBudget({ maxConcurrency: 16, remaining: 500, resetAfterMs: DAY_MS }, otherMark);
      expect(await free.slots.budget()).toMatchObject({ remaining: 499 });
    });
  });
}
