/**
 * The event log of a shard: its dispatches in order, as finished WebSocket frames, kept in memory for a bounded window.
 * On the hot path. It knows nothing of sockets, workers or disks: writers append, cursors read.
 *
 * Invariant: every dispatch with a sequence in (`floor`, `head`] that Discord sent is in here, once. Some numbers of
 * that range have no record, because what bore them (READY, RESUMED) is not for workers.
 */
import { frameHeaderBytes } from '../protocol/websocket-frame.ts';
import type { Reader } from './audience.ts';
import { Cursor } from './cursor.ts';
import type { LogMemory, TrimmableLog } from './log-memory.ts';
import { Segment } from './segment.ts';

export interface EventLogOptions {
  /** Memory of this log; over it the oldest segments go. At least the newest segment stays, whatever its size. */
  readonly maxBytes: number;
  /** Segments whose newest record is older go with the next `trim`. */
  readonly maxAgeMs: number;
  readonly memory: LogMemory;
}

/**
 * Segments start small, so that a thousand quiet shards cost little, and double up to the larger size. Smaller ones than that
 * cost a quarter of the throughput: each is memory that the kernel has to find, and a reason to collect garbage.
 */
const FIRST_SEGMENT_BYTES = 16 * 1024;
const MAX_SEGMENT_BYTES = 1024 * 1024;
/** A log is cut into this many at least: what it drops to make room is one of them. */
const MIN_SEGMENTS = 8;

export class EventLog implements TrimmableLog {
  readonly #options: EventLogOptions;
  #oldest: Segment | undefined;
  #newest: Segment | undefined;
  #head = 0;
  #floor = 0;
  #bytes = 0;
  /** Since the start: records and payload bytes appended, records for one reader among them, segments dropped for age or size. */
  appendedRecords = 0;
  appendedBytes = 0;
  addressedRecords = 0;
  droppedSegments = 0;

  constructor(options: EventLogOptions) {
    this.#options = options;
    options.memory.add(this);
  }

  /** Sequence of the newest dispatch of the upstream session, logged or not. */
  get head(): number {
    return this.#head;
  }

  /** All dispatches after this sequence are kept: the smallest `seq` a RESUME can bring. */
  get floor(): number {
    return this.#floor;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** When the oldest kept record was received, or `undefined` of an empty log. */
  get oldestReceivedAtMs(): number | undefined {
    return this.#oldest && this.#oldest.count > 0 ? this.#oldest.receivedAtMs(0) : undefined;
  }

  /** Forgets everything: a new upstream session begins after `sequence`. */
  reset(sequence: number): void {
    while (this.#oldest) this.#drop(this.#oldest);
    this.#newest = undefined;
    this.#head = sequence;
    this.#floor = sequence;
  }

  /**
   * Adds one dispatch, `bytes` from `start` to `end`, by copying. `sequence` is above `head`: the caller keeps out duplicates. With an
   * `audience`, only the reader of that tag gets it.
   */
  append(
    sequence: number,
    typeId: number,
    bytes: Buffer,
    nowMs: number,
    start = 0,
    end = bytes.length,
    audience?: string,
  ): void {
    const payloadBytes = end - start;
    let segment = this.#newest;
    if (!segment?.hasRoomFor(payloadBytes)) segment = this.#open(payloadBytes);
    segment.append(sequence, typeId, nowMs, bytes, start, end);
    if (audience !== undefined) {
      segment.address(audience);
      this.addressedRecords++;
    }
    this.#head = sequence;
    this.appendedRecords++;
    this.appendedBytes += payloadBytes;
  }

  /** Notes that Discord used `sequence` for something workers do not get. */
  skip(sequence: number): void {
    this.#head = sequence;
    if (!this.#oldest) this.#floor = sequence;
  }

  /** A cursor that yields what comes after `sequence` for `reader`, or `undefined` where that is out of the window. */
  cursorAfter(sequence: number, reader?: Reader): Cursor | undefined {
    if (sequence < this.#floor || sequence > this.#head) return undefined;
    if (!this.#newest) this.#open(0);
    let segment = this.#oldest;
    while (segment?.next && segment.indexAfter(sequence) === segment.count) segment = segment.next;
    return segment && new Cursor(segment, segment.indexAfter(sequence), sequence, reader);
  }

  /** A sequence such that about the newest `maxBytes` follow it: less by up to a segment. */
  sequenceBefore(maxBytes: number): number {
    let after = this.#bytes;
    let sequence = this.#floor;
    for (let segment = this.#oldest; segment?.next && after > maxBytes; segment = segment.next) {
      after -= segment.sizeBytes;
      if (segment.count > 0) sequence = segment.sequenceAt(segment.count - 1);
    }
    return sequence;
  }

  /** Drops what is too old. The newest segment stays. */
  trim(nowMs: number): void {
    while (this.#oldest?.next && this.#oldest.lastReceivedAtMs < nowMs - this.#options.maxAgeMs)
      this.dropOldest();
  }

  oldestDroppableAtMs(): number | undefined {
    return this.#oldest?.next ? this.#oldest.openedAtMs : undefined;
  }

  dropOldest(): void {
    const segment = this.#oldest;
    if (!segment?.next) return;
    if (segment.count > 0) this.#floor = segment.sequenceAt(segment.count - 1);
    this.#drop(segment);
    this.droppedSegments++;
  }

  /** Gives its memory back; the log is not to be used after. */
  [Symbol.dispose](): void {
    this.reset(this.#head);
    this.#options.memory.remove(this);
  }

  #open(payloadBytes: number): Segment {
    const previous = this.#newest;
    const largest = Math.min(MAX_SEGMENT_BYTES, Math.floor(this.#options.maxBytes / MIN_SEGMENTS));
    const grown = previous
      ? Math.max(FIRST_SEGMENT_BYTES, Math.min(largest, previous.bytes.length * 2))
      : FIRST_SEGMENT_BYTES;
    const segment = new Segment(Math.max(grown, frameHeaderBytes(payloadBytes) + payloadBytes));
    if (previous) previous.next = segment;
    else this.#oldest = segment;
    this.#newest = segment;
    this.#bytes += segment.sizeBytes;
    while (this.#bytes > this.#options.maxBytes && this.#oldest?.next) this.dropOldest();
    this.#options.memory.allocate(segment.sizeBytes);
    return segment;
  }

  #drop(segment: Segment): void {
    segment.isDropped = true;
    this.#oldest = segment.next;
    this.#bytes -= segment.sizeBytes;
    this.#options.memory.release(segment.sizeBytes);
  }
}
