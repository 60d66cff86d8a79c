/** From takeovers to what is printed. Pure. */
import { median } from '../medians.ts';
import { tableOf } from '../table.ts';
import type { TakeoverMeasurement } from './measure.ts';
import type { Takeover } from './steps.ts';

const GOAL_MS = 300;

const COLUMNS = [
  { heading: 'full tail', width: 13, isText: true },
  { heading: 'chunks', width: 8 },
  { heading: 'MiB', width: 6 },
  { heading: 'takeovers', width: 11 },
  { heading: 'median ms', width: 11 },
  { heading: 'worst ms', width: 10 },
  { heading: 'lease', width: 8 },
  { heading: 'fetch', width: 8 },
  { heading: 'restore', width: 9 },
  { heading: 'connect', width: 9 },
  { heading: 'CPU', width: 7 },
  { heading: 'no core', width: 9 },
  { heading: "worst's", width: 9 },
  { heading: 'guilds', width: 9 },
  { heading: 'worst', width: 8 },
] as const;

export function takeoverTable(results: readonly TakeoverMeasurement[]): string {
  const rows = results.map(({ filling, tail, takeovers }) => {
    const worst = worstOf(takeovers);
    const middle = (of: (one: Takeover) => number) => median(takeovers.map(of)).toFixed(1);
    return [
      filling,
      tail.chunks.toLocaleString('en'),
      (tail.bytes / 1024 / 1024).toFixed(2),
      String(takeovers.length),
      middle(({ totalMs }) => totalMs),
      worst.totalMs.toFixed(1),
      middle(({ leaseMs }) => leaseMs),
      middle(({ fetchMs }) => fetchMs),
      middle(({ restoreMs }) => restoreMs),
      middle(({ connectMs }) => connectMs),
      middle(({ cpuMs }) => cpuMs),
      middle(({ noCoreMs }) => noCoreMs),
      worst.noCoreMs.toFixed(1),
      ...guildCells(takeovers),
    ];
  });
  return tableOf(COLUMNS, rows);
}

function guildCells(takeovers: readonly Takeover[]): string[] {
  const times = takeovers.map(({ guildsMs }) => guildsMs).filter((ms) => ms !== null);
  return times.length === 0 ? ['-', '-'] : [median(times).toFixed(0), Math.max(...times).toFixed(0)];
}

export function takeoverGoals(results: readonly TakeoverMeasurement[]): string[] {
  return results.map(({ filling, takeovers }) => {
    const { totalMs } = worstOf(takeovers);
    const verdict = totalMs <= GOAL_MS ? 'met' : 'MISSED';
    return `goal: takeover of a full tail (${filling}), lease to RESUME, worst <= ${GOAL_MS} ms: ${totalMs.toFixed(0)}: ${verdict}`;
  });
}

function worstOf(takeovers: readonly Takeover[]): Takeover {
  return takeovers.reduce((worst, one) => (one.totalMs > worst.totalMs ? one : worst));
}
