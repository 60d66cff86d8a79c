/** Tells the workers of a shard, once for all that arrived together. On the hot path (`wake`). */
import type { Clock } from '../../runtime/clock.ts';
import type { ShardListener } from '../../workers/index.ts';

export class ShardListeners {
  readonly #clock: Clock;
  readonly #listeners = new Set<ShardListener>();
  #isFlushScheduled = false;
  #arrivedAtMs = 0;
  readonly #flush = () => {
    this.#isFlushScheduled = false;
    for (const listener of this.#listeners) listener.onRecords();
  };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(listener: ShardListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  /** Something arrives: they are told when all of it has been logged. Returns when the first of it came. */
  wake(): number {
    if (!this.#isFlushScheduled) {
      this.#isFlushScheduled = true;
      this.#arrivedAtMs = this.#clock.now();
      queueMicrotask(this.#flush);
    }
    return this.#arrivedAtMs;
  }

  epochOver(): void {
    for (const listener of [...this.#listeners]) listener.onEpochOver();
  }
}
