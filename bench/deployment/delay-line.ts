/** What is pushed comes out so much later, and in the order in which it was pushed, however the delay changes and timers lag. */
import type { Clock } from '../../src/runtime/clock.ts';

interface Waiting<Item> {
  readonly item: Item;
  readonly dueMs: number;
}

export class DelayLine<Item> implements Disposable {
  readonly #clock: Clock;
  readonly #onOut: (item: Item) => void;
  readonly #waiting: Waiting<Item>[] = [];
  #timer: Disposable | undefined;

  constructor(clock: Clock, onOut: (item: Item) => void) {
    this.#clock = clock;
    this.#onOut = onOut;
  }

  push(item: Item, delayMs: number): void {
    this.#waiting.push({ item, dueMs: this.#clock.now() + delayMs });
    if (this.#waiting.length === 1) this.#letOut();
  }

  [Symbol.dispose](): void {
    this.#waiting.length = 0;
    this.#timer?.[Symbol.dispose]();
  }

  /** The first one holds up all behind it. */
  #letOut(): void {
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      const leftMs = first.dueMs - this.#clock.now();
      if (leftMs > 0) {
        this.#timer = this.#clock.setTimer(() => this.#letOut(), leftMs);
        return;
      }
      this.#onOut(first.item);
      this.#waiting.shift();
    }
  }
}
