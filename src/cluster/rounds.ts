/** Something that is done over and over, one round after the other: at its time, or sooner when somebody asks. */
import type { Clock } from '../runtime/clock.ts';

export interface RoundsOptions {
  readonly clock: Clock;
  /** Never rejects. */
  readonly round: () => Promise<void>;
  /** From the end of a round to the next, if nobody asks for one. Unit: ms. */
  readonly pauseMs: () => number;
}

/** Rounds that are asked for are this far apart at least. */
const MIN_PAUSE_MS = 25;

export class Rounds implements AsyncDisposable {
  readonly #options: RoundsOptions;
  #timer: Disposable | undefined;
  #dueAtMs = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;
  /** While a round is under way: another is to follow it at once. */
  #isAskedAgain = false;
  #isClosed = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  /** Begins one now, and resolves when it is over; where one is under way, with that. */
  run(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#running ??= this.#run();
    return this.#running;
  }

  /** In a moment, and not before what is under way is over. */
  soon(): void {
    this.#scheduleIn(MIN_PAUSE_MS);
  }

  /** No more rounds begin. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    await this.#options.round();
    this.#running = undefined;
    if (this.#isAskedAgain) this.soon();
    this.#isAskedAgain = false;
    this.#scheduleIn(Math.max(MIN_PAUSE_MS, this.#options.pauseMs()));
  }

  /** No later than so soon. */
  #scheduleIn(delayMs: number): void {
    const { clock } = this.#options;
    const dueAtMs = clock.now() + delayMs;
    if (this.#isClosed || (this.#timer && this.#dueAtMs <= dueAtMs)) return;
    if (this.#running) {
      this.#isAskedAgain = true;
      return;
    }
    this.#timer?.[Symbol.dispose]();
    this.#dueAtMs = dueAtMs;
    this.#timer = clock.setTimer(() => {
      this.#timer = undefined;
      void this.run();
    }, delayMs);
  }
}
