/**
 * Counts what happened in the last `windowMs`, and says when there is room for one more under a limit. Pure: time is
 * given by the caller and never goes back. Holds at most `limit` times.
 */
export class SlidingWindow {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #times: number[] = [];

  constructor(limit: number, windowMs: number) {
    this.#limit = limit;
    this.#windowMs = windowMs;
  }

  /** Takes a place where one is free. */
  take(nowMs: number): boolean {
    if (this.waitMs(nowMs) > 0) return false;
    this.#times.push(nowMs);
    return true;
  }

  /** Milliseconds until a place is free; 0 where one is. */
  waitMs(nowMs: number): number {
    while (this.#times.length > 0 && (this.#times[0] ?? 0) + this.#windowMs <= nowMs) this.#times.shift();
    if (this.#times.length < this.#limit) return 0;
    return (this.#times[0] ?? 0) + this.#windowMs - nowMs;
  }

  clear(): void {
    this.#times.length = 0;
  }
}
