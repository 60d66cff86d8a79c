/**
 * How far a bucket is used if it is a leaky one: an upper bound. Pure; time is given. Runs per request.
 *
 * Of the interval two bounds are known (`LimitModel`). What was sent but is in no answer yet is kept as a number, since
 * times the shorter interval it would be too little; what is over, but in no answer, also as a time, which passes.
 */
import { type LimitModel, type Observation, ROUNDING_MS } from './limit-model.ts';

/** A time that is divided by an interval and multiplied again falls short of itself by rounding. */
const DIVISION_MS = 0.01;

export class LeakyUse {
  /** Whether any answer stands behind the first bound: without one, the next is taken whatever it says. */
  #isKnown: boolean;
  /** The first bound: empty then at the latest, but for `#more` that may have come on top and what is in flight. */
  #namedMs = 0;
  #more = 0;
  /** The second: empty then at the latest, but for what is in flight. */
  #emptyAtMs = 0;

  /** `isEmpty`: it is known to be. */
  constructor(isEmpty: boolean) {
    this.#isKnown = isEmpty;
  }

  /** The next answer is believed before what is known. */
  doubt(): void {
    this.#isKnown = false;
  }

  room(model: LimitModel, inFlight: number, nowMs: number): number {
    return Math.floor(model.limit - inFlight - this.#level(model, nowMs + model.leadMs));
  }

  /** When the `nth` more could go by time alone. */
  etaMs(model: LimitModel, inFlight: number, nth: number): number {
    const { limit, intervalMs, leadMs } = model;
    const places = limit - inFlight - nth;
    const byTime = this.#emptyAtMs - places * intervalMs;
    const byName = this.#more > places ? byTime : this.#namedMs - (places - this.#more) * intervalMs;
    return Math.min(byTime, byName) - leadMs + DIVISION_MS;
  }

  /** One is over without a word of the limit: it was counted before now, if at all. */
  settle(model: LimitModel, nowMs: number): void {
    this.#more++;
    this.#emptyAtMs = Math.max(this.#emptyAtMs, nowMs) + model.maxIntervalMs;
  }

  /** `since`: how many were settled since it was sent, but for itself. */
  answer(model: LimitModel, seen: Observation, since: number): void {
    const { receivedMs } = seen;
    const { maxIntervalMs } = model;
    const namedMs = receivedMs + seen.resetAfterMs + ROUNDING_MS;
    const leastMs = seen.sentMs + seen.resetAfterMs;
    this.#more++;
    // Others use it too, or the limit has changed.
    if (this.#namedMs + this.#more * maxIntervalMs < leastMs) this.#isKnown = false;
    const heardMs = since === 0 ? namedMs : namedMs + since * maxIntervalMs;
    const knownMs = Math.max(this.#emptyAtMs, receivedMs) + maxIntervalMs;
    this.#emptyAtMs = this.#isKnown ? Math.max(leastMs, Math.min(heardMs, knownMs)) : heardMs;
    const isBetter = this.#named(model, receivedMs) > levelOf(model, namedMs - receivedMs) + since;
    if (this.#isKnown && !isBetter) return;
    this.#isKnown = true;
    this.#namedMs = namedMs;
    this.#more = since;
  }

  /** Counts what `other` may have used; `inFlight` of it are in flight there. */
  adopt(other: LeakyUse, inFlight: number, model: LimitModel | undefined, nowMs: number): void {
    this.#namedMs = Math.max(this.#namedMs, other.#namedMs);
    this.#more += other.#more + inFlight;
    this.#emptyAtMs = Math.max(this.#emptyAtMs, other.emptyAtMs(inFlight, model, nowMs));
  }

  restore(emptyAtMs: number): void {
    this.#namedMs = emptyAtMs;
    this.#emptyAtMs = emptyAtMs;
    this.#more = 0;
  }

  /** With what is in flight, if it is counted by `countedByMs`. */
  emptyAtMs(inFlight: number, model: LimitModel | undefined, countedByMs: number): number {
    if (inFlight === 0 || !model) return this.#emptyAtMs;
    return Math.max(this.#emptyAtMs, countedByMs) + inFlight * model.maxIntervalMs;
  }

  #level(model: LimitModel, nowMs: number): number {
    return Math.min(this.#named(model, nowMs), levelOf(model, this.#emptyAtMs - nowMs));
  }

  #named(model: LimitModel, nowMs: number): number {
    return levelOf(model, this.#namedMs - nowMs) + this.#more;
  }
}

/** An interval taken too short makes it more, never less. */
function levelOf({ intervalMs }: LimitModel, leftMs: number): number {
  if (leftMs <= 0) return 0;
  return leftMs / intervalMs;
}
