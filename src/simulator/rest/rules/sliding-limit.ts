/** At most `limit` in any window of `windowMs`, wherever it begins: no client that keeps to this can break a fixed window. Pure. */
export class SlidingLimit {
  readonly #windowMs: number;
  /** When the last `limit` came, the oldest at `#next`. */
  readonly #times: Float64Array;
  #next = 0;

  constructor(limit: number, windowMs: number) {
    this.#windowMs = windowMs;
    this.#times = new Float64Array(limit).fill(Number.NEGATIVE_INFINITY);
  }

  /** Counts one more and gives 0, or counts none and gives the milliseconds until there is room. */
  take(nowMs: number): number {
    const waitMs = (this.#times[this.#next] ?? 0) + this.#windowMs - nowMs;
    if (waitMs > 0) return waitMs;
    this.#times[this.#next] = nowMs;
    this.#next = (this.#next + 1) % this.#times.length;
    return 0;
  }

  /** How many came in the window that ends now. */
  count(nowMs: number): number {
    return this.#times.reduce((sum, atMs) => (atMs > nowMs - this.#windowMs ? sum + 1 : sum), 0);
  }
}
