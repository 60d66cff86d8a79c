import { describe, expect, test } from 'vitest';
import { Random } from '../../../../src/simulator/random.ts';
import { type BucketRule, bucketOf } from '../../../../src/simulator/rest/rules/bucket.ts';
import { SlidingLimit } from '../../../../src/simulator/rest/rules/sliding-limit.ts';

/** What a bucket says and does, told from nothing but the times at which its places come back. */
class NaiveBucket {
  readonly rule: BucketRule;
  #returns: number[] = [];

  constructor(rule: BucketRule) {
    this.rule = rule;
  }

  take(nowMs: number): number {
    const { kind, limit, windowMs } = this.rule;
    this.#returns = this.#returns.filter((atMs) => atMs > nowMs);
    const soonest = this.#returns[0] ?? nowMs;
    const last = this.#returns.at(-1) ?? nowMs;
    if (this.#returns.length === limit) return soonest - nowMs;
    if (kind === 'leaky') this.#returns.push(last + windowMs / limit);
    else this.#returns.push(this.#returns.length === 0 ? nowMs + windowMs : soonest);
    return 0;
  }

  read(nowMs: number) {
    const out = this.#returns.filter((atMs) => atMs > nowMs);
    return {
      limit: this.rule.limit,
      remaining: this.rule.limit - out.length,
      resetAfterMs: (out.at(-1) ?? nowMs) - nowMs,
    };
  }
}

const rules: BucketRule[] = [
  { kind: 'fixed', limit: 1, windowMs: 250 },
  { kind: 'fixed', limit: 10, windowMs: 10_000 },
  { kind: 'leaky', limit: 1, windowMs: 250 },
  { kind: 'leaky', limit: 5, windowMs: 5_000 },
  { kind: 'leaky', limit: 8, windowMs: 1_000 },
];

describe.each(rules)('a $kind bucket of $limit in $windowMs ms', (rule) => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('says and does what a naive model of it does (seed %i)', (seed) => {
    const random = new Random(seed);
    const bucket = bucketOf(rule);
    const naive = new NaiveBucket(rule);
    const pace = rule.windowMs / rule.limit;
    for (let step = 0, nowMs = 0; step < 2_000; step += 1) {
      // Bursts, pauses, and the exact moments at which something comes back.
      const gap = random.pick([0, 0, 0, 1, random.below(pace), pace, random.below(rule.windowMs * 2)]);
      nowMs += gap;
      expect({ step, wait: bucket.take(nowMs) }).toEqual({ step, wait: naive.take(nowMs) });
      expect({ step, ...bucket.read(nowMs) }).toEqual({ step, ...naive.read(nowMs) });
    }
  });

  test('never refuses who waits as long as it said, and always who waits a millisecond less', () => {
    const bucket = bucketOf(rule);
    let nowMs = 0;
    for (let step = 0; step < 500; step += 1) {
      const waitMs = bucket.take(nowMs);
      if (waitMs === 0) continue;
      expect(bucket.take(nowMs + waitMs - 1)).toBeCloseTo(1, 5);
      nowMs += waitMs;
      expect(bucket.take(nowMs)).toBe(0);
    }
  });
});

describe('what the headers are made of', () => {
  test('a leaky bucket gives places back one by one, and its reset moves', () => {
    const bucket = bucketOf({ kind: 'leaky', limit: 5, windowMs: 5_000 });
    for (let count = 0; count < 5; count += 1) bucket.take(0);
    expect(bucket.read(0)).toEqual({ limit: 5, remaining: 0, resetAfterMs: 5_000 });
    expect(bucket.take(0)).toBe(1_000);
    expect(bucket.read(1_000)).toEqual({ limit: 5, remaining: 1, resetAfterMs: 4_000 });
    expect(bucket.take(1_000)).toBe(0);
    expect(bucket.read(1_000)).toEqual({ limit: 5, remaining: 0, resetAfterMs: 5_000 });
  });

  test('a fixed bucket gives all places back at once, and its reset stands still', () => {
    const bucket = bucketOf({ kind: 'fixed', limit: 5, windowMs: 5_000 });
    for (let atMs = 0; atMs < 5; atMs += 1) bucket.take(atMs);
    expect(bucket.read(4_000)).toEqual({ limit: 5, remaining: 0, resetAfterMs: 1_000 });
    expect(bucket.take(4_000)).toBe(1_000);
    expect(bucket.read(5_000)).toEqual({ limit: 5, remaining: 5, resetAfterMs: 0 });
  });

  test('a third of a second does not cost a place by rounding', () => {
    const bucket = bucketOf({ kind: 'leaky', limit: 3, windowMs: 1_000 });
    for (let round = 0; round < 1_000; round += 1) {
      const nowMs = 0.1 + round * 1_000;
      expect([bucket.take(nowMs), bucket.take(nowMs), bucket.take(nowMs)]).toEqual([0, 0, 0]);
      expect(bucket.read(nowMs).remaining).toBe(0);
    }
  });
});

test('a sliding limit never admits more than its limit in any window', () => {
  const random = new Random(3);
  const sliding = new SlidingLimit(50, 1_000);
  const admitted: number[] = [];
  for (let nowMs = 0; admitted.length < 2_000; nowMs += random.below(20)) {
    const waitMs = sliding.take(nowMs);
    const inWindow = admitted.filter((atMs) => atMs > nowMs - 1_000).length;
    expect(waitMs > 0).toBe(inWindow === 50);
    if (waitMs === 0) admitted.push(nowMs);
    expect(sliding.count(nowMs)).toBe(admitted.filter((atMs) => atMs > nowMs - 1_000).length);
  }
});
