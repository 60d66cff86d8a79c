/** Which buckets there are, and who asks for what: every bucket is asked for by several workers. Pure; the seed deals. */
import { BUCKETS } from '../../src/simulator/index.ts';
import { Random } from '../../src/simulator/random.ts';
import { KINDS, type Place, type RequestKind } from './kinds.ts';

/** One bucket as Discord counts. */
export interface SoakBucket {
  readonly kind: RequestKind;
  readonly place: Place;
  /** The same where `X-RateLimit-Bucket` is the same: what clients take for one bucket, and give one part. */
  readonly name: string;
}

/** Has one request on its way at a time, and the next one as soon as that is answered. */
export interface Caller {
  readonly bucket: number;
  readonly worker: number;
}

/** Callers of each bucket: while one's request is with Discord, the other's waits for its turn. */
export const CALLERS_PER_BUCKET = 2;

/** A hundred shares dealt out as evenly as they can be, whatever the number. */
export function bucketsOf(count: number, places: readonly Place[]): SoakBucket[] {
  const total = KINDS.reduce((sum, { share }) => sum + share, 0);
  const dealt = KINDS.map((kind) => ({ kind, used: 0 }));
  return Array.from({ length: count }, (_, index) => {
    const behind = (one: (typeof dealt)[number]) => ((index + 1) * one.kind.share) / total - one.used;
    const next = dealt.reduce((most, one) => (behind(one) > behind(most) ? one : most));
    const place = places[next.used];
    if (!place) throw new RangeError(`${places.length} places are too few for ${count} buckets`);
    next.used += 1;
    const { limit } = next.kind;
    return { kind: next.kind, place, name: `${BUCKETS[limit].group || limit} ${next.used}` };
  });
}

export function callersOf(buckets: number, workers: number, seed: number): Caller[] {
  const order = shuffled(
    Array.from({ length: buckets }, (_, bucket) => bucket),
    new Random(seed),
  );
  // Round after round over the workers: all of them have as much to do, and no bucket has a worker twice.
  return Array.from({ length: CALLERS_PER_BUCKET }).flatMap((_, round) =>
    order.map((bucket, at) => ({
      bucket,
      worker: (at + Math.floor((round * workers) / CALLERS_PER_BUCKET)) % workers,
    })),
  );
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const keyed = items.map((item) => ({ item, key: random.next() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}
