/** Many times to be woken at, one timer. Those that are no longer meant cost a little memory until they are passed or swept. */
import type { Clock } from '../runtime/clock.ts';

export interface Alarm {
  readonly atMs: number;
  /** Whether it is still meant. */
  isMeant(): boolean;
  ring(): void;
}

/** Fewer alarms than this are never swept. */
const MIN_SWEEP = 1_024;

export class AlarmClock implements Disposable {
  readonly #clock: Clock;
  /** A binary heap, earliest first. */
  #heap: Alarm[] = [];
  #timer: Disposable | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #sweepAt = MIN_SWEEP;
  #isRunning = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#heap.length;
  }

  add(alarm: Alarm): void {
    if (this.#heap.length >= this.#sweepAt) this.#sweep();
    this.#heap.push(alarm);
    this.#rise(this.#heap.length - 1);
    this.#arm();
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#heap = [];
  }

  #arm(): void {
    const first = this.#heap[0];
    if (!first || this.#isRunning || first.atMs >= this.#timerAtMs) return;
    this.#timer?.[Symbol.dispose]();
    this.#timerAtMs = first.atMs;
    this.#timer = this.#clock.setTimer(() => this.#run(), Math.max(0, first.atMs - this.#clock.now()));
  }

  #run(): void {
    this.#timer = undefined;
    // What rings may set alarms: the timer is set once, at the end.
    this.#isRunning = true;
    const nowMs = this.#clock.now();
    // A timer may run a little before its time.
    for (let first = this.#heap[0]; first && first.atMs <= nowMs; first = this.#heap[0]) {
      this.#removeFirst();
      if (first.isMeant()) first.ring();
    }
    this.#isRunning = false;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    this.#arm();
  }

  #sweep(): void {
    this.#heap = this.#heap.filter((alarm) => alarm.isMeant()).sort((a, b) => a.atMs - b.atMs);
    this.#sweepAt = Math.max(MIN_SWEEP, this.#heap.length * 2);
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (!last || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink();
  }

  #rise(from: number): void {
    const heap = this.#heap;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (timeAt(heap, above) <= timeAt(heap, at)) return;
      swap(heap, at, above);
      at = above;
    }
  }

  #sink(): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const least = timeAt(heap, left) <= timeAt(heap, left + 1) ? left : left + 1;
      if (timeAt(heap, at) <= timeAt(heap, least)) return;
      swap(heap, at, least);
      at = least;
    }
  }
}

function timeAt(heap: readonly Alarm[], at: number): number {
  return heap[at]?.atMs ?? Number.POSITIVE_INFINITY;
}

function swap(heap: Alarm[], a: number, b: number): void {
  const [x, y] = [heap[a], heap[b]];
  if (!x || !y) return;
  heap[a] = y;
  heap[b] = x;
}
