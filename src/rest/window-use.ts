/**
 * How far a bucket is used if it has a fixed window: an upper bound, and between which times the window ends. Pure; time is
 * given. Runs per request.
 *
 * What is sent `leadMs` before the latest time at which the window may end gets there after its end: the answer that named
 * that time took a way back, and what is sent takes a way there.
 */
import { type LimitModel, type Observation, ROUNDING_MS } from './limit-model.ts';

export class WindowUse {
  /** Requests that may count in it. */
  used = 0;
  /** Whether its end is known and not over. Its end, or that of the one before, lies between these. */
  isOpen = false;
  #endLowMs = 0;
  #endHighMs = 0;
  /** Whether that end was named by no answer: the next one is believed before it. */
  #isGuessed = false;
  /** What is sent from then on is not counted in a window before this one. */
  #begunMs = 0;

  get endMs(): number {
    return this.#endHighMs;
  }

  room(model: LimitModel, inFlight: number, nowMs: number): number {
    const { limit, isProven, kind } = model;
    this.roll(model, inFlight, nowMs);
    if (this.isOpen || isProven || kind === 'unsure') return limit - this.used;
    // Its first window is over, or there was none: one request shows whether it is empty.
    return inFlight === 0 ? 1 : 0;
  }

  /** When the `nth` more could go; `Infinity` where an answer must come first. */
  etaMs(model: LimitModel, inFlight: number, nth: number, nowMs: number): number {
    this.roll(model, inFlight, nowMs);
    const { limit, windowMs } = model;
    const beyond = nth - Math.max(0, limit - this.used);
    if (beyond <= 0) {
      const mustProbe = nth === 1 && inFlight > 0 && this.room(model, inFlight, nowMs) <= 0;
      return mustProbe ? Number.POSITIVE_INFINITY : 0;
    }
    const windows = Math.ceil(beyond / limit) - 1;
    if (!this.isOpen) return nth === 1 ? Number.POSITIVE_INFINITY : nowMs + windows * windowMs;
    return this.#overMs(model) + windows * windowMs;
  }

  roll(model: LimitModel | undefined, inFlight: number, nowMs: number): void {
    if (this.isOpen) {
      if (nowMs < this.#overMs(model)) return;
      this.#begunMs = nowMs;
    } else if (inFlight > 0) return;
    this.isOpen = false;
    // What is in flight may come to count in the next one.
    this.used = inFlight;
  }

  /** Nothing is used. */
  forget(): void {
    this.isOpen = false;
    this.used = 0;
  }

  /** Its end was named by no answer. */
  guess(endMs: number): void {
    this.isOpen = true;
    this.#isGuessed = true;
    this.#endLowMs = endMs;
    this.#endHighMs = endMs;
  }

  /** `since`: how many were settled since it was sent, but for itself; `inFlight` are still. */
  answer(model: LimitModel, seen: Observation, inFlight: number, since: number): void {
    const lowMs = seen.sentMs + seen.resetAfterMs;
    const highMs = seen.receivedMs + seen.resetAfterMs + ROUNDING_MS;
    const counted = seen.limit - seen.remaining;
    const bound = counted + inFlight + since;
    const which = this.#which(model, seen, lowMs, highMs);
    if (which === 'older') {
      // Counted before the end of a window that is over here: it was taken along in vain.
      if (!this.isOpen) this.used = Math.max(inFlight, this.used - 1);
    } else if (which === 'same') {
      this.#endLowMs = Math.max(this.#endLowMs, lowMs);
      this.#endHighMs = Math.max(this.#endLowMs, Math.min(this.#endHighMs, highMs));
      this.used = Math.max(counted, Math.min(this.used, bound));
    } else if (which === 'next') {
      if (!this.isOpen && this.#endHighMs > 0 && this.used === 1) model.seesNextWindow(counted);
      const isFirst = !this.isOpen || this.#isGuessed;
      this.used = isFirst ? Math.max(counted, Math.min(this.used, bound)) : bound;
      this.isOpen = true;
      this.#isGuessed = false;
      this.#endLowMs = lowMs;
      this.#endHighMs = isFirst ? highMs : Math.max(this.#endHighMs, highMs);
    }
  }

  /** `unclear`: of this one or of one before; it stays counted. */
  #which(
    model: LimitModel,
    { sentMs, receivedMs }: Observation,
    lowMs: number,
    highMs: number,
  ): 'older' | 'same' | 'next' | 'unclear' {
    if (this.#endHighMs === 0) return 'next';
    if (this.#isGuessed) return highMs <= receivedMs + 2 * ROUNDING_MS ? 'older' : 'next';
    // The next one ends a whole window later at least.
    const mayBeNext = highMs >= this.#endLowMs + model.windowMs;
    if (this.isOpen) {
      if (highMs < this.#endLowMs) return 'older';
      // Where it may be either, the later end and the use that it names hold for both.
      if (mayBeNext || lowMs > this.#endHighMs) return 'next';
      return lowMs <= this.#endHighMs - model.windowMs ? 'unclear' : 'same';
    }
    if (sentMs >= this.#begunMs || lowMs > this.#endHighMs) return 'next';
    return mayBeNext ? 'unclear' : 'older';
  }

  #overMs(model: LimitModel | undefined): number {
    return this.#isGuessed || !model ? this.#endHighMs : this.#endHighMs - model.leadMs;
  }
}
