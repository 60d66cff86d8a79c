import { describe, expect, it } from 'vitest';
import { abortable } from '../../../src/runtime/abortable.ts';
import { backoffMs } from '../../../src/runtime/backoff.ts';
import { SlidingWindow } from '../../../src/runtime/sliding-window.ts';

describe('back-off', () => {
  const options = { firstMs: 1_000, maxMs: 30_000 };

  it('waits not at all before the first attempt, then twice as long each time, up to its limit', () => {
    const waits = [0, 1, 2, 3, 4, 5, 6, 7, 1_000].map((failures) => backoffMs(failures, 0, options));
    expect(waits).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('takes off a quarter at most, at random', () => {
    expect(backoffMs(3, 0.999, options)).toBeGreaterThanOrEqual(3_000);
    expect(backoffMs(3, 0.5, options)).toBe(3_500);
  });
});

describe('a sliding window', () => {
  it('gives as many places as its limit in any window', () => {
    const window = new SlidingWindow(3, 100);
    expect([0, 10, 20, 30].map((now) => window.take(now))).toEqual([true, true, true, false]);
    expect(window.waitMs(30)).toBe(70);
    expect(window.take(99)).toBe(false);
    expect([100, 100, 110, 119].map((now) => window.take(now))).toEqual([true, false, true, false]);
  });

  it('forgets all with a clear', () => {
    const window = new SlidingWindow(1, 100);
    window.take(0);
    window.clear();
    expect(window.waitMs(0)).toBe(0);
  });
});

describe('abortable', () => {
  it('settles as the promise does', async () => {
    const { signal } = new AbortController();
    await expect(abortable(Promise.resolve(7), signal)).resolves.toBe(7);
    await expect(abortable(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
  });

  it('rejects with the reason as soon as the signal aborts, or has', async () => {
    const abort = new AbortController();
    const waiting = abortable(new Promise(() => undefined), abort.signal);
    abort.abort(new Error('stop'));
    await expect(waiting).rejects.toThrow('stop');
    await expect(abortable(Promise.resolve(7), abort.signal)).rejects.toThrow('stop');
  });
});
