/**
 * The tail of one shard: the copy of its log's newest window that outlives the process, written behind in compressed
 * chunks, the checkpoint moving with each. The hot path never waits for it; how far it trails and whether it fails are
 * metrics. What the copy is kept in (files, Redis) is the store's business.
 */
import { backoffMs } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { reasonOf } from '../runtime/reason-of.ts';
import { type Addressed, EVERYTHING } from './audience.ts';
import type { Cursor } from './cursor.ts';
import type { EventLog } from './event-log.ts';
import type { TailCompressor } from './tail-compressor.ts';
import { encodeNotes } from './tail-notes.ts';

/** What a reader needs before the first chunk. JSON-safe. */
export interface TailBase {
  /** The chunks that follow begin after this sequence. */
  readonly sequence: number;
  /** Everything about the shard that is not in its dispatches; the tail does not look into it. */
  readonly state: Readonly<Record<string, unknown>>;
}

/** A run of records without a hole. */
export interface TailChunk {
  /** Sequence that the first record follows. */
  readonly afterSequence: number;
  /** The checkpoint: where a RESUME goes on when this chunk is the last. */
  readonly lastSequence: number;
  /** Unix ms. */
  readonly writtenAtMs: number;
  /**
   * The records as WebSocket frames, end to end, compressed with zstd; before them the notes (tail-notes.ts), where there are any.
   * Empty where sequences went by without records.
   */
  readonly compressed: Buffer;
}

/** Where one shard's tail is kept. */
export interface TailStore {
  /** Forgets all that is kept and starts over from `base`. */
  begin(base: TailBase): Promise<void>;
  /**
   * Adds a chunk, lasting when it resolves. `base` is called at once, before anything is awaited, where the store starts a new
   * part. Bounded by bytes and age.
   */
  append(chunk: TailChunk, base: () => TailBase): Promise<void>;
}

/** Parts of the state that change too often for a base, and are lost too easily without. */
export interface StateChanges {
  /**
   * What has changed since it was last said to be written, as it is now; `undefined`: nothing. What is said to be written has not
   * changed again since it was read, or stays.
   */
  read(): { readonly changes: Readonly<Record<string, unknown>>; written(): void } | undefined;
}

export interface TailOptions {
  readonly log: EventLog;
  readonly store: TailStore;
  readonly clock: Clock;
  readonly compressor: TailCompressor;
  readonly flushIntervalMs: number;
  /** Unwritten bytes that make a flush begin before its time. */
  readonly flushBytes: number;
  /** The shard's state as it is now, for a new base. */
  readonly state: () => Readonly<Record<string, unknown>>;
  readonly stateChanges?: StateChanges | undefined;
  readonly onFailing: (reason: string, error: unknown) => void;
  readonly onRecovered: () => void;
  /** A chunk is written, or a new beginning. */
  readonly onWritten?: (() => void) | undefined;
}

/** Records of one chunk, before compression: compressing this much takes about 1 ms of the event loop. */
const MAX_CHUNK_BYTES = 1024 * 1024;

/** When more is unwritten (a flood), the tail skips to the newest of it: the checkpoint must not trail for long. */
export const MAX_BACKLOG_BYTES = 16 * 1024 * 1024;

/** Short: until it is written again, a takeover would lose what is missing. */
const RETRY = { firstMs: 250, maxMs: 1_000 };

export class Tail implements Disposable, AsyncDisposable {
  readonly #options: TailOptions;
  #cursor: Cursor | undefined;
  /** Sequence up to which the store has everything. */
  #written = 0;
  /** What is stored begins after it, or later. */
  #baseSequence = 0;
  #writtenLogBytes = 0;
  #flushing: Promise<void> | undefined;
  /** When the oldest record of the chunk that is being written came. */
  #writingSinceMs: number | undefined;
  #timer: Disposable | undefined;
  #needsBase = true;
  /** What is unwritten should not wait for the interval. */
  #isHastened = false;
  #failures = 0;
  #closed = false;
  /** Plain counts since the start, read by metrics. */
  readonly counts = { chunks: 0, bytes: 0, errors: 0, skips: 0 };

  constructor(options: TailOptions) {
    this.#options = options;
  }

  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** Up to which sequence the store has everything; `undefined`: it has to begin anew. */
  get writtenSequence(): number | undefined {
    return this.#needsBase ? undefined : this.#written;
  }

  /** The stored tail holds nothing up to this sequence; 0 while it has to begin anew. */
  get baseSequence(): number {
    return this.#needsBase ? 0 : this.#baseSequence;
  }

  /** How long the oldest record that is not written has been waiting. Unit: ms. */
  trailingMs(): number {
    const since = this.#writingSinceMs ?? this.#cursor?.oldestUnreadAtMs;
    return since === undefined ? 0 : Math.max(0, this.#options.clock.now() - since);
  }

  /** Goes on behind what `log` was loaded with. */
  continueAfter(sequence: number): void {
    this.#written = sequence;
    this.#baseSequence = this.#options.log.floor;
    this.#cursor = this.#cursorAfter(sequence);
    this.#writtenLogBytes = this.#options.log.appendedBytes;
    this.#needsBase = false;
  }

  /** Begins anew with as much as the log has: what is kept is gone, or belongs to the upstream session before. */
  restart(): void {
    this.#needsBase = true;
    this.#cursor = undefined;
    this.#schedule(0);
  }

  /** The log has grown. Cheap: called for every dispatch. */
  notify(): void {
    const { log, flushBytes, flushIntervalMs } = this.#options;
    if (this.#flushing) return;
    if (this.#timer === undefined) this.#schedule(this.#isHastened ? 0 : flushIntervalMs);
    else if (log.appendedBytes - this.#writtenLogBytes >= flushBytes && this.#failures === 0) this.#flush();
  }

  /** What has just been logged, or will be next, should not wait: without it a crash would cost more than a replay. */
  hasten(): void {
    this.#isHastened = true;
    if (!this.#flushing && this.#failures === 0 && this.#written < this.#options.log.head) this.#schedule(0);
  }

  /** Writes what is left and stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#cancelTimer();
    await this.#flushing;
    this.#flush();
    await this.#flushing;
    this.#closed = true;
    this.#cancelTimer();
  }

  /** Stops without writing what is left. */
  [Symbol.dispose](): void {
    this.#closed = true;
    this.#cancelTimer();
  }

  #cancelTimer(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #schedule(delayMs: number): void {
    if (this.#closed) return;
    this.#cancelTimer();
    this.#timer = this.#options.clock.setTimer(() => {
      this.#timer = undefined;
      this.#flush();
    }, delayMs);
  }

  #flush(): void {
    if (this.#flushing || this.#closed) return;
    this.#isHastened = false;
    this.#flushing = this.#writeAll().then(
      () => {
        this.#flushing = undefined;
        if (this.#failures > 0) this.#options.onRecovered();
        this.#failures = 0;
        if (this.#needsBase || this.#written < this.#options.log.head)
          this.#schedule(this.#isHastened ? 0 : this.#options.flushIntervalMs);
      },
      (error: unknown) => {
        this.#flushing = undefined;
        this.counts.errors++;
        if (this.#failures++ === 0) this.#options.onFailing(reasonOf(error), error);
        this.#writingSinceMs = undefined;
        // The cursor has passed what was not written; begin again behind what was.
        this.#cursor = this.#needsBase ? undefined : this.#cursorAfter(this.#written);
        this.#schedule(backoffMs(this.#failures, 0, RETRY));
      },
    );
  }

  async #writeAll(): Promise<void> {
    const { log, store } = this.#options;
    this.#reposition();
    if (this.#needsBase) {
      const unwritten = this.#options.stateChanges?.read();
      const base = this.#base(this.#written);
      this.#needsBase = false;
      try {
        await store.begin(base);
        unwritten?.written();
        this.#baseSequence = base.sequence;
        this.#options.onWritten?.();
      } catch (error) {
        this.#needsBase = true;
        throw error;
      }
    }
    // Up to here and no further: what arrives meanwhile is worth a chunk of its own, later.
    const target = log.head;
    while (this.#written < target && !this.#needsBase && !this.#closed) await this.#writeChunk();
  }

  /** Puts the cursor where the next chunk begins; where the log no longer has that, starts the tail over. */
  #reposition(): void {
    const { log } = this.#options;
    const backlog = log.appendedBytes - this.#writtenLogBytes;
    const isBehind = backlog > MAX_BACKLOG_BYTES || this.#cursor?.isLost === true;
    if (this.#cursor && !isBehind && !this.#needsBase) return;
    this.#cursor = isBehind || this.#needsBase ? undefined : this.#cursorAfter(this.#written);
    if (this.#cursor) return;
    if (!this.#needsBase) this.counts.skips++;
    this.#needsBase = true;
    this.#written = log.sequenceBefore(MAX_BACKLOG_BYTES);
    this.#cursor = this.#cursorAfter(this.#written);
    this.#writtenLogBytes = log.appendedBytes;
  }

  async #writeChunk(): Promise<void> {
    const { log, store, clock, compressor, stateChanges } = this.#options;
    const cursor = this.#cursor;
    if (!cursor) return;
    const appendedBytes = log.appendedBytes;
    this.#writingSinceMs = cursor.oldestUnreadAtMs;
    const { runs, bytes, addressed } = this.#readRuns(cursor);
    // All read: numbers without a record (RESUMED) behind the last one are passed as well.
    const isAtHead = cursor.oldestUnreadAtMs === undefined;
    const lastSequence = isAtHead ? log.head : cursor.sequence;
    // They are as of now, so they may not stand before records that have happened already.
    const unwritten = isAtHead ? stateChanges?.read() : undefined;
    const notes = encodeNotes({ addressed, changes: unwritten?.changes });
    const compressed = compressor.compress(notes ? [notes, ...runs] : runs);
    const chunk = { afterSequence: this.#written, lastSequence, writtenAtMs: clock.now(), compressed };
    await store.append(chunk, () => this.#base(chunk.afterSequence));
    unwritten?.written();
    this.#writingSinceMs = undefined;
    this.#written = lastSequence;
    this.#writtenLogBytes = isAtHead ? appendedBytes : this.#writtenLogBytes + bytes;
    this.counts.chunks++;
    this.counts.bytes += compressed.length;
    if (cursor !== this.#cursor) this.#needsBase = true;
    this.#options.onWritten?.();
  }

  #readRuns(cursor: Cursor) {
    const runs: Buffer[] = [];
    const addressed: Addressed[] = [];
    let bytes = 0;
    for (let run = cursor.read(MAX_CHUNK_BYTES); run; run = cursor.read(MAX_CHUNK_BYTES - bytes)) {
      runs.push(run);
      addressed.push(...cursor.addressed);
      bytes += run.length;
      if (bytes >= MAX_CHUNK_BYTES) break;
    }
    return { runs, bytes, addressed };
  }

  /** Of all there is, whoever it is for. */
  #cursorAfter(sequence: number): Cursor | undefined {
    return this.#options.log.cursorAfter(sequence, EVERYTHING);
  }

  #base(sequence: number): TailBase {
    return { sequence, state: this.#options.state() };
  }
}
