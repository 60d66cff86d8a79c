/**
 * By how much earlier a request may leave than the end of a window is heard of here. An answer that names an end took a way
 * back, and a request takes a way there: who waits for the end as heard wastes both, each window. Pure.
 *
 * What was heard is late by the way back at least, and what is sent arrives later by the way there, so their sum may go off
 * the wait: the shortest round trip, less what Discord itself may have taken of it, and less a margin for a faster way yet.
 */
import type { Observation } from './limit-model.ts';

/** So many round trips show nearly the shortest. */
const MIN_SEEN = 20;
/** The part of the shortest round trip that is counted on: the way may become shorter by the rest and nothing happens. */
const PART = 0.85;
/** Weight of the newest round trip in the mean, once that many were seen. */
const WEIGHT = 1 / MIN_SEEN;
/** The more were seen, the nearer the shortest of them is to the shortest there is; no nearer than of so many. */
const MAX_SEEN = 2_000;
/** How far the shortest of `n` may be from the shortest there is: times the mean distance, times the root of `2 / n`. */
const SPREADS = 3;

export class Lead {
  #seen = 0;
  #shortestMs = Number.POSITIVE_INFINITY;
  #meanMs = 0;

  see({ sentMs, receivedMs }: Observation): void {
    const roundTripMs = receivedMs - sentMs;
    this.#seen = Math.min(MAX_SEEN, this.#seen + 1);
    this.#meanMs += (roundTripMs - this.#meanMs) * Math.max(WEIGHT, 1 / this.#seen);
    this.#shortestMs = Math.min(this.#shortestMs, roundTripMs);
  }

  /** `windowMs`: the longest `Reset-After` that was seen. */
  ms(windowMs: number): number {
    if (this.#seen < MIN_SEEN) return 0;
    const spreadMs = SPREADS * (this.#meanMs - this.#shortestMs) * Math.sqrt(2 / this.#seen);
    return Math.max(0, PART * (this.#shortestMs - insideMs(windowMs)) - spreadMs);
  }
}

/**
 * What Discord takes at least between counting a request and naming the time that is left, and so of every round trip: the
 * window is a round number as far as anybody has seen, and what is missing to it has passed.
 */
function insideMs(windowMs: number): number {
  const gridMs = windowMs > 2_000 ? 1_000 : windowMs > 1_000 ? 500 : 250;
  return Math.ceil(windowMs / gridMs) * gridMs - windowMs;
}
