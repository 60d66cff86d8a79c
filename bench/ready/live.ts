/** How long dispatches took to the other workers, in some windows of time. Pure. */
import { percentile, type Span } from '../deployment/gaps.ts';
import type { ShardVerdict } from '../deployment/judge.ts';
import type { Received } from '../deployment/record.ts';

export interface Hops {
  readonly dispatches: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** From the sending by Discord to the receipt by the worker, of what was sent in the span. `records` and `verdicts` by shard. */
export function hopsIn(
  { fromUs, untilUs }: Span,
  records: readonly Received[],
  verdicts: readonly ShardVerdict[],
): Hops {
  const hopsUs: number[] = [];
  for (const [shard, { timesUs, length }] of records.entries()) {
    const sentUs = verdicts[shard]?.sentUs ?? [];
    for (let index = 0; index < length; index += 1) {
      const sent = sentUs[index] ?? Number.NaN;
      if (sent >= fromUs && sent < untilUs) hopsUs.push((timesUs[index] ?? 0) - sent);
    }
  }
  const sorted = Float64Array.from(hopsUs).sort();
  const at = (share: number) => percentile(sorted, share) / 1000;
  return { dispatches: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}
