/** The limiter against the simulator's buckets: whatever the limit and the way, nothing is asked too early, and little too late. */
import { describe, expect, it } from 'vitest';
import { type Range, type TrialOptions, tryBucket } from './bucket-trial.ts';
import { mulberry } from './world.ts';

/** Windows are of whole quarters of a second, long ones of whole seconds: that is what the lead counts on. */
const WINDOWS_MS = [250, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 20_000, 60_000];
const TRIALS = 250;
/** Real time for them on a machine that has much else to do; a quiet one takes some seconds. */
const PATIENCE_MS = 120_000;

function trialOf(seed: number): TrialOptions {
  const random = mulberry(seed * 7_919);
  const oneOf = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;
  const range = (most: number, jitter: number): Range => {
    const least = random() * most;
    return [least, least + random() * jitter];
  };
  const limit = 1 + Math.floor(random() * oneOf([5, 50]));
  const jitter = oneOf([5, 20, 100]);
  return {
    rule: { kind: oneOf(['fixed', 'leaky']), limit, windowMs: oneOf(WINDOWS_MS) },
    there: range(50, jitter),
    inside: range(oneOf([0, 5, 60]), oneOf([0, 10, 300])),
    back: range(50, jitter),
    resetAsOf: oneOf(['counted', 'answered']),
    seed,
    windows: 24,
  };
}

function longestMs({ there, inside, back }: TrialOptions): number {
  return there[1] + inside[1] + back[1];
}

describe('a bucket at a cold start', () => {
  it('is not asked too often when Discord takes longer to answer than the bucket to forget a request', async () => {
    // The time that is left has passed when the first answers leave: they name none, though requests count.
    const rule = { kind: 'leaky', limit: 5, windowMs: 500 } as const;
    const cold = { there: [1, 5], inside: [60, 140], back: [1, 5], windows: 20 } as const;
    for (let seed = 1; seed <= 20; seed++) {
      expect(await tryBucket({ rule, ...cold, resetAsOf: 'answered', seed })).toMatchObject({ refused: 0 });
    }
  });
});

describe('a bucket of any limit, sort, window and latency', { timeout: PATIENCE_MS }, () => {
  it('is never asked too early, and gives 95 % of what it may where the way is short and the window is not', async () => {
    const early: TrialOptions[] = [];
    const slow: TrialOptions[] = [];
    for (let seed = 1; seed <= TRIALS; seed++) {
      const options = trialOf(seed);
      const { refused, throughput } = await tryBucket(options);
      if (refused > 0) early.push(options);
      const isShort = longestMs(options) <= 100 && options.rule.windowMs >= 1_000;
      if (isShort && throughput < 0.95) slow.push(options);
    }
    expect(early).toEqual([]);
    expect(slow).toEqual([]);
  });

  const near = { there: [8, 12], inside: [0, 4], back: [8, 12], seed: 1 } as const;
  const far = { there: [40, 50], inside: [0, 4], back: [40, 46], seed: 1 } as const;

  // What is reached, less two hundredths: a table to look at when it changes.
  it.each([
    ['fixed', 1, 250, near, 0.93],
    ['fixed', 1, 250, far, 0.86],
    ['fixed', 5, 250, near, 0.95],
    ['fixed', 5, 250, far, 0.91],
    ['fixed', 1, 1_000, far, 0.95],
    ['fixed', 5, 1_000, near, 0.97],
    ['fixed', 5, 1_000, far, 0.95],
    ['leaky', 1, 250, near, 0.93],
    ['leaky', 5, 250, near, 0.98],
    ['leaky', 5, 250, far, 0.77],
    ['leaky', 5, 5_000, far, 0.98],
  ] as const)('%s, %i in %i ms: %o gives %d at least', async (kind, limit, windowMs, way, least) => {
    const trial = { rule: { kind, limit, windowMs }, ...way, windows: 200 };
    for (const resetAsOf of ['counted', 'answered'] as const) {
      const { refused, throughput } = await tryBucket({ ...trial, resetAsOf });
      expect(refused).toBe(0);
      expect(throughput).toBeGreaterThanOrEqual(least);
    }
  });
});
