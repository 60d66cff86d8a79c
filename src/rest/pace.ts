/** How fast those go that wait in a line, as long as any do. Pure; time is given. */

/** Before, a burst at the beginning would be taken for the pace. */
const MIN_MEASURED_MS = 2_000;
/** What is longer ago counts less and less. */
const MEMORY_MS = 10_000;

export class Pace {
  #sinceMs: number | undefined;
  #count = 0;

  /** One went while others wait. */
  count(nowMs: number): void {
    this.#sinceMs ??= nowMs;
    this.#count++;
    const elapsedMs = nowMs - this.#sinceMs;
    if (elapsedMs < MEMORY_MS) return;
    this.#sinceMs += elapsedMs / 2;
    this.#count /= 2;
  }

  /** Nobody waits. */
  stop(): void {
    this.#sinceMs = undefined;
    this.#count = 0;
  }

  /** `Infinity` where it is not known. */
  perSecond(nowMs: number): number {
    const elapsedMs = this.#sinceMs === undefined ? 0 : nowMs - this.#sinceMs;
    return elapsedMs < MIN_MEASURED_MS ? Number.POSITIVE_INFINITY : (this.#count * 1_000) / elapsedMs;
  }
}
