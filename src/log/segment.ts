/**
 * A fixed-size piece of an event log: finished WebSocket text frames end to end, and beside them one index entry a
 * record. On the hot path. Nothing in it is ever overwritten, so a slice may sit in a socket's queue for as long as it
 * likes; the garbage collector frees the whole when nobody refers to it.
 */
import { frameHeaderBytes, writeFrameHeader } from '../protocol/websocket-frame.ts';
import { type Addressed, EVERYTHING, type Reader } from './audience.ts';

/** Records an index has room for per KiB of segment; a segment full of tinier dispatches ends early. */
const RECORDS_PER_KIB = 4;

export class Segment {
  readonly bytes: Buffer;
  /** Records in here. */
  count = 0;
  /** Bytes in here. */
  end = 0;
  next: Segment | undefined;
  /** Out of the log's window: what a cursor has not read of it is lost to that cursor. */
  isDropped = false;
  /** When its first and its newest record were received. */
  openedAtMs = 0;
  lastReceivedAtMs = 0;
  readonly #capacity: number;
  readonly #sequences: Float64Array;
  readonly #offsets: Uint32Array;
  readonly #receivedMs: Uint32Array;
  readonly #typeIds: Uint16Array;
  /** The indexes of the records that are for one reader alone, ascending, and whom they are for. Few. */
  #addressed: number[] | undefined;
  #audiences: string[] = [];

  constructor(sizeBytes: number) {
    // Not from Node's shared pool: a small slice must not keep other people's bytes alive, nor they this.
    this.bytes = Buffer.allocUnsafeSlow(sizeBytes);
    this.#capacity = Math.max(1, Math.ceil(sizeBytes / 1024) * RECORDS_PER_KIB);
    this.#sequences = new Float64Array(this.#capacity);
    this.#offsets = new Uint32Array(this.#capacity);
    this.#receivedMs = new Uint32Array(this.#capacity);
    this.#typeIds = new Uint16Array(this.#capacity);
  }

  /** Memory it takes, index included. */
  get sizeBytes(): number {
    return this.bytes.length + this.#capacity * (8 + 4 + 4 + 2);
  }

  hasRoomFor(payloadBytes: number): boolean {
    return (
      this.count < this.#capacity &&
      this.end + frameHeaderBytes(payloadBytes) + payloadBytes <= this.bytes.length
    );
  }

  /** Copies one payload, `bytes` from `start` to `end`, in as a finished frame. The caller has asked `hasRoomFor`. */
  append(sequence: number, typeId: number, nowMs: number, bytes: Buffer, start: number, end: number): void {
    const index = this.count;
    if (index === 0) this.openedAtMs = nowMs;
    this.#sequences[index] = sequence;
    this.#offsets[index] = this.end;
    // Records of an earlier process carry its clock, which may have been ahead.
    this.#receivedMs[index] = Math.max(0, nowMs - this.openedAtMs);
    this.#typeIds[index] = typeId;
    const target = writeFrameHeader(this.bytes, this.end, end - start);
    bytes.copy(this.bytes, target, start, end);
    this.end = target + end - start;
    this.lastReceivedAtMs = nowMs;
    this.count = index + 1;
  }

  /** The newest record is for this reader alone. Before anybody has read on. */
  address(audience: string): void {
    this.#addressed ??= [];
    this.#addressed.push(this.count - 1);
    this.#audiences.push(audience);
  }

  get hasAddressed(): boolean {
    return this.#addressed !== undefined;
  }

  /** The first record from `index` that is for another than `reader`; `count` where there is none. */
  foreignFrom(index: number, reader: Reader): number {
    if (this.#addressed === undefined || reader === EVERYTHING) return this.count;
    for (let at = this.#addressedFrom(index); at < this.#addressed.length; at++)
      if (this.#audiences[at] !== reader) return this.#addressed[at] ?? this.count;
    return this.count;
  }

  /** Of the records from `from` to `to` (exclusive), those that are for one reader. */
  addressedBetween(from: number, to: number): Addressed[] {
    const found: Addressed[] = [];
    if (this.#addressed === undefined) return found;
    for (let at = this.#addressedFrom(from); at < this.#addressed.length; at++) {
      const index = this.#addressed[at] ?? to;
      if (index >= to) break;
      found.push([this.sequenceAt(index), this.#audiences[at] ?? '']);
    }
    return found;
  }

  #addressedFrom(index: number): number {
    const addressed = this.#addressed ?? [];
    let low = 0;
    let high = addressed.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((addressed[middle] ?? 0) < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  sequenceAt(index: number): number {
    return this.#sequences[index] ?? 0;
  }

  typeIdAt(index: number): number {
    return this.#typeIds[index] ?? 0;
  }

  receivedAtMs(index: number): number {
    return this.openedAtMs + (this.#receivedMs[index] ?? 0);
  }

  /** Where the frame of record `index` begins; of `count`, where the last one ends. */
  offsetAt(index: number): number {
    return index < this.count ? (this.#offsets[index] ?? 0) : this.end;
  }

  /** The first record with a sequence above `sequence`; `count` where there is none. */
  indexAfter(sequence: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.sequenceAt(middle) <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * The end (exclusive) of the longest run of records from `index` that takes at most `maxBytes`; at least one record.
   */
  runEnd(index: number, maxBytes: number): number {
    const start = this.offsetAt(index);
    if (this.end - start <= maxBytes) return this.count;
    let low = index + 1;
    let high = this.count;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.offsetAt(middle) - start <= maxBytes) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
