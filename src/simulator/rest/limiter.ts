/**
 * Decides whether a request is within the limits: the global one, its route's bucket, and those that no header tells of. Knows
 * nothing of HTTP. Counts by arrival, when the head of a request is there: its body comes later.
 */
import {
  BUCKETS,
  type BucketDefinition,
  type BucketName,
  bucketHash,
  type LimitChanges,
  SUB_LIMITS,
  type SubLimitDefinition,
  type SubLimitName,
} from './limits.ts';
import { type Bucket, type BucketReading, bucketOf } from './rules/bucket.ts';
import { SlidingLimit } from './rules/sliding-limit.ts';

export type LimitScope = 'user' | 'global' | 'shared';

/** What a bucket's headers say. */
export interface VisibleBucket extends BucketReading {
  hash: string;
}

/** A request that is over a limit. */
export interface Excess {
  /** The limit it is over, and whose: the same for everything that has to wait for the same. */
  key: string;
  scope: LimitScope;
  /** A limit that the headers did not tell of. */
  isHidden: boolean;
  retryAfterMs: number;
  code?: number | undefined;
}

export interface LimiterOptions {
  globalLimit: number;
  globalWindowMs: number;
  buckets: LimitChanges<BucketName>;
  subLimits: LimitChanges<SubLimitName>;
}

/** Counters that stand still are looked for when there are this many. */
const MAX_COUNTERS = 20_000;

export class Limiter {
  readonly #options: LimiterOptions;
  readonly #buckets = new Map<string, BucketDefinition & { hash: string }>();
  readonly #subLimits = new Map<string, SubLimitDefinition>();
  readonly #counters = new Map<string, Bucket>();
  readonly #globals = new Map<string, SlidingLimit>();

  constructor(options: LimiterOptions) {
    this.#options = options;
    for (const [name, definition] of Object.entries(BUCKETS)) {
      const changed = { ...definition, ...options.buckets[name as BucketName] };
      this.#buckets.set(name, { ...changed, hash: bucketHash(definition.group || name) });
    }
    for (const [name, definition] of Object.entries(SUB_LIMITS)) {
      this.#subLimits.set(name, { ...definition, ...options.subLimits[name as SubLimitName] });
    }
  }

  get counterCount(): number {
    return this.#counters.size;
  }

  /** `who`: a bot's token, or the address of requests without one. */
  takeGlobal(who: string, nowMs: number): Excess | undefined {
    let window = this.#globals.get(who);
    if (!window) {
      if (this.#globals.size >= MAX_COUNTERS) this.#globals.clear();
      window = new SlidingLimit(this.#options.globalLimit, this.#options.globalWindowMs);
      this.#globals.set(who, window);
    }
    const retryAfterMs = window.take(nowMs);
    if (retryAfterMs === 0) return undefined;
    return { key: `global ${who}`, scope: 'global', isHidden: false, retryAfterMs };
  }

  /** `of`: who asks and for which major parameter. */
  takeBucket(
    name: BucketName,
    of: string,
    nowMs: number,
  ): { visible: VisibleBucket; excess: Excess | undefined } {
    const definition = this.#buckets.get(name);
    if (!definition) throw new RangeError(`no bucket is called ${name}`);
    const key = `${name} ${of}`;
    const counter = this.#counter(key, definition, nowMs);
    const retryAfterMs = counter.take(nowMs);
    const { limit, remaining, resetAfterMs } = counter.read(nowMs);
    return {
      visible: { hash: definition.hash, limit, remaining, resetAfterMs },
      excess: retryAfterMs === 0 ? undefined : { key, scope: 'user', isHidden: false, retryAfterMs },
    };
  }

  takeSubLimit(name: SubLimitName, of: string, nowMs: number): Excess | undefined {
    const definition = this.#subLimits.get(name);
    if (!definition) throw new RangeError(`no sub-limit is called ${name}`);
    const key = `sub-limit ${name} ${of}`;
    const retryAfterMs = this.#counter(key, definition, nowMs).take(nowMs);
    if (retryAfterMs === 0) return undefined;
    return { key, scope: definition.scope, isHidden: true, retryAfterMs, code: definition.code };
  }

  #counter(key: string, rule: SubLimitDefinition | BucketDefinition, nowMs: number): Bucket {
    const known = this.#counters.get(key);
    if (known) return known;
    if (this.#counters.size >= MAX_COUNTERS) this.#forgetFull(nowMs);
    const counter = bucketOf(rule);
    this.#counters.set(key, counter);
    return counter;
  }

  /** A counter with all its places is as good as none. */
  #forgetFull(nowMs: number): void {
    for (const [key, counter] of this.#counters) {
      if (counter.read(nowMs).resetAfterMs === 0) this.#counters.delete(key);
    }
  }
}
