/**
 * How far a bucket is used, seen from here: an upper bound of what Discord has counted, so that what it allows is never
 * more than Discord does. Pure; time is given. Runs per request.
 *
 * Discord counts a request somewhere between its sending and its answer. So whatever is in flight counts as if it came
 * last, and an answer bounds what Discord had counted at its own moment: on top of it come the requests in flight, and
 * those that were answered since it was sent (they may have been counted after it). That bound holds in whatever order
 * answers arrive; an older one never raises what remains.
 */
import type { LimitHeaders } from './answer.ts';
import { type LimitModel, type Observation, ROUNDING_MS } from './limit-model.ts';

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
  /** Fixed window: requests that may count in it. */
  #used = 0;
  /** Fixed window: whether its end is known and not over. Its end, or that of the one before, lies between these. */
  #isOpen = false;
  #endLowMs = 0;
  #endHighMs = 0;
  /** Whether that end was named by no answer: the next one is believed before it. */
  #isGuessed = false;
  /** Leaky bucket: when it is empty at the latest, but for what is in flight. */
  #emptyAtMs = 0;
  #last: Observation | undefined;

  constructor(model: QuotaModel, isProbed: boolean) {
    this.model = model;
    this.#isProbed = isProbed;
  }

  /** How many more requests may go now. */
  room(nowMs: number): number {
    if (nowMs < this.holdUntilMs) return 0;
    if (this.model === 'open') return UNLIMITED_IN_FLIGHT - this.inFlight;
    const one = this.inFlight === 0 ? 1 : 0;
    if (this.model === 'unknown') return one;
    const { kind } = this.model;
    const room = Math.min(
      kind === 'leaky' ? Number.POSITIVE_INFINITY : this.#fixedRoom(this.model, nowMs),
      kind === 'fixed' || kind === 'serial' ? Number.POSITIVE_INFINITY : this.#leakyRoom(this.model, nowMs),
    );
    return this.#isProbed && kind !== 'serial' ? room : Math.min(one, room);
  }

  /** When there is room again by time alone; `Infinity` where an answer must come first. Ask when there is none. */
  nextRoomAtMs(nowMs: number): number {
    return this.etaMs(1, nowMs);
  }

  /** The earliest time at which the `nth` more request could go; 0 where nothing is known against it at once. */
  etaMs(nth: number, nowMs: number): number {
    const { model } = this;
    if (typeof model === 'string') {
      const isFull = this.inFlight >= (model === 'open' ? UNLIMITED_IN_FLIGHT : 1);
      return isFull && nth === 1 ? Number.POSITIVE_INFINITY : this.holdUntilMs;
    }
    if (nth === 1 && this.inFlight > 0 && (!this.#isProbed || model.kind === 'serial')) {
      return Number.POSITIVE_INFINITY;
    }
    const fixedMs = this.#fixedEtaMs(model, nth, nowMs);
    const leakyMs = this.#leakyEtaMs(model, nth);
    const { kind } = model;
    const atMs = kind === 'leaky' ? leakyMs : kind === 'unsure' ? Math.max(fixedMs, leakyMs) : fixedMs;
    return Math.max(this.holdUntilMs, atMs);
  }

  send(nowMs: number): Sending {
    this.#roll(nowMs);
    this.inFlight++;
    this.#used++;
    return { sentMs: nowMs, settledBefore: this.#settled };
  }

  /** It never reached Discord. */
  unsend(): void {
    this.inFlight--;
    this.#used = Math.max(0, this.#used - 1);
    this.#settled++;
  }

  /** It is over, and says nothing about the limit: Discord may have counted it. */
  settle(nowMs: number): void {
    this.#roll(nowMs);
    this.inFlight--;
    this.#settled++;
    if (typeof this.model === 'string') return;
    this.#emptyAtMs = Math.max(this.#emptyAtMs, nowMs) + this.model.intervalMs;
    if (this.#isOpen) return;
    // No answer may come to name a window's end: then it ends when one that began now would.
    this.#guess(nowMs + this.model.windowMs);
  }

  /** Its answer; `this.model` is the model of those headers. */
  answer(headers: LimitHeaders, sending: Sending, nowMs: number): void {
    const { model } = this;
    if (typeof model === 'string') return this.settle(nowMs);
    this.#roll(nowMs);
    this.inFlight--;
    const since = this.#settled - sending.settledBefore;
    this.#settled++;
    const seen: Observation = { ...headers, sentMs: sending.sentMs, receivedMs: nowMs };
    model.learn(seen, this.#last);
    this.#last = seen;
    this.#learnWindow(model, seen, since);
    this.#learnLevel(model, seen, since);
    this.#isProbed = true;
  }

  /** Nothing goes before `untilMs`, and then one to see. */
  hold(untilMs: number): void {
    this.holdUntilMs = Math.max(this.holdUntilMs, untilMs);
    this.#isProbed = false;
  }

  /** Whether Discord has forgotten everything, so that it may be forgotten here. */
  isIdle(nowMs: number): boolean {
    if (this.inFlight > 0 || nowMs < this.holdUntilMs) return false;
    return nowMs >= this.#emptyAtMs && (!this.#isOpen || nowMs >= this.#endHighMs);
  }

  /** From here on it is this model's. How far it is used stays known as far as it was. */
  becomes(model: QuotaModel): void {
    if (typeof this.model === 'string') this.#used = this.inFlight;
    this.model = model;
    this.#isProbed = false;
    this.#last = undefined;
  }

  /** Counts what `other` may have used as if it were used here; what is in flight there as if it were over. */
  adopt(other: Quota, nowMs: number): void {
    if (!other.#isOpen && other.#used === 0 && other.#emptyAtMs <= nowMs) return;
    this.#used += other.#used;
    this.#emptyAtMs =
      Math.max(this.#emptyAtMs, other.#emptyAtMs, nowMs) + other.inFlight * other.#intervalMs();
    if (!this.#isOpen) this.#guess(other.#isOpen ? other.#endHighMs : nowMs + other.#windowMs());
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
    return {
      used: this.#used,
      endMs: this.#isOpen && !isFlying ? this.#endHighMs : countedByMs + this.#windowMs(),
      emptyAtMs: Math.max(this.#emptyAtMs, countedByMs) + this.inFlight * this.#intervalMs(),
      holdUntilMs: this.holdUntilMs,
    };
  }

  importState({ used, endMs, emptyAtMs, holdUntilMs }: QuotaState): void {
    this.#used = used;
    if (used > 0) this.#guess(endMs);
    this.#emptyAtMs = emptyAtMs;
    this.holdUntilMs = holdUntilMs;
  }

  #guess(endMs: number): void {
    this.#isOpen = true;
    this.#isGuessed = true;
    this.#endLowMs = endMs;
    this.#endHighMs = endMs;
  }

  #windowMs(): number {
    return typeof this.model === 'string' || this.#used === 0 ? 0 : this.model.windowMs;
  }

  #intervalMs(): number {
    return typeof this.model === 'string' ? 0 : this.model.intervalMs;
  }

  #fixedRoom({ limit, isProven, kind }: LimitModel, nowMs: number): number {
    this.#roll(nowMs);
    if (this.#isOpen || isProven || kind === 'unsure') return limit - this.#used;
    // Its first window is over, or there was none: one request shows whether it is empty.
    return this.inFlight === 0 ? 1 : 0;
  }

  /**
   * Discord lets a request in when the bucket would be empty within `limit - 1` intervals. An interval taken too short
   * makes that condition stricter, never looser.
   */
  #leakyRoom({ limit, intervalMs }: LimitModel, nowMs: number): number {
    if (intervalMs === 0) return limit - this.inFlight;
    const level = Math.max(0, this.#emptyAtMs - nowMs) / intervalMs;
    return Math.floor(limit - this.inFlight - level);
  }

  #fixedEtaMs(model: LimitModel, nth: number, nowMs: number): number {
    this.#roll(nowMs);
    const { limit, windowMs } = model;
    if (nth === 1 && this.inFlight >= limit) return Number.POSITIVE_INFINITY;
    const beyond = nth - Math.max(0, limit - this.#used);
    if (beyond <= 0) {
      const mustProbe = nth === 1 && this.inFlight > 0 && this.#fixedRoom(model, nowMs) <= 0;
      return mustProbe ? Number.POSITIVE_INFINITY : 0;
    }
    const windows = Math.ceil(beyond / limit) - 1;
    if (!this.#isOpen) return nth === 1 ? Number.POSITIVE_INFINITY : nowMs + windows * windowMs;
    return this.#endHighMs + windows * windowMs;
  }

  #leakyEtaMs({ limit, intervalMs }: LimitModel, nth: number): number {
    if (nth === 1 && this.inFlight >= limit) return Number.POSITIVE_INFINITY;
    // A little late: divided and multiplied again, the time would fall short of itself by rounding.
    return this.#emptyAtMs - (limit - this.inFlight - nth) * intervalMs + 0.01;
  }

  #roll(nowMs: number): void {
    if (this.#isOpen && nowMs < this.#endHighMs) return;
    if (!this.#isOpen && this.inFlight > 0) return;
    this.#isOpen = false;
    // What is in flight may come to count in the next one.
    this.#used = this.inFlight;
  }

  #learnWindow(model: LimitModel, seen: Observation, since: number): void {
    const lowMs = seen.sentMs + seen.resetAfterMs;
    const highMs = seen.receivedMs + seen.resetAfterMs + ROUNDING_MS;
    const counted = seen.limit - seen.remaining;
    const bound = counted + this.inFlight + since;
    if (this.#isOlder(seen, lowMs, highMs)) {
      // Counted before the end of a window that is over here: it was taken along in vain.
      if (!this.#isOpen) this.#used = Math.max(this.inFlight, this.#used - 1);
      this.#used = Math.min(this.#used, bound);
      return;
    }
    if (this.#isOpen && !this.#isGuessed && lowMs <= this.#endHighMs) {
      this.#endLowMs = Math.max(this.#endLowMs, lowMs);
      this.#endHighMs = Math.max(this.#endLowMs, Math.min(this.#endHighMs, highMs));
      this.#used = Math.max(counted, Math.min(this.#used, bound));
      return;
    }
    if (
      model.kind === 'fixed' &&
      !model.isProven &&
      !this.#isOpen &&
      this.#endHighMs > 0 &&
      this.#used === 1
    ) {
      model.provesWindow(counted);
    }
    const isNext = this.#isOpen && !this.#isGuessed;
    this.#used = isNext ? bound : Math.max(counted, Math.min(this.#used, bound));
    this.#isOpen = true;
    this.#isGuessed = false;
    this.#endLowMs = lowMs;
    this.#endHighMs = highMs;
  }

  /** Whether an answer is of a window that is over, or was followed by another. */
  #isOlder({ receivedMs }: Observation, lowMs: number, highMs: number): boolean {
    if (this.#endHighMs === 0) return false;
    if (this.#isGuessed) return highMs <= receivedMs + 2 * ROUNDING_MS;
    return this.#isOpen ? highMs < this.#endLowMs : lowMs <= this.#endHighMs;
  }

  #learnLevel({ intervalMs }: LimitModel, seen: Observation, since: number): void {
    const heard = seen.receivedMs + seen.resetAfterMs + ROUNDING_MS + since * intervalMs;
    const counted = Math.max(this.#emptyAtMs, seen.receivedMs) + intervalMs;
    const bound = since === 0 ? heard : Math.min(heard, counted);
    this.#emptyAtMs = Math.max(bound, seen.sentMs + seen.resetAfterMs);
  }
}
