/** The gaps that workers saw where their connections ended. Pure. */
import type { Deployment } from '../deployment/deployment.ts';
import { gapBefore } from '../deployment/gaps.ts';
import type { ShardVerdict } from '../deployment/judge.ts';

/** Where a connection of a shard's worker ended: the gap is before the dispatch with this index of its record. */
export interface ConnectionEnd {
  /** What happened then. */
  readonly during: string;
  readonly shard: number;
  readonly index: number;
}

export interface MeasuredGap {
  readonly lengthUs: number;
  /** For the list of the longest. */
  readonly text: string;
}

export function gapsAt(
  ends: readonly ConnectionEnd[],
  verdicts: readonly ShardVerdict[],
  { workers, simulator }: Pick<Deployment, 'workers' | 'simulator'>,
): MeasuredGap[] {
  return ends.flatMap(({ during, shard, index }) => {
    const received = workers.records[shard];
    const sentUs = verdicts[shard]?.sentUs;
    const gap = received && sentUs && gapBefore(received, sentUs, index);
    if (!gap) return [];
    const at = new Date((gap.fromUs + simulator.clockOffsetUs) / 1000).toISOString();
    const text = `${at.slice(11, 23)} shard ${shard}, ${during}: ${Math.round(gap.lengthUs / 1000)} ms`;
    return { lengthUs: gap.lengthUs, text };
  });
}
