/**
 * This process's part in what nodes share of a scope: one exchange with the store a few times a second, sooner when something waits for
 * it. When the store does not answer for as long as a lease lasts, the parts go on by themselves, until it does.
 */
import type { Clock } from '../../runtime/clock.ts';
import { reasonOf } from '../../runtime/reason-of.ts';
import type { ShareDraft, SharePart } from './part.ts';
import type { ShareReply, ShareScope, ShareStore } from './ports.ts';

export interface ShareMemberOptions {
  readonly store: ShareStore;
  readonly scope: ShareScope;
  /** Names this process, as in `ShareRequest`. */
  readonly incarnation: string;
  readonly clock: Clock;
  readonly leaseTtlMs: number;
  /** `alone`: the store has been away for as long as a lease lasts. */
  readonly onState: (state: 'together' | 'alone', reason: string) => void;
}

/** Between two exchanges, where nothing waits for one. */
const CALM_MS = 250;
/** Where another node has what is waited for. */
const WAITING_MS = 50;
/** Exchanges that a process has to tell what there is to tell before it leaves. */
const MAX_LAST_WORDS = 100;
/** A call to the store is given up sooner than this: one that took longer, or came later after another, shows that this process hung. */
const TELLING_MS = 1_250;
/** Exchanges that have failed for so long, and did a moment ago, say that the store is away. */
const AWAY_MS = 1_000;
const FRESH_MS = 500;
/** Nodes that were there so long ago may still be. */
const REMEMBERED_MS = 5_000;
/** What comes within this time goes together. */
const GATHER_MS = 3;

export class ShareMember implements AsyncDisposable {
  readonly #options: ShareMemberOptions;
  #parts: readonly SharePart[] = [];
  #readUpTo = '';
  #number = 0;
  /** The number of the last exchange that was heard of. */
  #heard = 0;
  #nodes = 1;
  /** Nothing is granted yet. */
  #endsMs = 0;
  #isAlone = false;
  #timer: Disposable | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #lapse: Disposable | undefined;
  #running: Promise<boolean> | undefined;
  #isWanted = false;
  /** Everything is told now. */
  #isEnding = false;
  #isLeaving = false;
  /** As many as were there lately: some may only not be back yet. */
  #mostNodes = { nodes: 1, atMs: 0 };
  /** Since when exchanges fail, until when and why they did. */
  #failing: { readonly sinceMs: number; readonly untilMs: number; readonly reason: string } | undefined;
  exchanges = 0;
  failures = 0;

  constructor(options: ShareMemberOptions) {
    this.#options = options;
  }

  get isAlone(): boolean {
    return this.#isAlone;
  }

  /** Nodes that are there, as far as is known. */
  get nodes(): number {
    return this.#nodes;
  }

  /** Begins. Resolves with whether the store has answered; if not, it goes on trying, and nothing goes until it has. */
  start(parts: readonly SharePart[]): Promise<boolean> {
    this.#parts = parts;
    return this.#exchange();
  }

  /** Something waits for an exchange. */
  soon(): void {
    if (this.#running) this.#isWanted = true;
    else this.#schedule(GATHER_MS);
  }

  /** Tells the others that it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running;
    this.#isEnding = true;
    let isHeard = this.exchanges > 0 && !this.#failing;
    for (
      let left = MAX_LAST_WORDS;
      isHeard && left > 0 && this.#parts.some(({ hasMore }) => hasMore);
      left--
    ) {
      isHeard = await this.#exchange();
    }
    this.#isLeaving = true;
    // Where the store does not hear it, the lease lapses, and nobody waits for that here.
    if (isHeard) await this.#exchange();
    this.#timer?.[Symbol.dispose]();
    this.#lapse?.[Symbol.dispose]();
  }

  #schedule(delayMs: number): void {
    const { clock } = this.#options;
    const atMs = clock.now() + delayMs;
    if (this.#isLeaving || atMs >= this.#timerAtMs) return;
    this.#timer?.[Symbol.dispose]();
    this.#timerAtMs = atMs;
    this.#timer = clock.setTimer(() => void this.#exchange(), delayMs);
  }

  #exchange(): Promise<boolean> {
    this.#timer?.[Symbol.dispose]();
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    if (this.#running) return this.#running;
    this.#isWanted = false;
    this.#running = this.#exchangeOnce().finally(() => {
      this.#running = undefined;
      this.#schedule(this.#pauseMs());
    });
    return this.#running;
  }

  #pauseMs(): number {
    const isTold = !this.#parts.some(({ isHurried }) => isHurried);
    if (this.#isWanted || !isTold) return GATHER_MS;
    return !this.#isAlone && this.#parts.some(({ isWaiting }) => isWaiting) ? WAITING_MS : CALM_MS;
  }

  async #exchangeOnce(): Promise<boolean> {
    const { store, scope, clock, incarnation, leaseTtlMs } = this.#options;
    const sentMs = clock.now();
    // To the parts: whether it is about to.
    const draft: ShareDraft = { isLeaving: this.#isEnding };
    const number = ++this.#number;
    for (const part of this.#parts) part.tell(draft, sentMs);
    try {
      const reply = await store.exchange(scope, {
        ...EMPTY,
        ...draft,
        ...{ incarnation, number, leaseTtlMs },
        heard: this.#isAlone ? -1 : this.#heard,
        isLeaving: this.#isLeaving,
        readUpTo: this.#readUpTo,
      });
      this.exchanges++;
      this.#heard = number;
      this.#failing = undefined;
      this.#together(reply, draft, sentMs + leaseTtlMs);
      return true;
    } catch (error) {
      this.failures++;
      this.#noteFailure(sentMs, reasonOf(error));
      if (clock.now() >= this.#endsMs) this.#goAlone();
      return false;
    }
  }

  #together(reply: ShareReply, draft: ShareDraft, endsMs: number): void {
    const nowMs = this.#options.clock.now();
    this.#nodes = Math.max(1, reply.nodes);
    const isLess = this.#nodes < this.#mostNodes.nodes;
    if (!isLess || nowMs - this.#mostNodes.atMs >= REMEMBERED_MS)
      this.#mostNodes = { nodes: this.#nodes, atMs: nowMs };
    this.#readUpTo = reply.notes.at(-1)?.id ?? this.#readUpTo;
    this.#endAt(endsMs);
    if (this.#isAlone) {
      this.#isAlone = false;
      this.#options.onState('together', '');
    }
    const others = reply.notes.filter(({ from }) => from !== this.#options.incarnation);
    for (const part of this.#parts) part.hear({ ...reply, notes: others }, draft, endsMs, nowMs);
  }

  #endAt(endsMs: number): void {
    const { clock } = this.#options;
    this.#endsMs = endsMs;
    this.#lapse?.[Symbol.dispose]();
    this.#lapse = clock.setTimer(() => this.#goAlone(), Math.max(0, endsMs - clock.now()));
  }

  #noteFailure(sentMs: number, reason: string): void {
    const nowMs = this.#options.clock.now();
    const isHung = nowMs - sentMs >= TELLING_MS;
    const isFirst = !this.#failing || nowMs - this.#failing.untilMs >= TELLING_MS;
    const sinceMs = isFirst || !this.#failing ? sentMs : this.#failing.sinceMs;
    this.#failing = isHung ? undefined : { sinceMs, untilMs: nowMs, reason };
  }

  /** Not where this process hung, or one call failed, or is on its way. */
  #isStoreAway(): boolean {
    const nowMs = this.#options.clock.now();
    const { sinceMs, untilMs } = this.#failing ?? { sinceMs: nowMs, untilMs: nowMs };
    return nowMs - sinceMs >= AWAY_MS && nowMs - untilMs < FRESH_MS;
  }

  #goAlone(): void {
    const { clock, onState } = this.#options;
    if (!this.#failing || !this.#isStoreAway()) {
      // Meanwhile nothing goes that needs a lease.
      void this.#exchange();
      return;
    }
    // Whoever has never heard of the others does not know how many there are.
    if (this.#isAlone || this.exchanges === 0) return;
    this.#isAlone = true;
    onState('alone', this.#failing.reason);
    for (const part of this.#parts) part.goAlone(this.#mostNodes.nodes, clock.now());
  }
}

const EMPTY = {
  lastingMs: 0,
  limit: 0,
  held: 0,
  wanted: 0,
  notes: [],
  usages: [],
  releases: [],
  claims: [],
} as const;
