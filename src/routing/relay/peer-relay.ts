/**
 * Connections to other nodes for workers that landed on the wrong one: dials, swallows HELLO, and passes messages. Knows nothing
 * of what they say; which node is dialled, and what becomes of the worker, is decided in `workers/`.
 */
import { WebSocket } from 'ws';
import type { Clock } from '../../runtime/clock.ts';
import { type PeerIdentity, signPeerRequest } from './peer-header.ts';

export interface PeerRelayOptions extends PeerIdentity {
  readonly clock: Clock;
}

export interface DialRequest {
  /** `host:port`. */
  readonly address: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export type DialFailure = 'unreachable' | 'timed-out' | 'refused' | 'cut-off';

/** Called never while `dial` runs, never after `onFailed` or `onClosed`, and not any more once we have closed. */
export interface PeerLinkListener {
  onOpen(): void;
  onMessage(bytes: Buffer, isBinary: boolean): void;
  onDrain(): void;
  onFailed(failure: DialFailure, detail: string): void;
  onClosed(code: number, reason: string): void;
}

/** From dialling to HELLO: a node in the same network answers at once, or it hangs. */
export const HELLO_TIMEOUT_MS = 2_000;

/** How long the other node may take to answer our close. */
const CLOSE_TIMEOUT_MS = 5_000;

/** What may wait to be sent to the other node before `isFull`; one message may come on top. */
const MAX_UNSENT_BYTES = 64 * 1024;

/** As large as a dispatch of Discord may be to a node. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway-gateway-opcodes */
const HELLO_OPCODE = 10;

/** Close codes that say how a connection ended without one; they can not be sent. RFC 6455, 7.4.1. */
const NO_CODE = 1005;
const ABNORMAL = 1006;
const GOING_AWAY = 1001;

export class PeerRelay {
  readonly #options: PeerRelayOptions;

  constructor(options: PeerRelayOptions) {
    this.#options = options;
  }

  dial({ address, path, headers }: DialRequest, listener: PeerLinkListener): PeerLink {
    const url = `ws://${address}${path}?v=10&encoding=json`;
    if (!URL.canParse(url)) {
      queueMicrotask(() => listener.onFailed('unreachable', `"${address}" is no address`));
      return NO_LINK;
    }
    const { clock } = this.#options;
    const signed = { ...headers, ...signPeerRequest(this.#options, path) };
    return new DialledLink(connect(url, signed), clock, listener);
  }
}

/** Disposing of it closes it, as one closes that goes away. */
export interface PeerLink extends Disposable {
  /** Whether as much as may waits to be sent: `onDrain` follows. */
  readonly isFull: boolean;
  send(bytes: Buffer | string, isBinary: boolean): void;
  /** Stops reading; what has arrived already may still come. */
  pause(): void;
  resume(): void;
  /** 1005 and 1006 say that there is no code to pass on. */
  close(code: number, reason: string): void;
}

const NO_LINK: PeerLink = {
  isFull: false,
  send() {},
  pause() {},
  resume() {},
  close() {},
  [Symbol.dispose]() {},
};

function connect(url: string, headers: Record<string, string>): WebSocket {
  return new WebSocket(url, {
    headers,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    // What comes is passed on as it is; the worker looks at it.
    skipUTF8Validation: true,
  });
}

class DialledLink implements PeerLink {
  readonly #clock: Clock;
  readonly #listener: PeerLinkListener;
  readonly #socket: WebSocket;
  /** Ends the dialling, or the closing. */
  #timer: Disposable;
  #phase: 'dialling' | 'open' | 'over' = 'dialling';
  #isFull = false;
  readonly #onSent = () => {
    if (!this.#isFull || this.#socket.bufferedAmount > MAX_UNSENT_BYTES) return;
    this.#isFull = false;
    if (this.#phase === 'open') this.#listener.onDrain();
  };

  constructor(socket: WebSocket, clock: Clock, listener: PeerLinkListener) {
    this.#socket = socket;
    this.#clock = clock;
    this.#listener = listener;
    const timeout = () => this.#fail('timed-out', `no HELLO within ${HELLO_TIMEOUT_MS} ms`);
    this.#timer = this.#clock.setTimer(timeout, HELLO_TIMEOUT_MS);
    this.#listen();
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  send(bytes: Buffer | string, isBinary: boolean): void {
    if (this.#phase !== 'open') return;
    this.#socket.send(bytes, { binary: isBinary }, this.#onSent);
    if (this.#socket.bufferedAmount > MAX_UNSENT_BYTES) this.#isFull = true;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(code: number, reason: string): void {
    if (this.#phase === 'over') return;
    const isOpen = this.#phase === 'open';
    this.#end();
    if (!isOpen || code === ABNORMAL) return this.#socket.terminate();
    // While it is paused, the answer to our close would not be read.
    this.#socket.resume();
    if (code === NO_CODE) this.#socket.close();
    else this.#socket.close(code, reason);
    this.#timer = this.#clock.setTimer(() => this.#socket.terminate(), CLOSE_TIMEOUT_MS);
  }

  [Symbol.dispose](): void {
    this.close(GOING_AWAY, '');
  }

  #listen(): void {
    const socket = this.#socket;
    socket.on('message', (message, isBinary) => this.#onMessage(message as Buffer, isBinary));
    socket.on('error', (error) => this.#fail('unreachable', error.message));
    socket.on('unexpected-response', (request, response) => {
      this.#fail('refused', `HTTP ${response.statusCode}`);
      request.destroy();
    });
    socket.on('close', (code, reason) => this.#onClosed(code, reason.toString()));
  }

  #onMessage(bytes: Buffer, isBinary: boolean): void {
    if (this.#phase === 'open') return this.#listener.onMessage(bytes, isBinary);
    if (this.#phase === 'over') return;
    if (!isHello(bytes)) return this.#fail('cut-off', 'the first message was not HELLO');
    this.#timer[Symbol.dispose]();
    this.#phase = 'open';
    this.#listener.onOpen();
  }

  #onClosed(code: number, reason: string): void {
    if (this.#phase === 'open') {
      this.#end();
      this.#listener.onClosed(code, reason);
    } else {
      this.#fail('cut-off', `closed with ${code} before HELLO`);
      this.#timer[Symbol.dispose]();
    }
  }

  /** Does nothing once HELLO has come. */
  #fail(failure: DialFailure, detail: string): void {
    if (this.#phase !== 'dialling') return;
    this.#end();
    this.#socket.terminate();
    this.#listener.onFailed(failure, detail);
  }

  #end(): void {
    this.#phase = 'over';
    this.#timer[Symbol.dispose]();
  }
}

function isHello(bytes: Buffer): boolean {
  try {
    return (JSON.parse(bytes.toString('utf8')) as { op?: unknown } | null)?.op === HELLO_OPCODE;
  } catch {
    return false;
  }
}
