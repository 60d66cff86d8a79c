/**
 * So many places for requests, each free again a second after its request was counted at the latest. That is taken to be
 * `marginMs` after it was sent; or, where that is earlier, when its answer came less the shortest time that any answer took, as
 * no request's way is shorter. Where an answer takes unusually long, its request may have been on its way for all that time, and only
 * the answer counts. So no more than there are places arrive in any second, whatever the phase of Discord's windows.
 *
 * How many places are in use is kept by the millisecond in which they come free, so that everything takes the same short time
 * however many there are. Runs per request.
 */
import { AnswerTimes } from './answer-times.ts';
import type { GlobalPlace } from './global-budget.ts';

export const WINDOW_MS = 1_000;
/** What a request's answer says of when it was counted is trusted up to this much. */
const ANSWER_MARGIN_MS = 5;
/** A request that is not answered is taken to be counted after this at the latest, though answers usually come sooner. */
const MAX_LATE_MS = 1_000;
/** More than a window and any margin. */
const SLOTS = 4_096;
const SLOT_MASK = SLOTS - 1;
/** Keeps `WINDOW_MS` and the margin within `SLOTS`. */
export const MAX_MARGIN_MS = 1_000;

export class GlobalPlaces {
  readonly marginMs: number;
  /** May fall below what is in use: then nothing goes until enough has come free. */
  size: number;
  inUse = 0;
  /** How many come free in a millisecond, for the `SLOTS` of them from `#nowSlot` on. */
  readonly #freed = new Uint32Array(SLOTS);
  /** Whatever was to come free before this has. */
  #nowSlot = 0;
  /** Nothing comes free before this. */
  #nextSlot = 0;
  readonly #times = new AnswerTimes();

  constructor(size: number, marginMs: number) {
    this.size = size;
    this.marginMs = Math.min(marginMs, MAX_MARGIN_MS);
  }

  take(nowMs: number): GlobalPlace | undefined {
    this.#advance(nowMs);
    if (this.inUse >= this.size) return undefined;
    return new Place(this, nowMs, this.enter(this.freeAtMs(nowMs)));
  }

  /** When a place comes free; at or before `nowMs` where one is, `Infinity` where there are none. */
  nextAtMs(nowMs: number): number {
    this.#advance(nowMs);
    if (this.inUse < this.size) return nowMs;
    if (this.inUse === 0) return Number.POSITIVE_INFINITY;
    // While there are to be fewer, the first that come free don't count.
    let left = this.inUse - this.size + 1;
    let slot = Math.max(this.#nextSlot, this.#nowSlot);
    for (; left > 0 && slot < this.#nowSlot + SLOTS; slot++) {
      const freed = this.#freed[slot & SLOT_MASK] ?? 0;
      if (freed > 0 && left === this.inUse - this.size + 1) this.#nextSlot = slot;
      left -= freed;
    }
    return left > 0 ? Number.POSITIVE_INFINITY : slot - 1;
  }

  inUseAt(nowMs: number): number {
    this.#advance(nowMs);
    return this.inUse;
  }

  /** Of a request that is sent at `sentMs`, before it is answered. */
  freeAtMs(sentMs: number): number {
    const lastingMs = WINDOW_MS + this.marginMs;
    // Where all answers take so long, it says nothing that this one does.
    const isTelling = this.#times.areKnown && this.#times.usualMs < lastingMs;
    return sentMs + (isTelling ? WINDOW_MS + MAX_LATE_MS : lastingMs);
  }

  /** Of a request that was answered. */
  freeAfterAnswerMs(sentMs: number, answeredMs: number): number {
    const { areKnown, usualMs } = this.#times;
    const tookMs = answeredMs - sentMs;
    this.#times.add(tookMs, answeredMs);
    const withMarginMs = sentMs + WINDOW_MS + this.marginMs;
    // How much of the time it was on its way is not known yet.
    if (!areKnown) return Math.max(withMarginMs, answeredMs + ANSWER_MARGIN_MS + WINDOW_MS);
    const countedByMs = answeredMs - this.#times.fastestMs + ANSWER_MARGIN_MS + WINDOW_MS;
    return tookMs > usualMs ? countedByMs : Math.min(withMarginMs, countedByMs);
  }

  /** Takes a place until then. Gives the millisecond in which it comes free. */
  enter(freeAtMs: number): number {
    const slot = Math.ceil(freeAtMs);
    this.inUse++;
    this.#freed[slot & SLOT_MASK] = (this.#freed[slot & SLOT_MASK] ?? 0) + 1;
    if (slot < this.#nextSlot) this.#nextSlot = slot;
    return slot;
  }

  /** Whether it was still taken. */
  leave(slot: number, nowMs: number): boolean {
    this.#advance(nowMs);
    if (slot < this.#nowSlot) return false;
    this.inUse--;
    this.#freed[slot & SLOT_MASK] = (this.#freed[slot & SLOT_MASK] ?? 1) - 1;
    return true;
  }

  /** When the places that are taken are free again, at most `size` of them. */
  exportState(nowMs: number): number[] {
    this.#advance(nowMs);
    const times: number[] = [];
    for (let slot = this.#nowSlot; slot < this.#nowSlot + SLOTS; slot++) {
      for (let count = this.#freed[slot & SLOT_MASK] ?? 0; count > 0; count--) times.push(slot);
    }
    return times.slice(-Math.max(1, this.size));
  }

  /** What was sent before a restart counts for as long as it would have. */
  importState(freeAtMs: readonly number[], nowMs: number): void {
    this.#advance(nowMs);
    const longestMs = this.freeAtMs(nowMs);
    for (const atMs of freeAtMs.slice(0, this.size)) {
      if (atMs > nowMs) this.enter(Math.min(longestMs, atMs));
    }
  }

  #advance(nowMs: number): void {
    // What comes free in a millisecond is free when that begins.
    const until = Math.floor(nowMs) + 1;
    if (until <= this.#nowSlot) return;
    if (this.inUse > 0) {
      const last = Math.min(until, this.#nowSlot + SLOTS);
      for (let slot = Math.max(this.#nowSlot, Math.min(this.#nextSlot, last)); slot < last; slot++) {
        this.inUse -= this.#freed[slot & SLOT_MASK] ?? 0;
        this.#freed[slot & SLOT_MASK] = 0;
      }
    }
    this.#nowSlot = until;
    if (this.#nextSlot < until) this.#nextSlot = until;
  }
}

class Place implements GlobalPlace {
  readonly #places: GlobalPlaces;
  #sentMs: number;
  #slot: number;
  #isTaken = true;

  constructor(places: GlobalPlaces, sentMs: number, slot: number) {
    this.#places = places;
    this.#sentMs = sentMs;
    this.#slot = slot;
  }

  sent(nowMs: number): void {
    this.#sentMs = nowMs;
    // It counts from now on, also where its place came free while it waited, and another has taken that.
    this.#places.leave(this.#slot, nowMs);
    this.#slot = this.#places.enter(this.#places.freeAtMs(nowMs));
  }

  answered(nowMs: number): void {
    const freeAtMs = this.#places.freeAfterAnswerMs(this.#sentMs, nowMs);
    if (!this.#isTaken || Math.ceil(freeAtMs) === this.#slot) return;
    if (this.#places.leave(this.#slot, nowMs)) this.#slot = this.#places.enter(freeAtMs);
    else this.#isTaken = false;
  }

  unused(): void {
    if (this.#isTaken) this.#places.leave(this.#slot, this.#sentMs);
    this.#isTaken = false;
  }
}
