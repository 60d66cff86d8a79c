/**
 * How far a bucket is used, seen from here: an upper bound of what Discord has counted, so that what it allows is never
 * more than Discord does. As long as it is not known which sort it is of, it is both (`window-use.ts`, `leaky-use.ts`).
 * Pure; time is given. Runs per request.
 *
 * Discord counts a request somewhere between its sending and its answer. So whatever is in flight counts as if it came
 * last, and an answer bounds what Discord had counted at its own moment: on top of it come the requests in flight, and
 * those that were answered since it was sent (they may have been counted after it). That bound holds in whatever order
 * answers arrive; an older one never raises what remains.
 */
import type { LimitHeaders } from './answer.ts';
import { LeakyUse } from './leaky-use.ts';
import type { LimitModel, Observation } from './limit-model.ts';
import { WindowUse } from './window-use.ts';

/** What a request in flight needs to be settled. */
export interface Sending {
  readonly sentMs: number;
  /** How many had been settled by then. */
  readonly settledBefore: number;
}

/** Requests in flight at a time in a bucket whose answers carry no limit. */
export const UNLIMITED_IN_FLIGHT = 10;

/** When a process ends, what is in flight is counted within so long. */
const LOST_IN_FLIGHT_MS = 1_000;

/** `open`: answers carry no limit. `unknown`: there was no answer yet. */
export type QuotaModel = LimitModel | 'unknown' | 'open';

/** What outlives the process, in local time. */
export interface QuotaState {
  readonly used: number;
  readonly endMs: number;
  readonly emptyAtMs: number;
  readonly holdUntilMs: number;
}

export class Quota {
  model: QuotaModel;
  inFlight = 0;
  #settled = 0;
  /** Until an answer has told how far it is used, one request at a time goes. */
  #isProbed: boolean;
  /** A 429 or an error: nothing goes before. */
  holdUntilMs = 0;
  readonly #window = new WindowUse();
  readonly #leaky: LeakyUse;
  #last: Observation | undefined;

  /** `isProbed`: it is known to be empty. */
  constructor(model: QuotaModel, isProbed: boolean) {
    this.model = model;
    this.#isProbed = isProbed;
    this.#leaky = new LeakyUse(isProbed);
  }

  /** How many more requests may go now. */
  room(nowMs: number): number {
    const { model, inFlight } = this;
    if (nowMs < this.holdUntilMs) return 0;
    if (model === 'open') return UNLIMITED_IN_FLIGHT - inFlight;
    const one = inFlight === 0 ? 1 : 0;
    if (model === 'unknown') return one;
    const { kind } = model;
    const room = Math.min(
      kind === 'leaky' ? Number.POSITIVE_INFINITY : this.#window.room(model, inFlight, nowMs),
      kind === 'fixed' || kind === 'serial'
        ? Number.POSITIVE_INFINITY
        : this.#leaky.room(model, inFlight, nowMs),
    );
    return this.#isProbed && kind !== 'serial' ? room : Math.min(one, room);
  }

  /** When there is room again by time alone; `Infinity` where an answer must come first. Ask when there is none. */
  nextRoomAtMs(nowMs: number): number {
    return this.etaMs(1, nowMs);
  }

  /** The earliest time at which the `nth` more request could go; 0 where nothing is known against it at once. */
  etaMs(nth: number, nowMs: number): number {
    const { model, inFlight } = this;
    if (typeof model === 'string') {
      const isFull = inFlight >= (model === 'open' ? UNLIMITED_IN_FLIGHT : 1);
      return isFull && nth === 1 ? Number.POSITIVE_INFINITY : this.holdUntilMs;
    }
    const { kind, limit } = model;
    const isAlone = !this.#isProbed || kind === 'serial';
    if (nth === 1 && inFlight >= (isAlone ? 1 : limit)) return Number.POSITIVE_INFINITY;
    const windowMs = kind === 'leaky' ? 0 : this.#window.etaMs(model, inFlight, nth, nowMs);
    const isLeaky = kind === 'leaky' || kind === 'unsure';
    const leakyMs = isLeaky ? this.#leaky.etaMs(model, inFlight, nth) : 0;
    // What comes later goes when it is known which it is.
    const atMs = kind === 'unsure' && nth > 1 ? Math.min(windowMs, leakyMs) : Math.max(windowMs, leakyMs);
    return Math.max(this.holdUntilMs, atMs);
  }

  send(nowMs: number): Sending {
    this.#roll(nowMs);
    this.inFlight++;
    this.#window.used++;
    return { sentMs: nowMs, settledBefore: this.#settled };
  }

  /** It never reached Discord. */
  unsend(): void {
    this.inFlight--;
    this.#window.used = Math.max(0, this.#window.used - 1);
  }

  /** It is over, and says nothing about the limit: Discord may have counted it. */
  settle(nowMs: number): void {
    this.#roll(nowMs);
    this.inFlight--;
    this.#settled++;
    if (typeof this.model === 'string') return;
    this.#leaky.settle(this.model, nowMs);
    if (this.#window.isOpen) return;
    // No answer may come to name a window's end: then it ends when one that began now would.
    this.#window.guess(nowMs + this.model.windowMs);
  }

  /** Its answer; `this.model` is the model of those headers. `isCounted`: not where it was refused by this limit. */
  answer(headers: LimitHeaders, sending: Sending, nowMs: number, isCounted = true): void {
    const { model } = this;
    if (typeof model === 'string') return this.settle(nowMs);
    this.#roll(nowMs);
    this.inFlight--;
    const since = this.#settled - sending.settledBefore;
    this.#settled++;
    const { hash, limit, remaining, resetAfterMs } = headers;
    const seen = { hash, limit, remaining, resetAfterMs, sentMs: sending.sentMs, receivedMs: nowMs };
    model.learn(seen, this.#last, isCounted);
    if (isCounted) this.#last = seen;
    this.#window.answer(model, seen, this.inFlight, since);
    this.#leaky.answer(model, seen, since);
    this.#isProbed = true;
  }

  /** Nothing goes before `untilMs`, and then one to see. */
  hold(untilMs: number): void {
    this.holdUntilMs = Math.max(this.holdUntilMs, untilMs);
    this.#isProbed = false;
    this.#leaky.doubt();
  }

  /** Whether Discord has forgotten everything, so that it may be forgotten here. */
  isIdle(nowMs: number): boolean {
    if (this.inFlight > 0 || nowMs < this.holdUntilMs) return false;
    return nowMs >= this.#emptyAtMs(nowMs) && (!this.#window.isOpen || nowMs >= this.#window.endMs);
  }

  /** From here on it is this model's. How far it is used stays known as far as it was. */
  becomes(model: QuotaModel): void {
    if (typeof this.model === 'string') this.#window.used = this.inFlight;
    this.model = model;
    this.#isProbed = false;
    this.#leaky.doubt();
    this.#last = undefined;
  }

  /** Counts what `other` may have used as if it were used here; what is in flight there as if it were over. */
  adopt(other: Quota, nowMs: number): void {
    const window = other.#window;
    if (!window.isOpen && window.used === 0 && other.#emptyAtMs(nowMs) <= nowMs) return;
    this.#window.used += window.used;
    this.#leaky.adopt(other.#leaky, other.inFlight, other.#limit, nowMs);
    if (!this.#window.isOpen) this.#window.guess(window.isOpen ? window.endMs : nowMs + other.#windowMs());
  }

  /** Its newest answer. */
  get last(): Observation | undefined {
    return this.#last;
  }

  exportState(nowMs: number): QuotaState {
    this.#roll(nowMs);
    const isFlying = this.inFlight > 0;
    // Nobody will be told when what is in flight was counted.
    const countedByMs = isFlying ? nowMs + LOST_IN_FLIGHT_MS : nowMs;
    const { isOpen, endMs, used } = this.#window;
    return {
      used,
      endMs: isOpen && !isFlying ? endMs : countedByMs + this.#windowMs(),
      emptyAtMs: this.#emptyAtMs(countedByMs),
      holdUntilMs: this.holdUntilMs,
    };
  }

  /** Another may have used all of it until `untilMs`; of long windows, nobody waits for more than `mostMs`. */
  doubt(untilMs: number, mostMs: number): void {
    if (typeof this.model === 'string') return;
    const { limit, windowMs, intervalMs, maxIntervalMs } = this.model;
    // Of a limit that has hardly been seen the longest interval is not known.
    const longestMs = Math.min(maxIntervalMs, 2 * intervalMs);
    const fullMs = untilMs + Math.min(mostMs, longestMs) + (limit - 1) * longestMs;
    this.#isProbed = false;
    this.#leaky.restore(Math.max(this.#emptyAtMs(untilMs), fullMs));
    this.#leaky.doubt();
    this.#window.used = Math.max(this.#window.used, limit);
    if (this.#window.isOpen && this.#window.endMs > untilMs) return;
    this.#window.guess(untilMs + Math.min(mostMs, windowMs));
  }

  /** In place of what was known. */
  importState({ used, endMs, emptyAtMs, holdUntilMs }: QuotaState): void {
    this.#window.forget();
    this.#window.used = used;
    if (used > 0) this.#window.guess(endMs);
    this.#leaky.restore(emptyAtMs);
    this.holdUntilMs = holdUntilMs;
  }

  get #limit(): LimitModel | undefined {
    return typeof this.model === 'string' ? undefined : this.model;
  }

  #windowMs(): number {
    return this.#window.used === 0 ? 0 : (this.#limit?.windowMs ?? 0);
  }

  #emptyAtMs(countedByMs: number): number {
    return this.#leaky.emptyAtMs(this.inFlight, this.#limit, countedByMs);
  }

  #roll(nowMs: number): void {
    this.#window.roll(this.#limit, this.inFlight, nowMs);
  }
}
