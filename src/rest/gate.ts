/** A limit over many buckets, and the buckets that could send but for it. Runs per request. */
import type { AlarmClock } from './alarm-clock.ts';
import type { GlobalBudget, GlobalPlace } from './global-budget.ts';
import type { BucketOffer } from './lane.ts';
import { Pace } from './pace.ts';
import type { Priority } from './priority.ts';
import { ReadyList } from './ready-list.ts';

export interface GateOptions {
  readonly alarms: AlarmClock;
  /** None for what is exempt. */
  readonly budget: GlobalBudget | undefined;
  /** There may be room now. */
  readonly onRoom: () => void;
}

/** Of what is exempt. */
const NO_PLACE: GlobalPlace = {
  sent: () => undefined,
  answered: () => undefined,
  unused: () => undefined,
};

export class Gate {
  readonly #options: GateOptions;
  readonly #ready = new ReadyList<BucketOffer>();
  readonly #pace = new Pace();
  /** A 429 of this limit: nothing goes before. */
  holdUntilMs = 0;
  #wakeAtMs = Number.POSITIVE_INFINITY;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  add(offer: BucketOffer): void {
    this.#ready.add(offer);
  }

  hold(untilMs: number): void {
    this.holdUntilMs = Math.max(this.holdUntilMs, untilMs);
  }

  get isEmpty(): boolean {
    return this.#ready.isEmpty;
  }

  /** How many buckets wait with something of this account and class. */
  countOf(account: string, priority: Priority): number {
    return this.#ready.countOf(account, priority);
  }

  /** How many buckets have their turn before one more of this account and class. */
  ahead(account: string, priority: Priority): number {
    return this.#ready.ahead(account, priority);
  }

  /** When so many have gone, at the earliest that can be told. */
  etaMs(ahead: number, nowMs: number): number {
    if (ahead === 0) return 0;
    const most = this.#options.budget?.mostPerSecond ?? Number.POSITIVE_INFINITY;
    const perSecond = Math.min(most, this.#pace.perSecond(nowMs));
    if (perSecond === Number.POSITIVE_INFINITY) return 0;
    // A whole second's may go at once.
    return Math.max(nowMs, this.holdUntilMs) + Math.max(0, ahead / perSecond - 1) * 1_000;
  }

  /** A place for whoever asks, at once; nothing where others come first, or where there is no room. */
  pass(nowMs: number, blockedUntilMs: number): GlobalPlace | undefined {
    if (!this.#ready.isEmpty || this.holdUntilMs > nowMs || blockedUntilMs > nowMs) return undefined;
    const { budget } = this.#options;
    return budget ? budget.take(nowMs) : NO_PLACE;
  }

  /** Hands over all that may go now, one by one; `go` may add others. Nothing goes before `blockedUntilMs`. */
  letGo(
    nowMs: number,
    blockedUntilMs: number,
    go: (offer: BucketOffer, place: GlobalPlace | undefined) => void,
  ): void {
    const { budget } = this.#options;
    while (!this.#ready.isEmpty) {
      const untilMs = Math.max(this.holdUntilMs, blockedUntilMs);
      if (untilMs > nowMs) {
        // That nothing goes meanwhile says nothing of how fast they go.
        this.#pace.stop();
        return this.#wakeAt(untilMs);
      }
      const place = budget?.take(nowMs);
      if (budget && !place) return this.#wakeAt(budget.nextAtMs(nowMs));
      const offer = this.#ready.take();
      if (offer) {
        this.#pace.count(nowMs);
        go(offer, place);
      } else place?.unused();
    }
    this.#pace.stop();
  }

  #wakeAt(atMs: number): void {
    if (this.#wakeAtMs === atMs) return;
    this.#wakeAtMs = atMs;
    if (atMs === Number.POSITIVE_INFINITY) return;
    this.#options.alarms.add({
      atMs,
      isMeant: () => this.#wakeAtMs === atMs,
      ring: () => {
        this.#wakeAtMs = Number.POSITIVE_INFINITY;
        this.#options.onRoom();
      },
    });
  }
}
