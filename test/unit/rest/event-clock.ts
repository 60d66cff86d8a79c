/** Time that goes from one timer to the next, with everything that promises set off done in between. */
import type { Clock } from '../../../src/runtime/clock.ts';

interface Timer {
  readonly dueMs: number;
  readonly number: number;
  run: (() => void) | undefined;
}

export class EventClock implements Clock {
  #nowMs: number;
  #numbers = 0;
  /** A binary heap: simulations have hundreds of thousands of timers. */
  readonly #heap: Timer[] = [];

  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  setTimer(run: () => void, delayMs: number): Disposable {
    const timer: Timer = { dueMs: this.#nowMs + Math.max(0, delayMs), number: this.#numbers++, run };
    this.#push(timer);
    return {
      [Symbol.dispose]: () => {
        timer.run = undefined;
      },
    };
  }

  async runUntil(untilMs: number): Promise<void> {
    await settled();
    for (let first = this.#heap[0]; first && first.dueMs <= untilMs; first = this.#heap[0]) {
      this.#shift();
      if (!first.run) continue;
      this.#nowMs = Math.max(this.#nowMs, first.dueMs);
      first.run();
      await settled();
    }
    this.#nowMs = untilMs;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (isBefore(heap[above]!, timer)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = timer;
  }

  #shift(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let least = 2 * at + 1;
      if (least >= heap.length) break;
      if (least + 1 < heap.length && isBefore(heap[least + 1]!, heap[least]!)) least++;
      if (isBefore(last, heap[least]!)) break;
      heap[at] = heap[least]!;
      at = least;
    }
    heap[at] = last;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.number < b.number);
}

/** Some rounds of promises: what a timer has set off is done. */
async function settled(): Promise<void> {
  for (let round = 0; round < 16; round++) await null;
}
