/** How long workers waited for their next dispatch, beyond the spacing at which Discord sent them. Pure; µs of one clock. */
import type { Received } from './record.ts';

export interface Gap {
  /** When the dispatch before it came, and the one after it. */
  readonly fromUs: number;
  readonly untilUs: number;
  /** What lay between them, less what lay between their sending; never below 0. */
  readonly lengthUs: number;
}

export interface Span {
  readonly fromUs: number;
  readonly untilUs: number;
}

/** The gap before the dispatch with this index. `sentUs`: see `ShardVerdict`. `undefined` where there is nothing to compare. */
export function gapBefore(received: Received, sentUs: Float64Array, index: number): Gap | undefined {
  const fromUs = received.timesUs[index - 1];
  const untilUs = received.timesUs[index];
  if (fromUs === undefined || untilUs === undefined || index >= received.length) return undefined;
  const spacingUs = (sentUs[index] ?? Number.NaN) - (sentUs[index - 1] ?? Number.NaN);
  if (Number.isNaN(spacingUs)) return undefined;
  return { fromUs, untilUs, lengthUs: Math.max(0, untilUs - fromUs - Math.max(0, spacingUs)) };
}

/** All that are at least so long. */
export function gapsFrom(leastUs: number, received: Received, sentUs: Float64Array): Gap[] {
  const gaps: Gap[] = [];
  for (let index = 1; index < received.length; index += 1) {
    const gap = gapBefore(received, sentUs, index);
    if (gap && gap.lengthUs >= leastUs) gaps.push(gap);
  }
  return gaps;
}

/** Those that overlap one of the spans. */
export function gapsIn(gaps: readonly Gap[], spans: readonly Span[]): Gap[] {
  return gaps.filter((gap) =>
    spans.some(({ fromUs, untilUs }) => gap.untilUs >= fromUs && gap.fromUs <= untilUs),
  );
}

/** Of sorted values, rounded; 0 where there are none. */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}
