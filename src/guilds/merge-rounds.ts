/** Gives the guild state of all shards its share of time, a little every now and then, so that no live event waits long for it. */
import type { Clock } from '../runtime/clock.ts';

export interface Mergeable {
  /** Works for about so long; whether there is more to do. */
  mergeSome(maxMs: number): boolean;
}

export interface MergeRoundsOptions {
  readonly clock: Clock;
  /** Of all shards together, without a pause. A single guild may take longer. */
  readonly maxStepMs?: number;
  /** From the end of one step to the next. */
  readonly intervalMs?: number;
}

/** A tenth of the 20 ms that an event may take. */
const DEFAULT_MAX_STEP_MS = 2;
/** With the step it makes the most that merging takes of the CPU: a twelfth. */
const DEFAULT_INTERVAL_MS = 22;

export class MergeRounds implements Disposable {
  readonly #clock: Clock;
  readonly #maxStepMs: number;
  readonly #intervalMs: number;
  /** Those with something to do; the first is next. */
  readonly #waiting = new Set<Mergeable>();
  #timer: Disposable | undefined;

  constructor({ clock, maxStepMs, intervalMs }: MergeRoundsOptions) {
    this.#clock = clock;
    this.#maxStepMs = maxStepMs ?? DEFAULT_MAX_STEP_MS;
    this.#intervalMs = intervalMs ?? DEFAULT_INTERVAL_MS;
  }

  /** `shard` has something to do. */
  wake(shard: Mergeable): void {
    this.#waiting.add(shard);
    this.#timer ??= this.#clock.setTimer(() => this.#step(), this.#intervalMs);
  }

  remove(shard: Mergeable): void {
    this.#waiting.delete(shard);
    if (this.#waiting.size === 0) this.#stop();
  }

  [Symbol.dispose](): void {
    this.#waiting.clear();
    this.#stop();
  }

  #step(): void {
    this.#timer = undefined;
    const endsAtMs = this.#clock.now() + this.#maxStepMs;
    for (const shard of [...this.#waiting]) {
      const leftMs = endsAtMs - this.#clock.now();
      if (leftMs <= 0) break;
      this.#waiting.delete(shard);
      if (shard.mergeSome(leftMs)) this.#waiting.add(shard);
    }
    if (this.#waiting.size > 0) this.#timer ??= this.#clock.setTimer(() => this.#step(), this.#intervalMs);
  }

  #stop(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }
}
