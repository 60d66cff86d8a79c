/** Waits until a shard's tail is written up to a sequence. */
import type { TailProgress } from './ports.ts';

export class TailWait {
  readonly #tail: TailProgress;
  readonly #waiting = new Map<PromiseWithResolvers<void>, number>();
  #stopped: Error | undefined;

  constructor(tail: TailProgress) {
    this.#tail = tail;
  }

  /** Rejects with the reason of `stop`, also where that was before: nobody would say any more that the tail is written. */
  async until(sequence: number): Promise<void> {
    if (this.#stopped) throw this.#stopped;
    if (this.#written >= sequence) return;
    const waiting = Promise.withResolvers<void>();
    this.#waiting.set(waiting, sequence);
    try {
      await waiting.promise;
    } finally {
      this.#waiting.delete(waiting);
    }
  }

  /** The tail has been written. */
  lookAgain(): void {
    const written = this.#written;
    for (const [waiting, sequence] of this.#waiting) if (sequence <= written) waiting.resolve();
  }

  stop(reason: Error): void {
    this.#stopped = reason;
    for (const waiting of this.#waiting.keys()) waiting.reject(reason);
  }

  get #written(): number {
    return this.#tail.writtenSequence ?? -1;
  }
}
