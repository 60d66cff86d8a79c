import { describe, expect, it } from 'vitest';
import { Pace } from '../../../src/rest/pace.ts';

describe('a pace', () => {
  it('is not known from a burst', () => {
    const pace = new Pace();
    for (let gone = 0; gone < 50; gone++) pace.count(1_000);
    expect(pace.perSecond(1_100)).toBe(Number.POSITIVE_INFINITY);
  });

  it('is what went in the last seconds', () => {
    const pace = new Pace();
    for (let atMs = 0; atMs < 60_000; atMs += 20) pace.count(atMs);
    expect(pace.perSecond(60_000)).toBeCloseTo(50, 0);
    for (let atMs = 60_000; atMs < 90_000; atMs += 100) pace.count(atMs);
    expect(pace.perSecond(90_000)).toBeLessThan(12);
  });

  it('begins anew when nobody waits', () => {
    const pace = new Pace();
    for (let atMs = 0; atMs < 5_000; atMs += 100) pace.count(atMs);
    pace.stop();
    expect(pace.perSecond(9_000)).toBe(Number.POSITIVE_INFINITY);
  });
});
