/** Whether each bucket got its part. Those of one `X-RateLimit-Bucket` and channel count as one here: clients have one queue for them. Pure. */
import { BUCKETS } from '../../src/simulator/index.ts';
import { fairParts } from './allowance.ts';
import type { Book, NamedRecord } from './book.ts';
import type { SoakBucket } from './load.ts';

/** A bucket with less than this of its fair part is starved. */
const STARVED_BELOW = 0.5;

/** So is one without a request done for this long, besides two of the times after which it can expect one. */
const SILENCE_MS = 10_000;

/** Starved buckets that are named. */
const HUNGRY_SHOWN = 10;

export interface Fairness {
  readonly starved: number;
  /** What the worst-off bucket got of its fair part. */
  readonly leastOfFair: number;
  readonly longestSilenceMs: number;
  /** The first few starved ones, in words. */
  readonly hungry: readonly string[];
}

interface Named {
  readonly name: string;
  /** One of its requests. */
  readonly what: string;
  allowed: number;
  windowMs: number;
}

/** `allowances`: of each bucket; `total`: of all together. */
export function fairnessOf(
  {
    buckets,
    allowances,
    total,
    ms,
  }: {
    readonly buckets: readonly SoakBucket[];
    readonly allowances: readonly number[];
    readonly total: number;
    readonly ms: number;
  },
  book: Book,
): Fairness {
  const named = namedOf(buckets, allowances);
  const parts = fairParts(
    named.map(({ allowed }) => allowed),
    total,
  );
  const got = named.map((one, at) => {
    const record = book.named.get(one.name) ?? { done: 0, lastAtMs: 0, longestSilenceMs: ms };
    return { ...one, ...record, part: parts[at] ?? 0 };
  });
  const hungry = got.filter((one) => isStarved(one, ms)).map(hungerText);
  return {
    starved: hungry.length,
    leastOfFair: Math.min(...got.map(({ done, part }) => done / part)),
    longestSilenceMs: Math.max(...got.map(({ longestSilenceMs }) => longestSilenceMs)),
    hungry: hungry.slice(0, HUNGRY_SHOWN),
  };
}

function namedOf(buckets: readonly SoakBucket[], allowances: readonly number[]): Named[] {
  const all = new Map<string, Named>();
  for (const [at, { name, kind, place }] of buckets.entries()) {
    const what = `${kind.method} ${kind.path(place)}`;
    const one = all.get(name) ?? { name, what, allowed: 0, windowMs: 0 };
    one.allowed += allowances[at] ?? 0;
    one.windowMs = Math.max(one.windowMs, BUCKETS[kind.limit].windowMs);
    all.set(name, one);
  }
  return [...all.values()];
}

type Got = Named & NamedRecord & { readonly part: number };

function isStarved({ done, longestSilenceMs, part, windowMs }: Got, ms: number): boolean {
  return done < STARVED_BELOW * part || longestSilenceMs > SILENCE_MS + 2 * Math.max(windowMs, ms / part);
}

function hungerText({ what, done, longestSilenceMs, part }: Got): string {
  return `${what}: ${done} of ${part.toFixed(1)}, silent for ${(longestSilenceMs / 1_000).toFixed(1)} s`;
}
