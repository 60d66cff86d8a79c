/**
 * Those of this node's shards that wait for one identify bucket, in the order in which they asked. The line as a whole holds
 * one place in the store's line, for whoever is its first when the turn comes: one who gives up leaves no gap, and a node
 * that dies leaves no more than one.
 */
import { setImmediate } from 'node:timers/promises';
import { abortable } from '../runtime/abortable.ts';
import type { Clock } from '../runtime/clock.ts';
import { sleep } from '../runtime/sleep.ts';
import type { IdentifySlots } from './ports.ts';
import type { StoreCalls } from './store-calls.ts';

export interface Held {
  readonly remaining: number;
  readonly waitMs: number;
}

export interface IdentifyLineOptions {
  readonly bucket: number;
  readonly slots: IdentifySlots;
  readonly store: StoreCalls;
  readonly clock: Clock;
  readonly reserve: number;
  readonly askDiscord: (signal: AbortSignal) => Promise<void>;
  readonly onGranted: () => void;
  readonly onSent: () => void;
  /** The budget is down to the reserve; called before `waitsFor` says so. */
  readonly onHeld: (held: Held) => void;
}

interface Waiter {
  /** Grows with each call of the gate. */
  readonly number: number;
  readonly signal: AbortSignal;
  readonly settle: (isGranted: boolean) => void;
}

/** What is between the first of the line and its IDENTIFY: the bucket, the budget, or Discord, who has to say what that is. */
export type WaitsFor = 'slot' | 'budget' | 'discord';

/**
 * A grant that was longer on its way (a node that was stopped, a store that hung) is not used: by now the bucket may be
 * another's. It stays counted as spent, which errs on the safe side.
 */
const MAX_ANSWER_AGE_MS = 1_000;

/** The budget is looked at again at least this often: another node may have learnt that there is more. */
const MAX_HELD_MS = 60_000;

/** With the pauses between them these last as long as the note matters: for the interval of a bucket. */
const NOTE_ATTEMPTS = 5;

const NEVER = new AbortController().signal;

export class IdentifyLine {
  readonly #options: IdentifyLineOptions;
  readonly #waiting: Waiter[] = [];
  /** Aborted when nobody is left in the line. */
  #turns: AbortController | undefined;
  #waitsFor: WaitsFor = 'slot';
  /** By our clock. Where all have given up before it came, it is there for who asks next: the line would only grow. */
  #placeAtMs: number | undefined;
  /** Settles when the store knows of the last IDENTIFY, or when that does not matter any more. */
  #noted = Promise.resolve();

  constructor(options: IdentifyLineOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#waiting.length;
  }

  get waitsFor(): WaitsFor {
    return this.#waitsFor;
  }

  /** True when granted: the caller sends at once. False when the line was dissolved. Rejects when `signal` aborts, never else. */
  async join(number: number, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const waiter = { number, signal, settle: resolve };
    const behind = this.#waiting.findIndex((other) => other.number > number);
    this.#waiting.splice(behind < 0 ? this.#waiting.length : behind, 0, waiter);
    if (!this.#turns) this.#start();
    return abortable(promise, signal).finally(() => this.#leave(waiter));
  }

  /** Sends everybody away: the buckets are not what they were. */
  dissolve(): void {
    for (const waiter of this.#waiting.splice(0)) waiter.settle(false);
    this.#stop();
  }

  #leave(waiter: Waiter): void {
    const at = this.#waiting.indexOf(waiter);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    if (this.#waiting.length === 0) this.#stop();
  }

  #start(): void {
    const turns = new AbortController();
    this.#turns = turns;
    this.#takeTurns(turns.signal).catch((error: unknown) => {
      // It ends by abortion alone: anything else is a bug, which must not be kept from the process.
      if (!turns.signal.aborted) throw error;
    });
  }

  #stop(): void {
    this.#turns?.abort();
    this.#turns = undefined;
    this.#waitsFor = 'slot';
  }

  async #takeTurns(signal: AbortSignal): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#waitForPlace(signal);
      await abortable(this.#noted, signal);
      await this.#take(signal);
    }
    if (!signal.aborted) this.#stop();
  }

  async #waitForPlace(signal: AbortSignal): Promise<void> {
    const { slots, store, clock, bucket } = this.#options;
    if (this.#placeAtMs === undefined || this.#placeAtMs < clock.now()) {
      const { waitMs } = await store.untilAnswered(() => slots.reserve(bucket), signal);
      this.#placeAtMs = clock.now() + waitMs;
    }
    await sleep(clock, this.#placeAtMs - clock.now(), signal);
    this.#placeAtMs = undefined;
  }

  /** Asks until the place is taken, for better or worse. */
  async #take(signal: AbortSignal): Promise<void> {
    const { slots, store, clock, bucket, reserve, askDiscord } = this.#options;
    for (;;) {
      let askedAtMs = 0;
      const answer = await store.untilAnswered(() => {
        askedAtMs = clock.now();
        return slots.take(bucket, reserve);
      }, signal);
      switch (answer.kind) {
        case 'granted':
          this.#waitsFor = 'slot';
          if (clock.now() - askedAtMs <= MAX_ANSWER_AGE_MS) this.#grantFirst();
          return;
        case 'wait':
          this.#waitsFor = 'slot';
          await sleep(clock, answer.waitMs, signal);
          break;
        case 'held':
          if (this.#waitsFor !== 'budget') this.#options.onHeld(answer);
          this.#waitsFor = 'budget';
          await sleep(clock, Math.min(answer.waitMs, MAX_HELD_MS), signal);
          break;
        case 'budget-unknown':
          this.#waitsFor = 'discord';
          await askDiscord(signal);
      }
    }
  }

  #grantFirst(): void {
    const first = this.#waiting.find(({ signal }) => !signal.aborted);
    if (!first) return;
    this.#waiting.splice(this.#waiting.indexOf(first), 1);
    this.#options.onGranted();
    first.settle(true);
    this.#noted = this.#noteSent();
  }

  async #noteSent(): Promise<void> {
    const { slots, store, bucket, onSent } = this.#options;
    // The caller goes on in microtasks: by then it has written.
    await setImmediate();
    try {
      await store.untilAnswered(() => slots.noteSent(bucket), NEVER, NOTE_ATTEMPTS);
      onSent();
    } catch {
      // Told by `store`. What `take` has on record is nearly as good, and the bucket is free again anyway.
    }
  }
}
