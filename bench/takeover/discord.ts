/**
 * As much of Discord as takeovers need: a session that outlives its connections, with a READY of many guilds, realistic events at
 * the conductor's pace, and the moment at which a RESUME arrives. It keeps nothing to replay: a RESUME from before the last event
 * voids the measurement.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { type Choice, encodeEvents, inTurn, makeTemplates } from '../events.ts';
import { gatewayAnswer, READY_SEQUENCE, readyDispatch } from '../source/discord.ts';
import { World } from '../source/world.ts';
import { monotonicUs } from '../wire.ts';

const HEARTBEAT_INTERVAL_MS = 41_250;

/** Some 2,500 is where Discord closes with 4011; most bots keep to half of that. */
const GUILDS = 1_000;
const FIRST_GUILD_ID = 100_000_000_000_000_000n;

interface Payload {
  readonly op: number;
  readonly d?: { readonly shard?: unknown; readonly seq?: number };
}

export class SessionKeepingDiscord implements AsyncDisposable {
  readonly #server = createServer((request, response) => gatewayAnswer(request, response, this.port));
  readonly #websockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  readonly #events = inTurn(makeTemplates());
  readonly #world: World | undefined;
  readonly #onFailure: (reason: string) => void;
  #live: WebSocket | undefined;
  #onLive = Promise.withResolvers<number>();
  #lastSequence = READY_SEQUENCE;
  #hasSession = false;

  /** `guildCount`: of guilds that it sends and whose events it sends; 0 for guilds that are named and never sent. */
  static async start(
    onFailure: (reason: string) => void,
    guildCount: number,
  ): Promise<SessionKeepingDiscord> {
    const discord = new SessionKeepingDiscord(onFailure, guildCount);
    await new Promise<void>((resolve) => discord.#server.listen(0, '127.0.0.1', resolve));
    return discord;
  }

  private constructor(onFailure: (reason: string) => void, guildCount: number) {
    this.#onFailure = onFailure;
    this.#world = guildCount > 0 ? new World(guildCount) : undefined;
    this.#server.on('upgrade', (request, socket, head) =>
      this.#websockets.handleUpgrade(request, socket, head, (websocket) => this.#greet(websocket)),
    );
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port; // An object, as it listens on TCP.
  }

  /** When the next IDENTIFY or RESUME arrives. Unit: µs of the monotonic clock. */
  nextSession(): Promise<number> {
    return this.#onLive.promise;
  }

  /** Sends so many events at once. */
  dispatch(count: number): void {
    const first = this.#lastSequence;
    const happened = this.#world && inTurn(this.#world.happen(count));
    const choose: Choice = happened ? (index) => happened(index - first) : this.#events;
    const { bytes, ends } = encodeEvents(choose, count, first + 1, first);
    this.#lastSequence += count;
    // Finished frames, past the WebSocket library.
    (this.#live as unknown as { _socket: { write(bytes: Buffer): void } })._socket.write(
      bytes.subarray(0, ends.at(-1)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const websocket of this.#websockets.clients) websocket.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #greet(websocket: WebSocket): void {
    websocket.on('message', (message) => this.#answer(websocket, String(message), monotonicUs()));
    websocket.on('error', () => undefined); // Nodes are killed here.
    const hello = { heartbeat_interval: HEARTBEAT_INTERVAL_MS, _trace: [] };
    websocket.send(JSON.stringify({ t: null, s: null, op: Opcode.Hello, d: hello }));
  }

  #answer(websocket: WebSocket, text: string, receivedUs: number): void {
    const { op, d } = JSON.parse(text) as Payload;
    const reply = (body: object) => websocket.send(JSON.stringify(body));
    if (op === Opcode.Heartbeat) return reply({ t: null, s: null, op: Opcode.HeartbeatAck, d: null });
    if (op === Opcode.Identify) {
      if (this.#hasSession) this.#onFailure('a takeover cost an IDENTIFY');
      this.#hasSession = true;
      reply(readyDispatch(this.port, d?.shard, this.#world?.unavailableGuilds ?? guilds()));
      for (const body of this.#world?.bodies() ?? [])
        websocket.send(`{"t":"GUILD_CREATE","s":${++this.#lastSequence},"op":0,"d":${body}}`);
    } else if (op === Opcode.Resume) {
      if (d?.seq !== this.#lastSequence)
        this.#onFailure(`RESUME from ${d?.seq}, but ${this.#lastSequence} events were sent and rested`);
      reply({ t: 'RESUMED', s: ++this.#lastSequence, op: Opcode.Dispatch, d: { _trace: [] } });
    } else return;
    this.#live = websocket;
    const { resolve } = this.#onLive;
    this.#onLive = Promise.withResolvers();
    resolve(receivedUs);
  }
}

function guilds(): object[] {
  return Array.from({ length: GUILDS }, (_, i) => ({
    id: `${FIRST_GUILD_ID + BigInt(i)}`,
    unavailable: true,
  }));
}
