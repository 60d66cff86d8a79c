/**
 * What the limits allow: the most that a client could do which knows everything beforehand and has no way to go. Pure. Never too
 * little: what a real client can't reach of it (a window ends while its answer is on its way) counts against it.
 */
import type { BucketRule } from '../../src/simulator/index.ts';

/** Requests of one bucket in the `ms` that follow the first one, if it was not used before. */
export function allowedBy({ kind, limit, windowMs }: BucketRule, ms: number): number {
  if (kind === 'fixed') return Math.ceil(ms / windowMs) * limit;
  return limit + Math.ceil((ms * limit) / windowMs) - 1;
}

/** Requests of all buckets together. */
export function allowedGlobally(globalLimit: number, ms: number): number {
  return Math.ceil(ms / 1_000) * globalLimit;
}

/**
 * What each bucket gets where all get the same, but for those that can't have so much: what these leave is for the others.
 * https://en.wikipedia.org/wiki/Max-min_fairness
 */
export function fairParts(allowed: readonly number[], total: number): number[] {
  const parts = allowed.map(() => 0);
  const rising = allowed.map((_, bucket) => bucket).sort((a, b) => (allowed[a] ?? 0) - (allowed[b] ?? 0));
  let left = total;
  for (const [at, bucket] of rising.entries()) {
    const part = Math.min(allowed[bucket] ?? 0, left / (rising.length - at));
    parts[bucket] = part;
    left -= part;
  }
  return parts;
}
