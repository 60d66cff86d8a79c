/**
 * The global limit where several nodes share it: each has some of its places, by lease, and asks for more or is asked for some as
 * the need changes. While the store is away, a node goes on with an equal part.
 */
import type { GlobalBudget, GlobalPlace } from '../global-budget.ts';
import { GlobalPlaces, WINDOW_MS } from '../global-places.ts';
import type { ShareDraft, SharePart } from './part.ts';
import type { ShareReply } from './ports.ts';

export interface LeasedBudgetOptions {
  readonly limit: number;
  /** See `GlobalPlaces`. */
  readonly marginMs: number;
  readonly leaseTtlMs: number;
  /** It could use more than it has. */
  readonly onShort: () => void;
  /** There may be room now. */
  readonly onRoom: () => void;
}

/** How long a need is remembered. */
const NEED_MS = 1_000;
/** A node that is short of places asks for more no more often than this. */
const ASK_EVERY_MS = 100;
/** What a node asks for beyond what it has used: for a moment in which it needs more. */
const SPARE = 1.25;

export class LeasedBudget implements GlobalBudget, SharePart {
  readonly #options: LeasedBudgetOptions;
  readonly #places: GlobalPlaces;
  #endsMs = 0;
  #shortMs = Number.NEGATIVE_INFINITY;
  #askedMs = Number.NEGATIVE_INFINITY;
  #peak = 0;
  #peakMs = 0;
  #peakBefore = 0;
  #alone: { readonly part: number; readonly fullAtMs: number } | undefined;

  constructor(options: LeasedBudgetOptions) {
    this.#options = options;
    this.#places = new GlobalPlaces(0, options.marginMs);
  }

  /** All of it may come to be this node's. */
  get mostPerSecond(): number {
    return this.#options.limit;
  }

  take(nowMs: number): GlobalPlace | undefined {
    const places = this.#places;
    if (this.#alone && nowMs >= this.#alone.fullAtMs) places.size = this.#alone.part;
    const place = nowMs < this.#endsMs ? places.take(nowMs) : undefined;
    if (!place) {
      this.#shortMs = nowMs;
      if (places.size < this.#options.limit && nowMs - this.#askedMs >= ASK_EVERY_MS) {
        this.#askedMs = nowMs;
        this.#options.onShort();
      }
    } else if (places.inUse > this.#peak) this.#peak = places.inUse;
    return place;
  }

  nextAtMs(nowMs: number): number {
    if (nowMs >= this.#endsMs) return Number.POSITIVE_INFINITY;
    const nextMs = this.#places.nextAtMs(nowMs);
    const { fullAtMs = 0 } = this.#alone ?? {};
    return nowMs < fullAtMs ? Math.min(nextMs, fullAtMs) : nextMs;
  }

  /** How many places this node has. */
  get size(): number {
    return this.#places.size;
  }

  /** How long after a lapse the last requests count at Discord. */
  get lastingMs(): number {
    return WINDOW_MS + this.#places.marginMs;
  }

  get isWaiting(): boolean {
    return false;
  }

  tell(draft: ShareDraft, nowMs: number): void {
    const { limit } = this.#options;
    draft.limit = limit;
    draft.lastingMs = this.lastingMs;
    draft.held = Math.max(this.#own(nowMs), this.#places.inUseAt(nowMs));
    draft.wanted = this.#wanted(nowMs);
  }

  hear(reply: ShareReply, _told: ShareDraft, endsMs: number, nowMs: number): void {
    this.#alone = undefined;
    // Whoever asked after the end was told to wait for this.
    const hasMore = reply.size > this.#places.size || nowMs >= this.#endsMs;
    this.#endsMs = endsMs;
    this.#places.size = reply.size;
    if (hasMore) this.#options.onRoom();
  }

  goAlone(nodes: number, nowMs: number): void {
    const part = Math.max(1, Math.floor(this.#options.limit / nodes));
    // The others may still have more than that: they give it up as their leases end, and it counts for a while.
    this.#places.size = Math.min(this.#own(nowMs), part);
    this.#alone = { part, fullAtMs: nowMs + this.#options.leaseTtlMs + this.lastingMs };
    this.#endsMs = Number.POSITIVE_INFINITY;
    this.#options.onRoom();
  }

  /** What ended some time ago, as while the process hung, may be others' by now. */
  #own(nowMs: number): number {
    return nowMs < this.#endsMs + this.lastingMs ? this.#places.size : 0;
  }

  #wanted(nowMs: number): number {
    if (nowMs - this.#peakMs >= NEED_MS) {
      this.#peakMs = nowMs;
      this.#peakBefore = this.#peak;
      this.#peak = this.#places.inUse;
    }
    if (nowMs - this.#shortMs < NEED_MS) return this.#options.limit;
    const peak = Math.max(this.#peak, this.#peakBefore);
    return Math.min(this.#options.limit, Math.ceil(peak * SPARE) + 1);
  }
}
