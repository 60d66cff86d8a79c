/**
 * A rate limit's arithmetic. Pure: the time is handed in and never goes back.
 *
 * fixed: the window begins with the first request after the last window and gives all places back at its end.
 *   Remaining is what is left of the window, Reset(-After) its end, Retry-After its end too.
 * leaky: a place that was taken comes back `windowMs / limit` after the one before it.
 *   Remaining counts the places that are free now, Reset(-After) is when all of them will be, so it moves with every request;
 *   Retry-After is when one is.
 *
 * A request that is refused takes no place in either. https://github.com/discord/discord-api-docs/issues/7680 says how both look at
 * Discord, which does not tell which of them a route has.
 */

export interface BucketRule {
  kind: 'fixed' | 'leaky';
  /** Requests a window. */
  limit: number;
  windowMs: number;
}

export interface BucketReading {
  limit: number;
  remaining: number;
  resetAfterMs: number;
}

export interface Bucket {
  /** Takes a place and gives 0, or takes none and gives the milliseconds until there is one. */
  take(nowMs: number): number;
  read(nowMs: number): BucketReading;
}

/** Sums of fractions of a window are this much off at most. */
const ROUNDING_MS = 1e-6;

export function bucketOf(rule: BucketRule): Bucket {
  return rule.kind === 'fixed' ? new FixedBucket(rule) : new LeakyBucket(rule);
}

class FixedBucket implements Bucket {
  readonly #limit: number;
  readonly #windowMs: number;
  #endsAtMs = Number.NEGATIVE_INFINITY;
  #taken = 0;

  constructor({ limit, windowMs }: BucketRule) {
    this.#limit = limit;
    this.#windowMs = windowMs;
  }

  take(nowMs: number): number {
    if (nowMs >= this.#endsAtMs) {
      this.#endsAtMs = nowMs + this.#windowMs;
      this.#taken = 0;
    }
    if (this.#taken >= this.#limit) return this.#endsAtMs - nowMs;
    this.#taken += 1;
    return 0;
  }

  read(nowMs: number): BucketReading {
    const resetAfterMs = Math.max(0, this.#endsAtMs - nowMs);
    const remaining = resetAfterMs === 0 ? this.#limit : this.#limit - this.#taken;
    return { limit: this.#limit, remaining, resetAfterMs };
  }
}

class LeakyBucket implements Bucket {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #intervalMs: number;
  /** When every place is free again. */
  #fullAtMs = Number.NEGATIVE_INFINITY;

  constructor({ limit, windowMs }: BucketRule) {
    this.#limit = limit;
    this.#windowMs = windowMs;
    this.#intervalMs = windowMs / limit;
  }

  take(nowMs: number): number {
    const fullAtMs = Math.max(this.#fullAtMs, nowMs) + this.#intervalMs;
    const waitMs = fullAtMs - nowMs - this.#windowMs;
    if (waitMs > ROUNDING_MS) return waitMs;
    this.#fullAtMs = fullAtMs;
    return 0;
  }

  read(nowMs: number): BucketReading {
    const resetAfterMs = Math.max(0, this.#fullAtMs - nowMs);
    const taken = Math.ceil((resetAfterMs - ROUNDING_MS) / this.#intervalMs);
    return { limit: this.#limit, remaining: this.#limit - Math.max(0, taken), resetAfterMs };
  }
}
