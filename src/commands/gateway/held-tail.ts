/**
 * The tail of one shard at this node, written while the shard's lease is ours. It may be closed and opened again (a move that did
 * not come about, another epoch), and then goes on behind what is written.
 */
import { LeaseLostError, type OpenTail } from '../../cluster/index.ts';
import type { TailProgress } from '../../guilds/index.ts';
import { type EventLog, type StateChanges, Tail, type TailCompressor } from '../../log/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { UpstreamLog } from '../../upstream/index.ts';

export interface HeldTailOptions {
  readonly log: EventLog;
  readonly tailFlush: { readonly intervalMs: number; readonly bytes: number };
  readonly tailCompressor: TailCompressor;
  readonly clock: Clock;
  readonly logger: UpstreamLog;
}

/** What a chunk takes where it is stored, beside itself. */
const BYTES_BESIDE_CHUNK = 256;

export class HeldTail implements TailProgress {
  /** It was written, or has begun anew. */
  onWritten: () => void = () => undefined;
  readonly #options: HeldTailOptions;
  /** What goes with each chunk. */
  readonly #state: () => Readonly<Record<string, unknown>>;
  readonly #stateChanges: StateChanges | undefined;
  #open: { readonly tail: Tail; readonly store: OpenTail } | undefined;
  #closing: Promise<boolean> | undefined;
  /** Up to which sequence the stored tail has everything; `undefined`: it has to begin anew. */
  #writtenSequence: number | undefined;

  constructor(
    options: HeldTailOptions,
    state: () => Readonly<Record<string, unknown>>,
    stateChanges?: StateChanges,
  ) {
    this.#options = options;
    this.#state = state;
    this.#stateChanges = stateChanges;
  }

  /** What is being written, for its readings. */
  get written(): Tail | undefined {
    return this.#open?.tail;
  }

  /** What it takes up in the store; `undefined` while none is written. */
  get bytes(): number | undefined {
    return this.#open?.store.bytes;
  }

  get writtenSequence(): number | undefined {
    return this.#open?.tail.writtenSequence;
  }

  get baseSequence(): number {
    return this.#open?.tail.baseSequence ?? 0;
  }

  get writtenBytes(): number {
    const { bytes = 0, chunks = 0 } = this.#open?.tail.counts ?? {};
    return bytes + chunks * BYTES_BESIDE_CHUNK;
  }

  /** Goes on writing behind what the log holds of it. */
  open(store: OpenTail): void {
    const { log, tailFlush, tailCompressor, clock, logger } = this.#options;
    const tail = new Tail({
      log,
      store,
      clock,
      compressor: tailCompressor,
      flushIntervalMs: tailFlush.intervalMs,
      flushBytes: tailFlush.bytes,
      state: this.#state,
      stateChanges: this.#stateChanges,
      onFailing: (reason, error) => {
        // The shard goes with the next renewal, which says so; until then it is the new owner that writes.
        if (error instanceof LeaseLostError) return;
        logger.warn(
          { reason },
          'the tail can not be written; events flow on, but a restart now would lose some',
        );
      },
      onRecovered: () => logger.info({}, 'the tail is written again'),
      onWritten: () => this.onWritten(),
    });
    if (this.#writtenSequence !== undefined) tail.continueAfter(this.#writtenSequence);
    this.#open = { tail, store };
  }

  /** Writes it to its end. Resolves with whether all of it could be written. */
  close(): Promise<boolean> {
    this.#closing ??= this.#close().finally(() => {
      this.#closing = undefined;
    });
    return this.#closing;
  }

  async #close(): Promise<boolean> {
    if (!this.#open) return true;
    const { tail, store } = this.#open;
    this.#open = undefined;
    await tail[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    this.#writtenSequence = tail.writtenSequence;
    return this.#writtenSequence !== undefined && this.#writtenSequence >= this.#options.log.head;
  }

  /** Writes no more: it is another node's. */
  abandon(): void {
    const open = this.#open;
    this.#open = undefined;
    open?.tail[Symbol.dispose]();
    void open?.store[Symbol.asyncDispose]();
  }

  /** All that the log holds was read from the stored one. */
  continueAfterLog(): void {
    this.#writtenSequence = this.#options.log.head;
  }

  /** What is stored is of no use any more. */
  beginAnew(): void {
    this.#writtenSequence = undefined;
    this.#open?.tail.restart();
  }

  /** On the hot path: something was appended to the log. */
  notify(): void {
    this.#open?.tail.notify();
  }

  /** What was just appended, or will be next, should be written at once. */
  hasten(): void {
    this.#open?.tail.hasten();
  }
}
