/**
 * Who may IDENTIFY when: one per bucket and interval, and so many a day. Pure: the time is handed in.
 * https://discord.com/developers/docs/events/gateway#session-start-limit-object
 */

export type IdentifyVerdict =
  | { kind: 'accepted' }
  | { kind: 'too-soon'; waitMs: number }
  | { kind: 'budget-exhausted' };

export interface IdentifyGateOptions {
  maxConcurrency: number;
  intervalMs: number;
  budget: { total: number; remaining: number; resetAfterMs: number };
  nowMs: number;
}

export class IdentifyGate {
  readonly #options: IdentifyGateOptions;
  readonly #acceptedAtMs = new Map<number, number>();
  #remaining: number;
  #resetAtMs: number;

  constructor(options: IdentifyGateOptions) {
    this.#options = options;
    this.#remaining = options.budget.remaining;
    this.#resetAtMs = options.nowMs + options.budget.resetAfterMs;
  }

  /** Stricter than Discord: an IDENTIFY that came too soon is paid for as well. */
  arrive(shard: number, nowMs: number): IdentifyVerdict {
    this.#refill(nowMs);
    if (this.#remaining <= 0) return { kind: 'budget-exhausted' };
    this.#remaining -= 1;
    const bucket = this.bucketOf(shard);
    const freeAtMs = (this.#acceptedAtMs.get(bucket) ?? Number.NEGATIVE_INFINITY) + this.#options.intervalMs;
    if (nowMs < freeAtMs) return { kind: 'too-soon', waitMs: freeAtMs - nowMs };
    this.#acceptedAtMs.set(bucket, nowMs);
    return { kind: 'accepted' };
  }

  bucketOf(shard: number): number {
    return shard % this.#options.maxConcurrency;
  }

  /** The `session_start_limit` of GET /gateway/bot. */
  limit(nowMs: number): { total: number; remaining: number; reset_after: number; max_concurrency: number } {
    this.#refill(nowMs);
    return {
      total: this.#options.budget.total,
      remaining: Math.max(0, this.#remaining),
      reset_after: Math.max(0, Math.ceil(this.#resetAtMs - nowMs)),
      max_concurrency: this.#options.maxConcurrency,
    };
  }

  #refill(nowMs: number): void {
    if (nowMs < this.#resetAtMs) return;
    this.#remaining = this.#options.budget.total;
    this.#resetAtMs = nowMs + this.#options.budget.resetAfterMs;
  }
}
