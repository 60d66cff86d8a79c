/**
 * The body of a worker's request. A small one is read before the request waits, so that it can be sent again; a large one stays in the
 * socket until it is sent, and then flows as fast as Discord takes it.
 */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { Clock } from '../../runtime/clock.ts';
import type { YoungGarbage } from '../../runtime/young-garbage.ts';
import type { HeldBytes } from './held-bytes.ts';

export interface RequestBodyOptions {
  readonly maxSmallBytes: number;
  readonly stallTimeoutMs: number;
  readonly held: HeldBytes;
  readonly clock: Clock;
  readonly garbage: Pick<YoungGarbage, 'add'>;
}

/** The worker sent nothing of the body for too long. */
export class BodyStalledError extends Error {
  override readonly name = 'BodyStalledError';
}

export class WorkerGoneError extends Error {
  override readonly name = 'WorkerGoneError';

  constructor() {
    super('the worker went away');
  }
}

type State =
  | { readonly kind: 'unread' }
  /** All of it. */
  | { readonly kind: 'whole'; readonly bytes: Buffer | null }
  /** The first of it was read, and is first to be sent. */
  | { readonly kind: 'begun'; readonly first: readonly Buffer[] }
  /** Some of it has gone to Discord: it can't be had again. */
  | { readonly kind: 'taken' };

export class RequestBody implements Disposable {
  readonly #request: IncomingMessage;
  readonly #options: RequestBodyOptions;
  /** `undefined` where it comes in chunks. */
  readonly length: number | undefined;
  #state: State;
  #heldBytes = 0;
  #streamedBytes = 0;

  constructor(request: IncomingMessage, options: RequestBodyOptions) {
    this.#request = request;
    this.#options = options;
    const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
    // The parser has seen to it that it is a number, and that there is only one of the two.
    this.length = coding === undefined ? Number(length ?? 0) : undefined;
    this.#state = this.length === 0 ? { kind: 'whole', bytes: null } : { kind: 'unread' };
  }

  /** Whether it can be sent, be it again. */
  get isUntouched(): boolean {
    return this.#state.kind !== 'taken';
  }

  get isEmpty(): boolean {
    return this.length === 0;
  }

  /** Whether some or all of it is still in the socket. */
  get isWaiting(): boolean {
    return this.#state.kind !== 'whole';
  }

  /** All of it, once it is read. */
  get whole(): Buffer | null | undefined {
    return this.#state.kind === 'whole' ? this.#state.bytes : undefined;
  }

  /** What it takes in memory. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Reads it, if it is small and there is room for it in memory; at once where all of it has come. Rejects with a
   * `BodyStalledError`, or with the error of a connection that broke.
   */
  hold(): Promise<void> | undefined {
    const { maxSmallBytes, held } = this.#options;
    if (this.#state.kind !== 'unread' || (this.length ?? 0) > maxSmallBytes) return undefined;
    const reserved = this.length ?? maxSmallBytes;
    if (!held.take(reserved)) return undefined;
    this.#heldBytes = reserved;
    if (!this.#request.complete || this.#request.destroyed) return this.#holdLater();
    // Nobody has read of it, so all of it is there. The reason for the cast: no encoding is set.
    const all = this.#request.read() as Buffer | null;
    this.#take(all ? [all] : [], (all?.length ?? 0) <= maxSmallBytes);
    return undefined;
  }

  /** What to send. Streams are good for one sending. */
  source(): Buffer | Readable | null {
    const state = this.#state;
    if (state.kind === 'whole') return state.bytes;
    if (state.kind === 'taken') throw new Error('this body was sent in part and can not be sent again');
    return new BodyStream(this.#request, state.kind === 'begun' ? state.first : [], {
      ...this.#options,
      onTaken: (bytes) => {
        this.#state = { kind: 'taken' };
        this.#streamedBytes += bytes;
        this.#options.garbage.add(bytes);
      },
    });
  }

  /** Bytes that went to Discord as a stream since the last time. */
  takeStreamedBytes(): number {
    const bytes = this.#streamedBytes;
    this.#streamedBytes = 0;
    return bytes;
  }

  /** It is not needed any more. */
  [Symbol.dispose](): void {
    this.#options.held.giveBack(this.#heldBytes);
    this.#heldBytes = 0;
  }

  async #holdLater(): Promise<void> {
    const { chunks, isWhole } = await this.#read(this.#options.maxSmallBytes);
    this.#take(chunks, isWhole);
  }

  #take(chunks: readonly Buffer[], isWhole: boolean): void {
    this.#state = isWhole ? { kind: 'whole', bytes: joined(chunks) } : { kind: 'begun', first: chunks };
  }

  /** Up to `maxBytes`, and what comes with the last of them. */
  #read(maxBytes: number): Promise<{ readonly chunks: Buffer[]; readonly isWhole: boolean }> {
    const request = this.#request;
    const { clock, stallTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const finish = (settle: () => void) => {
        timer[Symbol.dispose]();
        request.off('data', onData).off('end', onEnd).off('close', onClose);
        settle();
      };
      const onData = (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes <= maxBytes) return;
        request.pause();
        finish(() => resolve({ chunks, isWhole: false }));
      };
      const onEnd = () => finish(() => resolve({ chunks, isWhole: true }));
      const onClose = () => finish(() => reject(new WorkerGoneError()));
      // Of all of it, as it is small.
      const timer = clock.setTimer(
        () => finish(() => reject(new BodyStalledError('a small body did not arrive in time'))),
        stallTimeoutMs,
      );
      request.on('data', onData).on('end', onEnd).on('close', onClose);
      if (request.destroyed) onClose();
    });
  }
}

function joined(chunks: readonly Buffer[]): Buffer {
  const [only, ...others] = chunks;
  return only && others.length === 0 ? only : Buffer.concat(chunks);
}

interface BodyStreamOptions extends RequestBodyOptions {
  readonly onTaken: (bytes: number) => void;
}

/** Of its own, because undici destroys what it was given when something goes wrong, and the worker is still to be answered. */
class BodyStream extends Readable {
  readonly #request: IncomingMessage;
  readonly #options: BodyStreamOptions;
  readonly #first: Buffer[];
  #isListening = false;
  #stall: Disposable | undefined;

  constructor(request: IncomingMessage, first: readonly Buffer[], options: BodyStreamOptions) {
    super();
    this.#request = request;
    this.#first = [...first];
    this.#options = options;
  }

  override _read(): void {
    const next = this.#first.shift();
    if (next) {
      this.#options.onTaken(next.length);
      this.push(next);
      return;
    }
    if (!this.#isListening) this.#listen();
    this.#stall ??= this.#options.clock.setTimer(() => this.#onStall(), this.#options.stallTimeoutMs);
    this.#request.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#unlisten();
    callback(error);
  }

  readonly #onData = (chunk: Buffer) => {
    this.#calm();
    this.#options.onTaken(chunk.length);
    if (!this.push(chunk)) this.#request.pause();
    else this.#stall = this.#options.clock.setTimer(() => this.#onStall(), this.#options.stallTimeoutMs);
  };
  readonly #onEnd = () => {
    // A request closes after its end, too.
    this.#unlisten();
    this.push(null);
  };
  readonly #onClose = () => this.destroy(new WorkerGoneError());

  #listen(): void {
    this.#isListening = true;
    this.#request.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose);
    if (this.#request.readableEnded) this.#onEnd();
    else if (this.#request.destroyed) this.#onClose();
  }

  #unlisten(): void {
    this.#calm();
    if (!this.#isListening) return;
    this.#request.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    this.#request.pause();
  }

  #calm(): void {
    this.#stall?.[Symbol.dispose]();
    this.#stall = undefined;
  }

  #onStall(): void {
    this.#stall = undefined;
    this.destroy(new BodyStalledError('the worker stopped sending'));
  }
}
