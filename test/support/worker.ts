/**
 * A hand-written worker: connects to a node as any library would, does only what a test tells it, and keeps every payload as
 * it came. Checks Discord's key order on each.
 */
import { crc32 } from 'node:zlib';
import { WebSocket } from 'ws';
import { startSequenceOf } from '../../bench/deployment/worker/session-start.ts';
import { ALL_INTENTS } from '../../src/protocol/intents.ts';
import { SIMULATOR_TOKEN, type TruthEntry } from '../../src/simulator/index.ts';
import { eventually } from './eventually.ts';

/** Discord's order of keys, which some libraries depend on. */
const HEADER = /^\{"t":(?:null|"(\w+)"),"s":(null|\d+),"op":(\d+),"d":/;
/** A header is shorter than this. */
const HEADER_BYTES = 120;

export class ReceivedPayload {
  readonly bytes: Buffer;
  readonly t: string | null;
  readonly s: number | null;
  readonly op: number;

  constructor(bytes: Buffer) {
    const [, t, s, op] = HEADER.exec(bytes.toString('latin1', 0, HEADER_BYTES)) ?? [];
    if (op === undefined)
      throw new Error(`not Discord's key order: ${bytes.toString('utf8', 0, HEADER_BYTES)}`);
    this.bytes = bytes;
    this.t = t ?? null;
    this.s = s === 'null' ? null : Number(s);
    this.op = Number(op);
  }

  get text(): string {
    return this.bytes.toString('utf8');
  }

  // The reason for the type: tests look into payloads of every kind.
  // biome-ignore lint/suspicious/noExplicitAny: see above.
  get d(): any {
    return JSON.parse(this.text).d;
  }
}

export interface WorkerOptions {
  /** Whether it answers HELLO with heartbeats at the interval asked for. Default true. */
  readonly heartbeats?: boolean;
  readonly path?: string;
  readonly query?: string;
}

/** Resolves when the connection is open; HELLO may come later. */
export async function connectWorker(url: string, options: WorkerOptions = {}): Promise<Worker> {
  const worker = new Worker(url, options);
  await worker.opened();
  return worker;
}

export class Worker implements Disposable {
  readonly socket: WebSocket;
  readonly payloads: ReceivedPayload[] = [];
  closeCode: number | undefined;
  closeReason: string | undefined;
  /** Sequence of the last dispatch. */
  lastSequence = 0;
  #failure: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #heartbeats: boolean;

  constructor(url: string, { heartbeats = true, path = '/', query = '?v=10&encoding=json' }: WorkerOptions) {
    this.#heartbeats = heartbeats;
    this.socket = new WebSocket(`${url}${path}${query}`, { perMessageDeflate: false });
    this.socket.on('message', (data) => this.#receive(data as Buffer));
    this.socket.on('error', () => {});
    this.socket.on('close', (code, reason) => {
      this.closeCode = code;
      this.closeReason = reason.toString();
      clearInterval(this.#timer);
    });
  }

  get dispatches(): ReceivedPayload[] {
    return this.payloads.filter(({ op }) => op === 0);
  }

  /** Of the newest READY. */
  get sessionId(): string {
    return String(this.payloads.findLast(({ t }) => t === 'READY')?.d.session_id);
  }

  get resumeUrl(): string {
    return String(this.payloads.findLast(({ t }) => t === 'READY')?.d.resume_gateway_url);
  }

  async opened(): Promise<void> {
    await eventually(() => {
      if (this.closeCode !== undefined) throw new Error(`closed ${this.closeCode} ${this.closeReason}`);
      return this.socket.readyState === WebSocket.OPEN;
    });
  }

  send(op: number, d: unknown): void {
    this.socket.send(JSON.stringify({ op, d }));
  }

  heartbeat(): void {
    this.send(1, this.lastSequence === 0 ? null : this.lastSequence);
  }

  identify(change: Readonly<Record<string, unknown>> = {}): void {
    this.send(2, { token: SIMULATOR_TOKEN, intents: ALL_INTENTS, properties: {}, shard: [0, 1], ...change });
  }

  resume(given: { sessionId: string; seq: number; token?: string }): void {
    this.send(6, { token: given.token ?? SIMULATOR_TOKEN, session_id: given.sessionId, seq: given.seq });
  }

  /** The `count`-th payload with this op, or with this event type. */
  next(wanted: number | string, count = 1, deadlineMs = 10_000): Promise<ReceivedPayload> {
    return eventually(() => {
      this.throwIfFailed();
      const found = this.payloads.filter(({ op, t }) => (typeof wanted === 'number' ? op : t) === wanted);
      if (!found[count - 1]) throw new Error(`${found.length} of ${count} ${wanted}; ${this.summary}`);
      return found[count - 1];
    }, deadlineMs);
  }

  /** Resolves when a dispatch with this sequence, or a later one, has come. */
  async reached(sequence: number, deadlineMs = 20_000): Promise<void> {
    await eventually(() => {
      this.throwIfFailed();
      if (this.lastSequence < sequence) throw new Error(`not at ${sequence}: ${this.summary}`);
      return true;
    }, deadlineMs);
  }

  closed(deadlineMs = 10_000): Promise<number> {
    return eventually(() => this.closeCode, deadlineMs);
  }

  /** Stops reading, as a worker that is busy does. */
  pause(): void {
    this.socket.pause();
  }

  unpause(): void {
    this.socket.resume();
  }

  throwIfFailed(): void {
    if (this.#failure) throw this.#failure;
  }

  get summary(): string {
    const kinds = this.payloads.slice(-5).map(({ op, t, s }) => `${op}/${t}/${s}`);
    return `${this.payloads.length} payloads, last ${kinds.join(' ')}, close ${this.closeCode} ${this.closeReason}`;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.socket.terminate();
  }

  #receive(bytes: Buffer): void {
    try {
      const payload = new ReceivedPayload(bytes);
      this.payloads.push(payload);
      if (payload.op === 0) this.lastSequence = payload.s ?? this.lastSequence;
      if (payload.op === 10 && this.#heartbeats) this.#startHeartbeats(Number(payload.d.heartbeat_interval));
    } catch (error) {
      this.#failure ??= error as Error;
    }
  }

  #startHeartbeats(intervalMs: number): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      if (this.socket.readyState === WebSocket.OPEN) this.heartbeat();
    }, intervalMs);
  }
}

/** READY and RESUMED are of the connection, not of the shard: each side has its own. */
const OWN = new Set(['READY', 'RESUMED']);

/** One dispatch, so that two lists can be compared: a line names what differs. */
function line({ s, t, crc32 }: { s: number | null; t: string | null; crc32: number }): string {
  return `${s} ${t} ${crc32.toString(16)}`;
}

/** What a worker should have: the truth's entries after `after`, up to and including `until`. */
export function truthLines(
  entries: readonly TruthEntry[],
  { after = 0, until = Number.POSITIVE_INFINITY }: { after?: number; until?: number } = {},
): string[] {
  return entries.filter(({ s, t }) => s > after && s <= until && !OWN.has(t)).map(line);
}

/** What workers got, one after the other, in the same form; without the guilds that their sessions began with. */
export function receivedLines(...workers: readonly (Worker | readonly ReceivedPayload[])[]): string[] {
  return workers
    .flatMap((worker) => withoutFirstGuilds(worker instanceof Worker ? worker.dispatches : worker))
    .filter(({ t }) => !OWN.has(t ?? ''))
    .map(({ s, t, bytes }) => line({ s, t, crc32: crc32(bytes) }));
}

/** Discord did not send them now; their numbers are those of dispatches before the session. */
function withoutFirstGuilds(dispatches: readonly ReceivedPayload[]): ReceivedPayload[] {
  let start = 0;
  return dispatches.filter(({ t, s, d }) => {
    if (t === 'READY') start = startSequenceOf(d.session_id);
    return t === 'READY' || (s ?? 0) > start;
  });
}

/** The first difference, or `undefined`: two lists of 100,000 make an unreadable message. */
export function firstDifference(received: readonly string[], truth: readonly string[]): string | undefined {
  for (let index = 0; index < Math.max(received.length, truth.length); index++) {
    if (received[index] !== truth[index]) {
      return `at ${index}: received ${received[index]}, truth ${truth[index]} (${received.length} received, ${truth.length} sent)`;
    }
  }
  return undefined;
}
