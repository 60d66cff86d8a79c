/**
 * Moves records from a cursor to a worker's socket, as bytes, as fast as the socket takes them. On the hot path. The
 * unsent bytes of a connection are bounded by not reading further: the log is the queue.
 */
import type { Duplex } from 'node:stream';
import type { WorkerCursor } from './ports.ts';

/** One write: large enough to be cheap, small enough to be fair among the workers of a node. */
const MAX_WRITE_BYTES = 256 * 1024;

export type PumpResult =
  /** Everything up to `lastSequence` is written. */
  | 'done'
  /** The socket is full: pump again at its 'drain'. */
  | 'blocked'
  /** What comes next has left the log. */
  | 'lost';

export class Delivery {
  readonly cursor: WorkerCursor;
  readonly #socket: Duplex;
  readonly #maxUnsentBytes: number;

  constructor(cursor: WorkerCursor, socket: Duplex, maxUnsentBytes: number) {
    this.cursor = cursor;
    this.#socket = socket;
    // Below its own high-water mark a socket never says 'drain', and a pump that stopped there would not be called again.
    this.#maxUnsentBytes = Math.max(maxUnsentBytes, socket.writableHighWaterMark);
  }

  pump(lastSequence?: number): PumpResult {
    while (!this.cursor.isLost) {
      const { room } = this;
      if (room <= 0) return 'blocked';
      const frames = this.cursor.read(Math.min(MAX_WRITE_BYTES, room), lastSequence);
      if (!frames) return 'done';
      this.#socket.write(frames);
    }
    return 'lost';
  }

  /** How much the socket takes now. Where that is nothing, its 'drain' follows. Unit: bytes. */
  get room(): number {
    const { writableNeedDrain, writableLength } = this.#socket;
    return writableNeedDrain ? 0 : this.#maxUnsentBytes - writableLength;
  }

  /** Writes a frame that is not the log's, or its parts, in one go with those of the same turn of the event loop. */
  write(...parts: readonly Buffer[]): void {
    const socket = this.#socket;
    socket.cork();
    for (const part of parts) socket.write(part);
    queueMicrotask(() => socket.uncork());
  }
}
