/**
 * One client connection: frames in and out, its limits, its end. What the payloads mean is dialogue.ts.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { CloseCode } from '../protocol/close-codes.ts';
import type { TransportCompression } from '../protocol/compression.ts';
import { SENDS_PER_WINDOW } from '../protocol/limits.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { monotonicMs } from './clock.ts';
import { createEncoder, type Encoder, payloadEncoder } from './encoders.ts';
import type { ParsedFault } from './faults.ts';
import { helloBody } from './payloads/ready.ts';
import { parseFrame } from './rules/client-payloads.ts';
import { HeartbeatWatch } from './rules/heartbeat-watch.ts';
import { SlidingWindow } from './rules/sliding-window.ts';
import type { Session, SessionConnection } from './session.ts';
import type { ViolationKind } from './violations.ts';

/** A client that leaves this much unread is disconnected; large enough for the bursts that tests ask for. */
const MAX_UNSENT_BYTES = 1024 * 1024 * 1024;

export type ConnectionPhase =
  | { kind: 'unauthenticated' }
  | { kind: 'readying'; shard: number }
  | { kind: 'live'; session: Session }
  | { kind: 'closed' };

export interface ConnectionOptions {
  socket: Duplex;
  webSocket: WebSocket;
  compression: TransportCompression;
  path: string;
  heartbeatIntervalMs: number;
  sendWindowMs: number;
  onPayload(connection: Connection, op: unknown, d: unknown): void;
  onViolation(kind: ViolationKind, shard: number | null, detail: string): void;
  /** The connection is over; `clientCode` is there when it was not us who closed. */
  onClosed(connection: Connection, session: Session | undefined, clientCode: number | undefined): void;
  onTooSlow(): void;
}

export class Connection implements SessionConnection {
  readonly path: string;
  readonly heartbeats: HeartbeatWatch;
  phase: ConnectionPhase = { kind: 'unauthenticated' };
  /** The shard of its IDENTIFY or RESUME, for the record. */
  shard: number | null = null;
  /** Sequence of the last dispatch sent here. */
  sentSequence = 0;
  #isSilent = false;
  #isReading = true;
  #encoder: Encoder;
  readonly #sends: SlidingWindow;
  readonly #options: ConnectionOptions;
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.path = options.path;
    this.#encoder = createEncoder(options.compression);
    this.#sends = new SlidingWindow(SENDS_PER_WINDOW, options.sendWindowMs);
    this.heartbeats = new HeartbeatWatch(options.heartbeatIntervalMs, monotonicMs());
    const { webSocket } = options;
    webSocket.on('message', (data) => this.#receive(data as Buffer));
    webSocket.on('error', (error) => this.#failed(error));
    webSocket.on('close', (code) => this.#finish(code));
    this.send(Opcode.Hello, helloBody(options.heartbeatIntervalMs));
  }

  get unsentBytes(): number {
    return this.#options.webSocket.bufferedAmount;
  }

  get session(): Session | undefined {
    return this.phase.kind === 'live' ? this.phase.session : undefined;
  }

  /** Whether the client can be blamed for silence: not while we don't listen. */
  get isListening(): boolean {
    return this.#isReading && this.phase.kind !== 'closed';
  }

  /** `compress: true` in IDENTIFY; a transport compression wins over it. */
  usePayloadCompression(): void {
    if (this.#options.compression === 'none') this.#encoder = payloadEncoder;
  }

  /** Sends a payload that is no dispatch. */
  send(op: number, d: unknown): void {
    this.#write(Buffer.from(`{"t":null,"s":null,"op":${op},"d":${JSON.stringify(d)}}`));
  }

  /** Runs per dispatch. */
  sendDispatch(payload: Buffer, sequence: number): void {
    if (this.#isSilent || this.phase.kind === 'closed') return;
    this.sentSequence = sequence;
    this.#write(payload);
  }

  close(code: number, reason: string): void {
    if (this.phase.kind === 'closed') return;
    // A client that is not read from can't answer a close.
    if (this.#isReading) this.#options.webSocket.close(code, reason);
    else this.#options.webSocket.terminate();
    this.#finish(undefined);
  }

  /** Drops the connection with all that is in flight. */
  terminate(): void {
    this.#options.webSocket.terminate();
    this.#finish(undefined);
  }

  replaced(): void {
    this.phase = { kind: 'unauthenticated' };
    this.close(CloseCode.UnknownError, 'another connection has taken this session');
  }

  /** A zombie, for `ms` or for ever: nothing is read or sent. */
  silence(ms: number | undefined): void {
    this.#isSilent = true;
    this.pauseReading(ms, () => {
      this.#isSilent = false;
      const { session } = this;
      if (!session) return;
      if (session.canReplayFrom(this.sentSequence)) session.replayFrom(this.sentSequence, this);
      else this.close(CloseCode.UnknownError, 'too far behind');
    });
  }

  /** Stops reading, for `ms` or for ever. */
  pauseReading(ms: number | undefined, then?: () => void): void {
    const pausedAtMs = monotonicMs();
    this.#isReading = false;
    this.#options.webSocket.pause();
    if (ms === undefined) return;
    this.after(ms, () => {
      this.#isReading = true;
      this.heartbeats.excuse(monotonicMs() - pausedAtMs);
      this.#options.webSocket.resume();
      then?.();
    });
  }

  /** Runs `then` unless the connection is over first. */
  after(ms: number, then: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (this.phase.kind !== 'closed') then();
    }, ms);
    this.#timers.add(timer);
    return timer;
  }

  sendMalformed(what: Extract<ParsedFault, { kind: 'malformed' }>['what']): void {
    const { webSocket, socket } = this.#options;
    switch (what) {
      case 'not-json':
        this.#write(Buffer.from('{"t":"MESSAGE_CREATE","s":'));
        return;
      case 'unknown-op':
        this.send(99, null);
        return;
      case 'truncated-frame':
        // A text frame that announces 1,000 bytes and ends after a few.
        socket.write(Buffer.from([0x81, 126, 0x03, 0xe8]));
        socket.end('{"t":"MESSAGE_CREATE","s":', () => this.terminate());
        return;
      case 'corrupt-compression':
        webSocket.send(Buffer.from('deadbeefdeadbeefcafe0000ffff', 'hex'), { binary: true });
        return;
      case 'binary-garbage':
        webSocket.send(Buffer.from('00ff80c1c0f5ff7f', 'hex'), { binary: true });
        return;
    }
  }

  #write(payload: Buffer): void {
    if (this.#isSilent || this.phase.kind === 'closed') return;
    const { bytes, binary } = this.#encoder.encode(payload);
    this.#options.webSocket.send(bytes, { binary });
    if (this.#options.webSocket.bufferedAmount > MAX_UNSENT_BYTES) {
      this.#options.onTooSlow();
      this.terminate();
    }
  }

  /** Counts a violation and closes. */
  reject(kind: ViolationKind, code: number, detail: string): void {
    this.#options.onViolation(kind, this.shard, detail);
    this.close(code, detail.slice(0, 100));
  }

  #receive(bytes: Buffer): void {
    if (this.phase.kind === 'closed') return;
    if (!this.#sends.admit(monotonicMs())) {
      return this.reject('send-rate', CloseCode.RateLimited, `over ${SENDS_PER_WINDOW} sends in the window`);
    }
    const frame = parseFrame(bytes);
    switch (frame.kind) {
      case 'too-large':
        return this.reject('send-size', CloseCode.DecodeError, `${frame.bytes} bytes`);
      case 'malformed':
        return this.reject('send-malformed', CloseCode.DecodeError, frame.detail);
      case 'payload':
        return this.#options.onPayload(this, frame.op, frame.d);
    }
  }

  #failed(error: Error & { code?: string }): void {
    if (error.code?.startsWith('WS_ERR')) {
      const kind = error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' ? 'send-size' : 'send-malformed';
      this.#options.onViolation(kind, this.shard, error.message);
    }
  }

  #finish(clientCode: number | undefined): void {
    if (this.phase.kind === 'closed') return;
    const { session } = this;
    this.phase = { kind: 'closed' };
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#encoder[Symbol.dispose]();
    this.#options.onClosed(this, session, clientCode);
  }
}
