/** At most so many in any window of so many milliseconds. Pure: the time is handed in. */
export class SlidingWindow {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #times: number[] = [];

  constructor(limit: number, windowMs: number) {
    this.#limit = limit;
    this.#windowMs = windowMs;
  }

  /** Counts one more, also when it says no; false when that is more than the window allows. */
  admit(nowMs: number): boolean {
    while (this.#times.length > 0 && nowMs - (this.#times[0] ?? 0) >= this.#windowMs) this.#times.shift();
    this.#times.push(nowMs);
    if (this.#times.length <= this.#limit) return true;
    this.#times.shift();
    return false;
  }
}
