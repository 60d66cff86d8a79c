/**
 * What was dispatched in a session, to compare with what workers received. Runs per dispatch; twenty bytes an entry.
 */

export interface TruthEntry {
  s: number;
  t: string;
  /** crc32 of the UTF-8 text of the whole payload. */
  crc32: number;
  /** Microseconds since 1970. */
  sentAtUs: number;
}

export interface SessionTruth {
  sessionId: string;
  /** Sequence of the first entry. */
  startSequence: number;
  dispatches: TruthEntry[];
}

/** READY and RESUMED are entries too: they take sequence numbers. */
export interface ShardTruth {
  shard: number;
  sessions: SessionTruth[];
}

const INITIAL_CAPACITY = 1024;

export class TruthLog {
  readonly #names: string[] = [];
  readonly #nameIndex = new Map<string, number>();
  #types = new Uint32Array(INITIAL_CAPACITY);
  #crcs = new Uint32Array(INITIAL_CAPACITY);
  #times = new Float64Array(INITIAL_CAPACITY);
  length = 0;

  append(t: string, crc32: number, sentAtUs: number): void {
    if (this.length === this.#types.length) this.#grow();
    this.#types[this.length] = this.#intern(t);
    this.#crcs[this.length] = crc32;
    this.#times[this.length] = sentAtUs;
    this.length += 1;
  }

  *entries(): Generator<TruthEntry> {
    for (let index = 0; index < this.length; index += 1) {
      yield {
        s: index + 1,
        t: this.#names[this.#types[index] ?? 0] ?? '',
        crc32: this.#crcs[index] ?? 0,
        sentAtUs: this.#times[index] ?? 0,
      };
    }
  }

  #intern(t: string): number {
    const known = this.#nameIndex.get(t);
    if (known !== undefined) return known;
    this.#nameIndex.set(t, this.#names.length);
    return this.#names.push(t) - 1;
  }

  #grow(): void {
    const capacity = this.#types.length * 2;
    const types = new Uint32Array(capacity);
    types.set(this.#types);
    const crcs = new Uint32Array(capacity);
    crcs.set(this.#crcs);
    const times = new Float64Array(capacity);
    times.set(this.#times);
    this.#types = types;
    this.#crcs = crcs;
    this.#times = times;
  }
}
