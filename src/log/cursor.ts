/**
 * A reader's position in an event log. On the hot path. Live delivery, replay and slow readers are the same walk along
 * the segments; what has left the window before it was read is lost, and the cursor says so. Records for other readers are
 * passed over, as if they were not there.
 */
import type { Addressed, Reader } from './audience.ts';
import type { Segment } from './segment.ts';

export class Cursor {
  #segment: Segment;
  #index: number;
  #sequence: number;
  readonly #reader: Reader;
  #runStart = 0;

  constructor(segment: Segment, index: number, sequence: number, reader: Reader) {
    this.#segment = segment;
    this.#index = index;
    this.#sequence = sequence;
    this.#reader = reader;
  }

  /** Sequence of the last record read or passed over, or the one it was made after. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Whether a record it has not read has left the log. It can't be used any more then. */
  get isLost(): boolean {
    this.#advance();
    return this.#segment.isDropped;
  }

  /** Whether the next record's sequence is at most `sequence`. */
  hasUpTo(sequence: number): boolean {
    this.#advance();
    return this.#index < this.#segment.count && this.#segment.sequenceAt(this.#index) <= sequence;
  }

  /**
   * The frames that follow, as one view of at most `maxBytes` (but at least one frame) that ends with a whole frame no
   * later than `lastSequence`; `undefined` where there are none yet.
   */
  read(maxBytes: number, lastSequence = Number.MAX_SAFE_INTEGER): Buffer | undefined {
    this.#advance();
    const segment = this.#segment;
    const from = this.#index;
    if (from === segment.count) return undefined;
    let to = segment.runEnd(from, maxBytes);
    if (segment.hasAddressed) to = Math.min(to, segment.foreignFrom(from, this.#reader));
    if (segment.sequenceAt(to - 1) > lastSequence) to = Math.min(to, segment.indexAfter(lastSequence));
    if (to <= from) return undefined;
    this.#runStart = from;
    this.#index = to;
    this.#sequence = segment.sequenceAt(to - 1);
    return segment.bytes.subarray(segment.offsetAt(from), segment.offsetAt(to));
  }

  /** Of the frames that `read` gave last, those that are for one reader. */
  get addressed(): readonly Addressed[] {
    return this.#segment.hasAddressed ? this.#segment.addressedBetween(this.#runStart, this.#index) : [];
  }

  /** When the next unread record was received, or `undefined` where all is read. Unit: ms. */
  get oldestUnreadAtMs(): number | undefined {
    this.#advance();
    return this.#index < this.#segment.count ? this.#segment.receivedAtMs(this.#index) : undefined;
  }

  /** To the next record for this reader, if there is one. */
  #advance(): void {
    for (;;) {
      const segment = this.#segment;
      if (this.#index === segment.count) {
        if (!segment.next) return;
        this.#segment = segment.next;
        this.#index = 0;
      } else if (segment.hasAddressed && segment.foreignFrom(this.#index, this.#reader) === this.#index) {
        this.#sequence = segment.sequenceAt(this.#index);
        this.#index++;
      } else return;
    }
  }
}
