/**
 * Calls of a store that may be away: repeated with growing pauses until it answers. Tells once when it is away, and once when
 * it is back.
 */
import { abortable } from '../runtime/abortable.ts';
import { backoffMs } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { reasonOf } from '../runtime/reason-of.ts';
import { sleep } from '../runtime/sleep.ts';

export interface StoreCallsOptions {
  readonly clock: Clock;
  /** In [0, 1), for back-off. */
  readonly random: () => number;
  readonly onStoreProblem: (reason: string) => void;
  readonly onStoreRecovered?: () => void;
}

const BACKOFF = { firstMs: 250, maxMs: 5_000 };

export class StoreCalls {
  readonly #options: StoreCallsOptions;
  #isFailing = false;

  constructor(options: StoreCallsOptions) {
    this.#options = options;
  }

  get isFailing(): boolean {
    return this.#isFailing;
  }

  /** Rejects when `signal` aborts, and after `maxAttempts`. */
  async untilAnswered<Answer>(
    call: () => Promise<Answer>,
    signal: AbortSignal,
    maxAttempts = Number.POSITIVE_INFINITY,
  ): Promise<Answer> {
    const { clock, random } = this.#options;
    for (let failures = 1; ; failures++) {
      try {
        signal.throwIfAborted();
        const answer = await abortable(call(), signal);
        this.#onAnswer();
        return answer;
      } catch (error) {
        signal.throwIfAborted();
        this.#onFailure(error);
        if (failures >= maxAttempts) throw error;
      }
      await sleep(clock, backoffMs(failures, random(), BACKOFF), signal);
    }
  }

  #onAnswer(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#options.onStoreRecovered?.();
  }

  #onFailure(error: unknown): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#options.onStoreProblem(reasonOf(error));
  }
}
