/**
 * A worker that stays: connects again whenever its connection ends or it gets op 7, RESUMEs with the sequence it has, and keeps
 * one line for each dispatch of its session, over all connections, so that they can be compared with what was sent.
 */
import { startSequenceOf } from '../../bench/deployment/worker/session-start.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import type { TruthEntry } from '../../src/simulator/index.ts';
import { eventually } from './eventually.ts';
import { firstDifference, type ReceivedPayload, receivedLines, truthLines, Worker } from './worker.ts';

export interface FollowingWorkerOptions {
  /** `ws://host:port` */
  readonly url: string;
  readonly shard: number;
  readonly shardCount: number;
  /** Default: the shard's own. `/` leaves it to IDENTIFY. */
  readonly path?: string;
}

/** How a connection ended, as the worker saw it. */
export interface Ending {
  /** It was told with op 7 before. */
  readonly wasAsked: boolean;
  /** `undefined`: we went, because we were asked. */
  readonly closeCode: number | undefined;
  /** Unix ms. */
  readonly atMs: number;
}

/** Between a connection that ended and the next attempt. */
const RETRY_MS = 50;

/** Any but 1000 and 1001 keeps the session. */
const LEAVING_CODE = 4_200;

export class FollowingWorker implements Disposable {
  readonly shard: number;
  readonly endings: Ending[] = [];
  /** INVALID_SESSIONs that ended a session. */
  invalidSessions = 0;
  /** Where its session begins: what it is owed comes after READY, and after the guilds that follow it. */
  first: number | undefined;
  /** Of the last dispatch. */
  sequence = 0;
  readonly #options: FollowingWorkerOptions;
  readonly #lines: string[] = [];
  #session: { readonly id: string; readonly url: string } | undefined;
  /** The one that counts. */
  #worker: Worker | undefined;
  /** Those that were left and are not closed yet, too. */
  readonly #open = new Set<Worker>();
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(options: FollowingWorkerOptions) {
    this.#options = options;
    this.shard = options.shard;
    this.#connect();
  }

  /** Resolves when its session has begun. */
  async identified(deadlineMs = 10_000): Promise<this> {
    await eventually(() => this.first !== undefined || this.#complain('no READY'), deadlineMs);
    return this;
  }

  /** Resolves when a dispatch with this sequence, or a later one, has come. */
  async reached(sequence: number, deadlineMs = 20_000): Promise<void> {
    await eventually(() => this.sequence >= sequence || this.#complain(`not at ${sequence}`), deadlineMs);
  }

  /** How what it has got so far differs from what was sent so far. */
  difference(truth: readonly TruthEntry[]): string | undefined {
    return firstDifference(this.#lines, truthLines(truth, { after: this.first ?? 0, until: this.sequence }));
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    for (const worker of this.#open) worker[Symbol.dispose]();
  }

  #connect(): void {
    const { url, shard, path = `/shards/${shard}` } = this.#options;
    const worker = this.#session ? new Worker(this.#session.url, { path: '' }) : new Worker(url, { path });
    this.#worker = worker;
    this.#open.add(worker);
    worker.socket.on('message', () => {
      // Keeping all payloads of all workers would take hundreds of megabytes.
      const payload = worker.payloads.pop();
      if (payload && this.#worker === worker) this.#take(worker, payload);
    });
    worker.socket.on('close', (closeCode) => {
      this.#open.delete(worker);
      this.#end(worker, { wasAsked: false, closeCode });
    });
  }

  #take(worker: Worker, payload: ReceivedPayload): void {
    switch (payload.op) {
      case Opcode.Hello:
        return this.#introduce(worker);
      case Opcode.InvalidSession:
        return this.#invalidated(worker, payload.d === true);
      case Opcode.Reconnect:
        worker.socket.close(LEAVING_CODE);
        return this.#end(worker, { wasAsked: true, closeCode: undefined });
      case Opcode.Dispatch:
        return this.#dispatched(payload);
    }
  }

  #dispatched(payload: ReceivedPayload): void {
    this.sequence = payload.s ?? this.sequence;
    if (payload.t === 'READY') {
      const { session_id, resume_gateway_url } = payload.d;
      this.first = startSequenceOf(session_id);
      this.#session = { id: session_id, url: resume_gateway_url };
    }
    if (this.sequence > (this.first ?? 0)) this.#lines.push(...receivedLines([payload]));
  }

  #introduce(worker: Worker): void {
    const { shard, shardCount } = this.#options;
    if (this.#session) worker.resume({ sessionId: this.#session.id, seq: this.sequence });
    else worker.identify({ shard: [shard, shardCount] });
  }

  #invalidated(worker: Worker, isResumable: boolean): void {
    if (!isResumable) {
      this.invalidSessions++;
      this.#session = undefined;
      this.first = undefined;
      this.#lines.length = 0;
    }
    this.#introduce(worker);
  }

  #end(worker: Worker, ending: Omit<Ending, 'atMs'>): void {
    if (this.#worker !== worker || this.#isOver) return;
    this.#worker = undefined;
    this.endings.push({ ...ending, atMs: Date.now() });
    this.#timer = setTimeout(() => this.#connect(), RETRY_MS);
  }

  #complain(what: string): never {
    const { shard, sequence, endings } = this;
    throw new Error(`${what}: shard ${shard} at ${sequence}, endings ${JSON.stringify(endings.slice(-3))}`);
  }
}
