/**
 * All that the workers received of one shard, in the order of its receipt, and what can be said of it before the truth is
 * known. Runs per dispatch; 17 bytes for each.
 */

const INITIAL_CAPACITY = 4_096;

/** What the verdict reads. Index 0 came first. */
export interface Received {
  readonly length: number;
  readonly sequences: Uint32Array;
  readonly crcs: Uint32Array;
  /** Monotonic µs. */
  readonly timesUs: Float64Array;
}

export class ShardRecord implements Received {
  sequences = new Uint32Array(INITIAL_CAPACITY);
  crcs = new Uint32Array(INITIAL_CAPACITY);
  timesUs = new Float64Array(INITIAL_CAPACITY);
  length = 0;
  /** Of the first READY that a worker got: what came before was not for workers. */
  firstReadySequence: number | null = null;
  /** Of each connection that ended: how many dispatches had come by then. */
  readonly connectionEnds: number[] = [];
  /** The highest received in the present session. */
  head = 0;
  duplicated = 0;
  reordered = 0;
  /** Different ones. */
  delivered = 0;
  /** By sequence, of the present session. */
  #seen = new Uint8Array(INITIAL_CAPACITY);
  /** Where the present session's numbers begin, and how many of them have come. */
  #base = 0;
  #seenCount = 0;

  /** Sequences below the head that have not come. Discord's RESUMED, which is not for workers, takes some of them. */
  get gaps(): number {
    return this.head - this.#base - this.#seenCount;
  }

  ready(sequence: number): void {
    this.firstReadySequence ??= sequence;
    // A lower one than we have: another session with Discord, with numbers of its own.
    if (this.length > 0 && sequence >= this.head) {
      this.head = sequence;
      return;
    }
    this.#seen = new Uint8Array(INITIAL_CAPACITY);
    this.#seenCount = 0;
    this.#base = sequence;
    this.head = sequence;
  }

  connectionEnded(): void {
    if (this.connectionEnds.at(-1) !== this.length) this.connectionEnds.push(this.length);
  }

  dispatch(sequence: number, crc: number, timeUs: number): void {
    if (this.length === this.sequences.length) this.#grow();
    this.sequences[this.length] = sequence;
    this.crcs[this.length] = crc;
    this.timesUs[this.length] = timeUs;
    this.length += 1;
    this.#follow(sequence);
  }

  #follow(sequence: number): void {
    if (sequence >= this.#seen.length) {
      const seen = new Uint8Array(Math.max(sequence + 1, this.#seen.length * 2));
      seen.set(this.#seen);
      this.#seen = seen;
    }
    if (this.#seen[sequence] === 1) {
      this.duplicated += 1;
      return;
    }
    this.#seen[sequence] = 1;
    this.#seenCount += 1;
    this.delivered += 1;
    if (sequence < this.head) this.reordered += 1;
    else this.head = sequence;
  }

  #grow(): void {
    const capacity = this.length * 2;
    const sequences = new Uint32Array(capacity);
    sequences.set(this.sequences);
    this.sequences = sequences;
    const crcs = new Uint32Array(capacity);
    crcs.set(this.crcs);
    this.crcs = crcs;
    const timesUs = new Float64Array(capacity);
    timesUs.set(this.timesUs);
    this.timesUs = timesUs;
  }
}
