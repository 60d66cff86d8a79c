/**
 * A shard of a worker that is written by hand: it takes little of the machine, and is back without a pause, so that a gap
 * measured at it is shardmux's. Runs per dispatch.
 */
import { crc32 } from 'node:zlib';
import { WebSocket } from 'ws';
import { Opcode } from '../../../src/protocol/opcodes.ts';
import type { ShardStart, WorkerSession, WorkerStart } from '../messages.ts';
import { monotonicUs } from '../monotonic.ts';
import type { Reporter } from './reporter.ts';

/** Discord's order of keys. */
const HEADER = /^\{"t":(?:null|"(\w+)"),"s":(null|\d+),"op":(\d+),"d":/;
/** A header is shorter than this. */
const HEADER_BYTES = 120;

/** Between a connection that ended and the next attempt. */
const RETRY_MS = 50;

/** A code that keeps the session: any but 1000 and 1001. */
const LEAVING_CODE = 4_200;

export class PlainShard {
  readonly #start: WorkerStart;
  readonly #shard: number;
  readonly #reporter: Reporter;
  #session: WorkerSession | null;
  #sequence: number;
  #socket: WebSocket | undefined;
  #heartbeats: NodeJS.Timeout | undefined;
  #isAcknowledged = true;

  constructor(start: WorkerStart, { shard, session }: ShardStart, reporter: Reporter) {
    this.#start = start;
    this.#shard = shard;
    this.#reporter = reporter;
    this.#session = session;
    this.#sequence = session?.sequence ?? 0;
  }

  connect(): void {
    const base = this.#session?.resumeUrl ?? `${this.#start.url.replace('http', 'ws')}/shards/${this.#shard}`;
    const socket = new WebSocket(`${base}?v=10&encoding=json`, { perMessageDeflate: false });
    this.#socket = socket;
    this.#isAcknowledged = true;
    socket.on('message', (data) => {
      if (socket === this.#socket) this.#receive(data as Buffer);
    });
    socket.on('error', () => undefined); // `close` follows.
    socket.on('close', () => {
      if (socket !== this.#socket) return;
      this.#left();
      setTimeout(() => this.connect(), RETRY_MS);
    });
  }

  #receive(bytes: Buffer): void {
    const [, t, s, op] = HEADER.exec(bytes.toString('latin1', 0, HEADER_BYTES)) ?? [];
    switch (Number(op)) {
      case Opcode.Dispatch:
        return this.#dispatched(t ?? '', Number(s), bytes);
      case Opcode.Hello:
        this.#beat(JSON.parse(bytes.toString()).d.heartbeat_interval);
        return this.#introduce();
      case Opcode.HeartbeatAck:
        this.#isAcknowledged = true;
        return;
      case Opcode.Heartbeat:
        return this.#send(Opcode.Heartbeat, this.#sequence);
      case Opcode.Reconnect:
        return this.#moveOn();
      case Opcode.InvalidSession:
        return this.#invalidated(JSON.parse(bytes.toString()).d === true);
    }
  }

  #dispatched(t: string, s: number, bytes: Buffer): void {
    const receivedUs = monotonicUs();
    this.#sequence = s;
    if (t === 'READY') {
      const { session_id, resume_gateway_url } = JSON.parse(bytes.toString()).d;
      this.#session = { sessionId: session_id, resumeUrl: resume_gateway_url, sequence: s };
      this.#reporter.ready(this.#shard, session_id, resume_gateway_url);
    } else if (t === 'RESUMED') this.#reporter.report(['resumed', this.#shard]);
    else this.#reporter.dispatch(this.#shard, s, crc32(bytes), receivedUs);
  }

  #introduce(): void {
    const { token, intents, shardCount } = this.#start;
    if (this.#session) {
      this.#send(Opcode.Resume, { token, session_id: this.#session.sessionId, seq: this.#sequence });
    } else {
      this.#send(Opcode.Identify, { token, intents, properties: {}, shard: [this.#shard, shardCount] });
    }
  }

  /** Op 7: the next connection is there before the old one is closed. */
  #moveOn(): void {
    const old = this.#socket;
    this.#left();
    this.connect();
    old?.close(LEAVING_CODE);
  }

  #invalidated(isResumable: boolean): void {
    this.#reporter.report(['invalid', this.#shard]);
    if (!isResumable) {
      this.#session = null;
      this.#reporter.report(['over', this.#shard]);
    }
    this.#introduce();
  }

  #left(): void {
    clearInterval(this.#heartbeats);
    this.#socket = undefined;
    this.#reporter.report(['closed', this.#shard]);
  }

  #beat(intervalMs: number): void {
    clearInterval(this.#heartbeats);
    this.#heartbeats = setInterval(() => {
      if (!this.#isAcknowledged) return this.#socket?.terminate();
      this.#isAcknowledged = false;
      this.#send(Opcode.Heartbeat, this.#sequence);
    }, intervalMs);
  }

  #send(op: number, d: unknown): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ op, d }));
  }
}
