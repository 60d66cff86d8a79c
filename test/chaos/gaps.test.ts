import { describe, expect, test } from 'vitest';
import { gapBefore, gapsFrom, gapsIn, percentile } from '../../bench/deployment/gaps.ts';

/** What came when (ms), and when it was sent (ms). */
function received(cameMs: readonly number[], sentMs: readonly number[]) {
  const timesUs = Float64Array.from(cameMs, (ms) => ms * 1000);
  const none = new Uint32Array(cameMs.length);
  return {
    record: { length: cameMs.length, sequences: none, crcs: none, timesUs },
    sentUs: Float64Array.from(sentMs, (ms) => ms * 1000),
  };
}

describe('a gap of a worker', () => {
  test('is the time between two dispatches less the time between their sending', () => {
    const { record, sentUs } = received([100, 108, 950], [99, 107, 117]);
    expect(gapBefore(record, sentUs, 1)?.lengthUs).toBe(0);
    expect(gapBefore(record, sentUs, 2)).toEqual({ fromUs: 108_000, untilUs: 950_000, lengthUs: 832_000 });
  });

  test('is nothing where Discord was silent so long', () => {
    const { record, sentUs } = received([100, 5_100], [99, 5_099]);
    expect(gapBefore(record, sentUs, 1)?.lengthUs).toBe(0);
  });

  test('is never negative: what was held up comes all at once', () => {
    const { record, sentUs } = received([100, 950, 951], [99, 107, 500]);
    expect(gapBefore(record, sentUs, 2)?.lengthUs).toBe(0);
  });

  test('is unknown before the first, after the last, and beside what was never sent', () => {
    const { record, sentUs } = received([100, 108, 120], [99, Number.NaN, 119]);
    expect([0, 1, 2, 3].map((index) => gapBefore(record, sentUs, index))).toEqual(Array(4).fill(undefined));
  });
});

test('of all gaps, those of at least the length asked for are found, each once', () => {
  const { record, sentUs } = received([0, 10, 200, 210, 1_000], [0, 10, 20, 30, 40]);
  const gaps = gapsFrom(100_000, record, sentUs);
  expect(gaps.map(({ lengthUs }) => lengthUs)).toEqual([180_000, 780_000]);
});

test('a gap belongs to a span that it overlaps', () => {
  const gap = (fromUs: number, untilUs: number) => ({ fromUs, untilUs, lengthUs: untilUs - fromUs });
  const gaps = [gap(0, 10), gap(15, 25), gap(22, 28), gap(35, 50), gap(60, 70)];
  const spans = [
    { fromUs: 20, untilUs: 40 },
    { fromUs: 21, untilUs: 30 },
  ];
  expect(gapsIn(gaps, spans).map(({ fromUs }) => fromUs)).toEqual([15, 22, 35]);
});

test('a percentile of nothing is 0, and of one thing that thing', () => {
  expect([percentile([], 0.99), percentile([7], 0.99), percentile([1, 2, 3, 4], 1)]).toEqual([0, 7, 4]);
});
