/** The newest dispatches of a session, for RESUME. Runs per dispatch. */

/** A kept payload, or how to make it again where keeping it would cost too much memory. */
export type Replayable = Buffer | (() => Buffer);

export class ReplayBuffer {
  readonly #ring: Replayable[];
  readonly #capacity: number;
  #newest = 0;
  #count = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#ring = [];
  }

  /** Sequences are dense: each push is one more than the last, the first is 1. */
  push(payload: Replayable): void {
    this.#ring[this.#newest % this.#capacity] = payload;
    this.#newest += 1;
    if (this.#count < this.#capacity) this.#count += 1;
  }

  /** Whether every dispatch after `sequence` is still here. */
  reaches(sequence: number): boolean {
    return sequence >= this.#newest - this.#count && sequence <= this.#newest;
  }

  /** The dispatches after `sequence`, oldest first. Only where `reaches(sequence)`. */
  *after(sequence: number): Generator<Buffer> {
    for (let next = sequence; next < this.#newest; next += 1) {
      const payload = this.#ring[next % this.#capacity];
      if (payload !== undefined) yield typeof payload === 'function' ? payload() : payload;
    }
  }
}
