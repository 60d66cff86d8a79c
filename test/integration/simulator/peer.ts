/** A hand-written gateway client that does only what a test tells it. Not a test itself. */
import zlib from 'node:zlib';
import WebSocket from 'ws';
import { ALL_INTENTS } from '../../../src/protocol/intents.ts';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';

export interface Payload {
  t: string | null;
  s: number | null;
  op: number;
  // The reason for the type: tests look into payloads of every kind.
  d: { [key: string]: unknown } & { guilds?: { id: string; unavailable: boolean }[] };
}

export function smallSimulator(options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
  return startSimulator({ shards: 1, guilds: 2, eventsPerSecond: 0, ...options });
}

type Decode = (bytes: Buffer, isBinary: boolean) => string;

/** All messages of a stream are inflated together when looked at: simple, and independent of message boundaries. */
export class Peer implements Disposable {
  readonly socket: WebSocket;
  readonly texts: string[] = [];
  readonly rawMessages: { bytes: Buffer; isBinary: boolean }[] = [];
  closeCode: number | undefined;
  readonly #payloads: Payload[] = [];
  readonly #token: string;

  constructor(simulator: Simulator, query = '?v=10&encoding=json', path = '/', decode: Decode = plain) {
    this.#token = simulator.options.token;
    this.socket = new WebSocket(`${simulator.gatewayUrl}${path}${query}`, { perMessageDeflate: false });
    this.socket.on('message', (data, isBinary) => {
      this.rawMessages.push({ bytes: data as Buffer, isBinary });
      this.texts.push(decode(data as Buffer, isBinary));
    });
    this.socket.on('error', () => {});
    this.socket.on('close', (code) => {
      this.closeCode = code;
    });
  }

  get payloads(): Payload[] {
    while (this.#payloads.length < this.texts.length) {
      this.#payloads.push(JSON.parse(this.texts[this.#payloads.length]!) as Payload);
    }
    return this.#payloads;
  }

  get dispatches(): Payload[] {
    return this.payloads.filter(({ op }) => op === 0);
  }

  get lastSequence(): number {
    return this.dispatches.at(-1)?.s ?? 0;
  }

  send(op: number, d: unknown): void {
    this.socket.send(JSON.stringify({ op, d }));
  }

  async opened(): Promise<this> {
    await this.next(10);
    return this;
  }

  identify(change: Record<string, unknown> = {}): void {
    this.send(2, { token: this.#token, intents: ALL_INTENTS, properties: {}, shard: [0, 1], ...change });
  }

  resume(sessionId: unknown, seq: number): void {
    this.send(6, { token: this.#token, session_id: sessionId, seq });
  }

  /** The first payload with this op, or with this event type. */
  next(wanted: number | string, count = 1): Promise<Payload> {
    return eventually(() => {
      const matching = this.payloads.filter(({ op, t }) => (typeof wanted === 'number' ? op : t) === wanted);
      return matching[count - 1];
    });
  }

  closed(): Promise<number> {
    return eventually(() => this.closeCode);
  }

  [Symbol.dispose](): void {
    this.socket.terminate();
  }
}

/** A peer that has had READY and the GUILD_CREATEs. */
export async function readyPeer(simulator: Simulator, shard = 0): Promise<Peer & { sessionId: string }> {
  const peer = await new Peer(simulator).opened();
  peer.identify({ shard: [shard, simulator.options.shards] });
  const ready = await peer.next('READY');
  const guilds = ready.d.guilds?.length ?? 0;
  if (guilds > 0) await peer.next('GUILD_CREATE', guilds);
  return Object.assign(peer, { sessionId: String(ready.d['session_id']) });
}

function plain(bytes: Buffer): string {
  return bytes.toString('utf8');
}

/** What a client with `compress: true` does. */
export const payloadDecode: Decode = (bytes, isBinary) =>
  isBinary ? zlib.inflateSync(bytes).toString('utf8') : bytes.toString('utf8');

/** Decodes the messages of a compressed connection as one stream. */
export function decodeStream(messages: Buffer[], compression: 'zlib-stream' | 'zstd-stream'): Payload[] {
  const bytes = Buffer.concat(messages);
  const text =
    compression === 'zlib-stream'
      ? zlib.inflateSync(bytes, { finishFlush: zlib.constants.Z_SYNC_FLUSH })
      : zlib.zstdDecompressSync(bytes, { finishFlush: zlib.constants.ZSTD_e_flush });
  // Generated text never holds a raw line break, and Discord's payloads start with their t.
  return text
    .toString('utf8')
    .split(/(?<=\})(?=\{"t":(?:null|"[A-Z_]+"),"s":(?:null|\d+),"op":\d+,"d":[{fn])/)
    .map((part) => JSON.parse(part) as Payload);
}
