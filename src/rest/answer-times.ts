/**
 * How long answers take, from the sending of a request: the shortest time, and what is usual. One that takes much longer may have been
 * long on its way to Discord (a lost packet, a machine that is busy), and so be counted late. Pure. Runs per request.
 */

/** Before so many answers, over so long, nothing is known: those of the first burst may all be late. */
const ENOUGH_ANSWERS = 100;
const ENOUGH_MS = 3_000;
/** Of this many of the newest, roughly, mean and spread are. */
const REMEMBERED = 256;
/** It grows from no less than this. */
const LEAST_USUAL_MS = 5;
/**
 * Usual is up to so many times the mean distance from the mean. (TCP takes four before it sends again, which costs more there than here:
 * a place of the global limit that is free a little later.) https://www.rfc-editor.org/rfc/rfc6298
 */
const SPREADS = 2;

export class AnswerTimes {
  #fastestMs = Number.POSITIVE_INFINITY;
  #meanMs = 0;
  #spreadMs = 0;
  #count = 0;
  #firstMs: number | undefined;
  areKnown = false;

  get fastestMs(): number {
    return this.#fastestMs;
  }

  /** Longer than this is unusual. */
  get usualMs(): number {
    return this.#meanMs + SPREADS * this.#spreadMs;
  }

  add(tookMs: number, nowMs: number): void {
    this.#firstMs ??= nowMs;
    this.#fastestMs = Math.min(this.#fastestMs, tookMs);
    this.#count++;
    this.areKnown = this.#count >= ENOUGH_ANSWERS && nowMs - this.#firstMs >= ENOUGH_MS;
    // More than is usual counts as what is: else many that are late together would soon be usual. Where all are from now on, it takes some hundreds.
    const counted = this.areKnown ? Math.min(tookMs, Math.max(this.usualMs, LEAST_USUAL_MS)) : tookMs;
    const weight = 1 / Math.min(this.#count, REMEMBERED);
    if (this.#count > 1) this.#spreadMs += (Math.abs(counted - this.#meanMs) - this.#spreadMs) * weight;
    this.#meanMs += (counted - this.#meanMs) * weight;
  }
}
