/**
 * A limit that no header shows, and how far it is used. What is known of it comes from its 429s: how many went before one, and
 * until when it waits; for a few it is known beforehand. Pure; time is given. Runs per request.
 */

/** As long as it was not met again it is believed for so long, and no shorter than two of its windows. */
const BELIEVED_MS = 600_000;

interface Known {
  readonly limit: number;
  readonly windowMs: number;
}

const NO_LIMIT: Known = { limit: Number.POSITIVE_INFINITY, windowMs: 0 };

/** Of a route, for all major parameters. What was learnt may have been a whim of one channel: it is forgotten, and learnt again if it is true. */
export class HiddenLimit {
  limit: number;
  windowMs: number;
  /** What is true of it whatever is learnt. */
  readonly #known: Known;
  #believedUntilMs = Number.POSITIVE_INFINITY;

  constructor(known: Known = NO_LIMIT) {
    this.#known = known;
    this.limit = known.limit;
    this.windowMs = known.windowMs;
  }

  get isKnown(): boolean {
    return this.limit !== Number.POSITIVE_INFINITY;
  }

  /** `accepted` went in `windowMs`, and no more did. */
  learn(accepted: number, windowMs: number, nowMs: number): void {
    if (accepted < this.limit) {
      this.limit = accepted;
      this.windowMs = windowMs;
    } else this.windowMs = Math.max(this.windowMs, windowMs);
    this.#believedUntilMs = nowMs + Math.max(BELIEVED_MS, 2 * this.windowMs);
  }

  /** Forgets what was learnt too long ago. */
  age(nowMs: number): void {
    if (nowMs < this.#believedUntilMs) return;
    this.limit = this.#known.limit;
    this.windowMs = this.#known.windowMs;
    this.#believedUntilMs = Number.POSITIVE_INFINITY;
  }
}

/** For so long after a 429 one request at a time goes: at least, and as long as it waited. */
const MIN_CAUTION_MS = 10_000;
/** A window that seems this much longer than what was left of it has rather begun anew meanwhile. */
const MOST_OF_REST = 1.5;
const ANSWERED_MS = 1_000;
/** More than that is no hidden limit that was ever seen, and is not learnt. */
const MAX_LIMIT = 100;

export class HiddenUse {
  readonly limit: HiddenLimit;
  holdUntilMs = 0;
  #cautiousUntilMs = 0;
  #inFlight = 0;
  #accepted = 0;
  /** When the first of them was sent. */
  #begunMs = 0;
  /** When they are forgotten; `Infinity` as long as none is answered. */
  #endMs = Number.POSITIVE_INFINITY;

  /** When it was met last, and how many had been let in then. */
  #refusedMs = 0;
  #acceptedThen = 0;

  constructor(limit: HiddenLimit) {
    this.limit = limit;
  }

  hasRoom(nowMs: number): boolean {
    if (nowMs < this.holdUntilMs) return false;
    this.limit.age(nowMs);
    if (this.#inFlight > 0 && nowMs < this.#cautiousUntilMs) return false;
    if (!this.limit.isKnown) return true;
    this.#roll(nowMs);
    return this.#accepted + this.#inFlight < this.limit.limit;
  }

  /** When to look again. */
  nextRoomAtMs(nowMs: number): number {
    const cautiousMs = this.#inFlight > 0 && nowMs < this.#cautiousUntilMs ? this.#cautiousUntilMs : 0;
    const atMs = Math.max(this.holdUntilMs, cautiousMs);
    if (!this.limit.isKnown || this.#accepted + this.#inFlight < this.limit.limit) return atMs;
    // An answer comes first, maybe of another route that it is shared with: nobody looks here then.
    return Math.max(atMs, this.#endMs === Number.POSITIVE_INFINITY ? nowMs + ANSWERED_MS : this.#endMs);
  }

  /** Until when nothing goes. */
  get fullUntilMs(): number {
    const isFull = this.#accepted >= this.limit.limit && this.#endMs !== Number.POSITIVE_INFINITY;
    return isFull ? Math.max(this.holdUntilMs, this.#endMs) : this.holdUntilMs;
  }

  send(): void {
    this.#inFlight++;
  }

  /** Discord may have counted it. */
  accept(sentMs: number, nowMs: number): void {
    this.#roll(nowMs);
    this.#inFlight--;
    if (sentMs < this.#refusedMs) {
      // On its way at the last 429, and let in.
      if (++this.#acceptedThen > this.limit.limit) this.limit.limit = this.#acceptedThen;
      return;
    }
    if (this.#accepted === 0) {
      this.#begunMs = sentMs;
      this.#endMs = nowMs + this.limit.windowMs;
    }
    this.#accepted++;
  }

  unsend(): void {
    this.#inFlight--;
  }

  /** A 429 of it. Nothing goes before `untilMs`. */
  refuse(untilMs: number, nowMs: number): void {
    this.#inFlight--;
    const restMs = untilMs - nowMs;
    const windowMs = untilMs - this.#begunMs;
    const isPlausible = windowMs <= MOST_OF_REST * restMs && this.#accepted <= MAX_LIMIT;
    if (this.#accepted > 0 && isPlausible) this.limit.learn(this.#accepted, windowMs, nowMs);
    this.hold(untilMs, nowMs);
    if (this.#accepted > 0) this.#acceptedThen = this.#accepted;
    this.#refusedMs = nowMs;
    this.#accepted = 0;
    this.#endMs = Number.POSITIVE_INFINITY;
  }

  hold(untilMs: number, nowMs: number): void {
    this.holdUntilMs = Math.max(this.holdUntilMs, untilMs);
    this.#cautiousUntilMs = Math.max(
      this.#cautiousUntilMs,
      untilMs + Math.max(MIN_CAUTION_MS, untilMs - nowMs),
    );
  }

  isIdle(nowMs: number): boolean {
    if (this.#inFlight > 0 || nowMs < this.fullUntilMs) return false;
    return !this.limit.isKnown || this.#accepted === 0 || nowMs >= this.#endMs;
  }

  #roll(nowMs: number): void {
    // Windows of a limit that is not known are taken to be as long as nobody has met it.
    if (!this.limit.isKnown || nowMs < this.#endMs) return;
    this.#accepted = 0;
    this.#endMs = Number.POSITIVE_INFINITY;
  }
}
