/**
 * A worker's connection, whatever becomes of its session: HELLO, heartbeats, how large and how many its payloads may be, and how
 * it is closed. Owns the WebSocket; the session is worker-connection.ts.
 */
import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { MAX_SEND_BYTES, SEND_WINDOW_MS, SENDS_PER_WINDOW } from '../protocol/limits.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { Clock } from '../runtime/clock.ts';
import { SlidingWindow } from '../runtime/sliding-window.ts';
import type { WorkerCounts } from './counts.ts';
import { readWorkerPayload, type WorkerPayload } from './payloads.ts';
import { type Rejection, Rejections } from './rejection.ts';

export interface WorkerLinkOptions {
  readonly webSocket: WebSocket;
  /** The socket under `webSocket`. Finished frames go straight to it, always whole, between those that `ws` writes. */
  readonly socket: Duplex;
  readonly heartbeatIntervalMs: number;
  readonly clock: Clock;
  readonly counts: WorkerCounts;
  readonly listener: WorkerLinkListener;
}

/** Called synchronously, and not any more after `onClosed`. */
export interface WorkerLinkListener {
  /** `message` is the payload as it came. */
  onPayload(payload: SessionPayload, message: Message): void;
  /** It has been acknowledged. */
  onHeartbeat(acknowledged: number | null): void;
  /** The socket takes more. */
  onDrain(): void;
  /** We close, for this reason: nothing can be sent any more. */
  onClosing(rejection: Rejection): void;
  /** The connection is over; with what the worker closed it, 1005 or 1006 where it gave no code. */
  onClosed(code: number, reason: string): void;
}

/** A message as it came. */
export interface Message {
  readonly bytes: Buffer;
  readonly isBinary: boolean;
}

/** What concerns the session. */
export type SessionPayload = Extract<WorkerPayload, { kind: 'identify' | 'resume' | 'command' }>;

/** Heartbeat intervals without a heartbeat until a worker counts as gone. */
const SILENT_INTERVALS = 2;

/** How long a worker may take to answer our close, or to read what is before it. */
const CLOSE_TIMEOUT_MS = 5_000;

/** Control payloads, heartbeat ACKs above all, that may wait for a worker that does not read: no cursor holds them back. */
const MAX_UNSENT_CONTROL_BYTES = 64 * 1024;

export class WorkerLink {
  readonly #options: WorkerLinkOptions;
  readonly #sends = new SlidingWindow(SENDS_PER_WINDOW, SEND_WINDOW_MS);
  readonly #onDrain: () => void;
  #silence: Disposable;
  /** Since the socket was last empty. */
  #unsentControlBytes = 0;
  #isClosing = false;
  /** Takes what the worker sends, as it is, instead of us. */
  #relay: ((message: Message) => void) | undefined;
  /** Sequence in the worker's last heartbeat: what it says it has. */
  acknowledgedSequence: number | null = null;

  constructor(options: WorkerLinkOptions) {
    this.#options = options;
    const { webSocket, socket, heartbeatIntervalMs, listener } = options;
    this.#onDrain = () => listener.onDrain();
    this.#silence = this.#watchSilence();
    webSocket.on('message', (message, isBinary) => this.#onMessage(message, isBinary));
    webSocket.on('close', (code, reason) => this.#onClosed(code, reason.toString()));
    // A frame that `ws` can't read. It has sent its close by now; broken connections only bring 'close'.
    webSocket.on('error', (fault) => this.close(Rejections.unreadableFrame(fault)));
    socket.on('drain', this.#onDrain);
    this.sendControl(Opcode.Hello, { heartbeat_interval: heartbeatIntervalMs, _trace: ['shardmux'] });
  }

  /** Whether frames may be written: not behind a close frame, ours or the answer to the worker's. */
  get isOpen(): boolean {
    return this.#options.webSocket.readyState === this.#options.webSocket.OPEN;
  }

  get unsentBytes(): number {
    return this.#options.socket.writableLength;
  }

  send(payload: string): void {
    if (this.isOpen) this.#options.webSocket.send(payload);
  }

  /** Passes on what another node has sent. */
  pass({ bytes, isBinary }: Message): void {
    if (this.isOpen) this.#options.webSocket.send(bytes, { binary: isBinary });
  }

  /** Whether more than that waits for the worker to read: `onDrain` follows. */
  isBehind(maxUnsentBytes: number): boolean {
    const { socket } = this.#options;
    return socket.writableNeedDrain && socket.writableLength > maxUnsentBytes;
  }

  /**
   * From now on messages go to `relay`, unread, heartbeats too: whoever is behind it answers them, and judges them. `undefined` ends
   * that.
   */
  relayTo(relay: ((message: Message) => void) | undefined): void {
    this.#relay = relay;
  }

  /** Stops reading from the worker. */
  pause(): void {
    this.#options.webSocket.pause();
  }

  resume(): void {
    this.#options.webSocket.resume();
  }

  sendControl(op: number, d: unknown): void {
    const payload = JSON.stringify({ t: null, s: null, op, d });
    this.#unsentControlBytes = this.unsentBytes === 0 ? 0 : this.#unsentControlBytes + payload.length;
    if (this.#unsentControlBytes > MAX_UNSENT_CONTROL_BYTES) this.close(Rejections.tooSlow());
    else this.send(payload);
  }

  close(rejection: Rejection): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const { webSocket, clock, counts, listener } = this.#options;
    counts.closed(rejection.code);
    listener.onClosing(rejection);
    this.#silence[Symbol.dispose]();
    // While it is paused, the worker's answer would not be read.
    webSocket.resume();
    webSocket.close(rejection.code, rejection.reason);
    const cut = clock.setTimer(() => webSocket.terminate(), CLOSE_TIMEOUT_MS);
    webSocket.once('close', () => cut[Symbol.dispose]());
  }

  /** Closes a worker that has not read what it was sent by the time the returned timer is due. */
  closeUnlessRead(): Disposable {
    return this.#options.clock.setTimer(() => {
      if (this.unsentBytes > 0) this.close(Rejections.tooSlow());
    }, CLOSE_TIMEOUT_MS);
  }

  /** Gives the socket back as soon as it has taken what was written: behind a close, without the worker's answer. */
  endSocket(): void {
    this.#options.socket.end(() => this.terminate());
  }

  terminate(): void {
    this.#options.webSocket.terminate();
  }

  #onMessage(message: RawData, isBinary: boolean): void {
    if (this.#isClosing) return;
    const { counts, clock } = this.#options;
    // `ws` gives one Buffer unless asked for something else.
    const bytes = message as Buffer;
    counts.received++;
    if (this.#relay) {
      this.#heard();
      return this.#relay({ bytes, isBinary });
    }
    if (bytes.length > MAX_SEND_BYTES) return this.close(Rejections.oversized(bytes.length, MAX_SEND_BYTES));
    if (!this.#sends.take(clock.now()))
      return this.close(Rejections.rateLimited(SENDS_PER_WINDOW, SEND_WINDOW_MS));
    const payload = readWorkerPayload(bytes);
    if (payload.kind === 'rejected') this.close(payload.rejection);
    else if (payload.kind === 'heartbeat') this.#onHeartbeat(payload.acknowledged);
    else this.#options.listener.onPayload(payload, { bytes, isBinary });
  }

  #onHeartbeat(acknowledged: number | null): void {
    this.acknowledgedSequence = acknowledged;
    this.#heard();
    this.sendControl(Opcode.HeartbeatAck, null);
    this.#options.listener.onHeartbeat(acknowledged);
  }

  #heard(): void {
    this.#silence[Symbol.dispose]();
    this.#silence = this.#watchSilence();
  }

  #watchSilence(): Disposable {
    const silentMs = this.#options.heartbeatIntervalMs * SILENT_INTERVALS;
    return this.#options.clock.setTimer(() => this.close(Rejections.heartbeatTimeout(silentMs)), silentMs);
  }

  #onClosed(code: number, reason: string): void {
    const { counts, socket, listener } = this.#options;
    if (!this.#isClosing) counts.closedByWorker();
    this.#isClosing = true;
    this.#silence[Symbol.dispose]();
    socket.off('drain', this.#onDrain);
    listener.onClosed(code, reason);
  }
}
