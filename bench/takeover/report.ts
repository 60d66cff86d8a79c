/** From takeovers to what is printed. Pure. */
import { median } from '../medians.ts';
import { tableOf } from '../table.ts';
import type { TakeoverMeasurement } from './measure.ts';
import type { Takeover } from './steps.ts';

const GOAL_MS = 300;

const COLUMNS = [
  { heading: 'full tail', width: 11, isText: true },
  { heading: 'chunks', width: 8 },
  { heading: 'MiB', width: 6 },
  { heading: 'takeovers', width: 11 },
  { heading: 'median ms', width: 11 },
  { heading: 'worst ms', width: 10 },
  { heading: 'lease', width: 8 },
  { heading: 'fetch', width: 8 },
  { heading: 'restore', width: 9 },
  { heading: 'connect', width: 9 },
] as const;

export function takeoverTable(results: readonly TakeoverMeasurement[]): string {
  const rows = results.map(({ filling, tail, takeovers }) => {
    const middle = (of: (one: Takeover) => number) => median(takeovers.map(of)).toFixed(1);
    return [
      filling,
      tail.chunks.toLocaleString('en'),
      (tail.bytes / 1024 / 1024).toFixed(2),
      String(takeovers.length),
      middle(({ totalMs }) => totalMs),
      worstMs(takeovers).toFixed(1),
      middle(({ leaseMs }) => leaseMs),
      middle(({ fetchMs }) => fetchMs),
      middle(({ restoreMs }) => restoreMs),
      middle(({ connectMs }) => connectMs),
    ];
  });
  return tableOf(COLUMNS, rows);
}

export function takeoverGoals(results: readonly TakeoverMeasurement[]): string[] {
  return results.map(({ filling, takeovers }) => {
    const worst = worstMs(takeovers);
    const verdict = worst <= GOAL_MS ? 'met' : 'MISSED';
    return `goal: takeover of a full tail (${filling}), lease to RESUME, worst <= ${GOAL_MS} ms: ${worst.toFixed(0)}: ${verdict}`;
  });
}

function worstMs(takeovers: readonly Takeover[]): number {
  return Math.max(...takeovers.map(({ totalMs }) => totalMs));
}
