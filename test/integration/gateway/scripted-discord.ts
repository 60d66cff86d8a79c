/**
 * A Discord that a test plays by hand, for what the simulator never does: leaving dispatches out, going away and coming back on
 * the same port with its sessions. Not a test itself.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { SIMULATOR_TOKEN } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';

/** What came over one connection, and what to say on it. */
export class ScriptedConnection {
  readonly received: { op: number; d: Record<string, unknown> }[] = [];
  closeCode: number | undefined;
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      const payload = JSON.parse(String(data));
      if (payload.op === 1) this.say(11, null);
      else this.received.push(payload);
    });
    socket.on('close', (code) => {
      this.closeCode = code;
    });
    this.say(10, { heartbeat_interval: 1_000 });
  }

  say(op: number, d: unknown, s: number | null = null, t: string | null = null): void {
    this.#socket.send(JSON.stringify({ t, s, op, d }));
  }

  dispatch(s: number, t = 'TYPING_START', d: unknown = { user_id: String(s) }): void {
    this.say(0, d, s, t);
  }

  close(code: number): void {
    this.#socket.close(code);
  }

  next(op: number): Promise<{ op: number; d: Record<string, unknown> }> {
    return eventually(() => this.received.find((payload) => payload.op === op), 15_000);
  }
}

export class ScriptedDiscord implements AsyncDisposable {
  readonly options = { token: SIMULATOR_TOKEN };
  readonly connections: ScriptedConnection[] = [];
  /** Answers of GET /gateway/bot so far. */
  requests = 0;
  port = 0;
  remaining = 1_000;
  resetAfterMs = 86_400_000;
  recommendedShards = 1;
  readonly #webSockets = new WebSocketServer({ noServer: true });
  #server: Server | undefined;

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get gatewayUrl(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** Listens; the second time on the port of the first. */
  async appear(): Promise<this> {
    const server = createServer((_, response) => {
      this.requests++;
      const { recommendedShards: shards, gatewayUrl: url } = this;
      const limit = {
        total: 1_000,
        remaining: this.remaining,
        reset_after: this.resetAfterMs,
        max_concurrency: 1,
      };
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ url, shards, session_start_limit: limit }));
    });
    server.on('upgrade', (request, socket, head) =>
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) =>
        this.connections.push(new ScriptedConnection(webSocket)),
      ),
    );
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  /** Cuts every connection and refuses new ones. */
  async vanish(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    for (const webSocket of this.#webSockets.clients) webSocket.terminate();
    this.#server?.closeAllConnections();
    await closed;
    this.#server = undefined;
  }

  connection(count: number): Promise<ScriptedConnection> {
    return eventually(() => this.connections[count - 1], 15_000);
  }

  /** The `count`-th connection, after IDENTIFY, with READY sent. */
  async ready(count = 1): Promise<ScriptedConnection> {
    const connection = await this.connection(count);
    await connection.next(2);
    connection.dispatch(1, 'READY', {
      v: 10,
      session_id: `session-${count}`,
      resume_gateway_url: this.gatewayUrl,
      user: { id: '7' },
      application: { id: '7', flags: 0 },
      guilds: [],
    });
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server) await this.vanish();
  }
}
