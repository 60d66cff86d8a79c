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
    const socket = this.#socket;
    while (!this.cursor.isLost) {
      const room = this.#maxUnsentBytes - socket.writableLength;
      if (socket.writableNeedDrain || room <= 0) return 'blocked';
      const frames = this.cursor.read(Math.min(MAX_WRITE_BYTES, room), lastSequence);
      if (!frames) return 'done';
      socket.write(frames);
    }
    return 'lost';
  }
}
