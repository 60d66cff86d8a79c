import { describe, expect, test } from 'vitest';
import { Random } from '../../../../src/simulator/random.ts';
import { InvalidRequests } from '../../../../src/simulator/rest/invalid-requests.ts';
import { Limiter, type LimiterOptions } from '../../../../src/simulator/rest/limiter.ts';
import { BUCKETS, type BucketName, bucketHash, SUB_LIMITS } from '../../../../src/simulator/rest/limits.ts';

const DEFAULTS: LimiterOptions = { globalLimit: 50, globalWindowMs: 1_000, buckets: {}, subLimits: {} };

/** Times at which a leaky bucket's places come back, or a fixed one's window ends; from nothing but the definition. */
class NaiveCounters {
  readonly #returns = new Map<string, number[]>();

  take(name: BucketName, of: string, nowMs: number): { waitMs: number; remaining: number } {
    const { kind, limit, windowMs } = BUCKETS[name];
    const key = `${name}/${of}`;
    const out = (this.#returns.get(key) ?? []).filter((atMs) => atMs > nowMs);
    this.#returns.set(key, out);
    const [first = nowMs] = out;
    if (out.length === limit) return { waitMs: first - nowMs, remaining: 0 };
    if (kind === 'fixed') out.push(out.length === 0 ? nowMs + windowMs : first);
    else out.push((out.at(-1) ?? nowMs) + windowMs / limit);
    return { waitMs: 0, remaining: limit - out.length };
  }
}

describe('the limiter', () => {
  test.each([
    1, 2, 3, 4,
  ])('keeps every bucket of every major parameter apart, as a naive model does (seed %i)', (seed) => {
    const random = new Random(seed);
    const limiter = new Limiter(DEFAULTS);
    const naive = new NaiveCounters();
    const names = Object.keys(BUCKETS) as BucketName[];
    for (let step = 0, nowMs = 0; step < 20_000; step += 1) {
      nowMs += random.below(4) === 0 ? random.below(400) : 0;
      const [name, of] = [random.pick(names), `bot ${random.below(2)}`];
      const { visible, excess } = limiter.takeBucket(name, of, nowMs);
      const expected = naive.take(name, of, nowMs);
      expect(visible.remaining).toBe(expected.remaining);
      expect(excess?.retryAfterMs ?? 0).toBeCloseTo(expected.waitMs, 6);
    }
  });

  test('names every bucket by 32 hex digits, and those of one group alike', () => {
    const limiter = new Limiter(DEFAULTS);
    const hash = (name: BucketName) => limiter.takeBucket(name, 'a', 0).visible.hash;
    const names = Object.keys(BUCKETS) as BucketName[];
    for (const name of names) expect(hash(name)).toMatch(/^[0-9a-f]{32}$/);
    expect(hash('create-message')).toBe(bucketHash('messages'));
    expect(hash('edit-message')).toBe(hash('create-message'));
    const groups = names.map((name) => BUCKETS[name].group || name);
    expect(new Set(names.map(hash)).size).toBe(new Set(groups).size);
  });

  test('counts the global limit for everyone apart', () => {
    const limiter = new Limiter(DEFAULTS);
    for (let count = 0; count < 50; count += 1) expect(limiter.takeGlobal('bot', count)).toBeUndefined();
    expect(limiter.takeGlobal('bot', 100)).toMatchObject({ scope: 'global', retryAfterMs: 900 });
    expect(limiter.takeGlobal('127.0.0.1', 100)).toBeUndefined();
    expect(limiter.takeGlobal('bot', 1_000)).toBeUndefined();
  });

  test('tells the scope of a hidden limit, and its code', () => {
    const limiter = new Limiter(DEFAULTS);
    const { limit } = SUB_LIMITS['edit-old-message'];
    for (let count = 0; count < limit; count += 1) {
      expect(limiter.takeSubLimit('edit-old-message', 'a', 0)).toBeUndefined();
    }
    expect(limiter.takeSubLimit('edit-old-message', 'a', 0)).toMatchObject({ isHidden: true, code: 30_046 });
    expect(limiter.takeSubLimit('edit-old-message', 'b', 0)).toBeUndefined();
  });

  test('forgets counters that have all their places, and no others', () => {
    const limiter = new Limiter(DEFAULTS);
    limiter.takeBucket('change-channel', 'kept', 10_000);
    for (let count = 0; count < 30_000; count += 1) {
      limiter.takeBucket('create-message', `${count}`, 10_000 + count / 10);
    }
    expect(limiter.counterCount).toBeLessThanOrEqual(20_000);
    expect(limiter.takeBucket('change-channel', 'kept', 13_000).visible.remaining).toBe(3);
  });
});

describe('invalid requests', () => {
  test('ban by the one that reaches the limit within the window, for each address apart', () => {
    const invalid = new InvalidRequests({ limit: 3, windowMs: 1_000, banMs: 5_000 });
    const added = [0, 500, 1_000, 1_400, 1_499].map((atMs) => invalid.add('a', atMs));
    expect(added).toEqual([false, false, false, true, false]);
    expect(invalid.bannedForMs('a', 2_000)).toBe(4_400);
    expect(invalid.bannedForMs('b', 2_000)).toBe(0);
    expect(invalid.bannedForMs('a', 6_400)).toBe(0);
  });
});
