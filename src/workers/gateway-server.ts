/**
 * The HTTP and WebSocket server that workers connect to: who may connect, and all connections together. What it answers is
 * http-answers.ts and upgrade.ts, sessions are worker-connection.ts.
 */
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Clock } from '../runtime/clock.ts';
import { WorkerCounts } from './counts.ts';
import { answerHttp, publicUrl, RETRY_AFTER_S } from './http-answers.ts';
import type { Authenticator, Peers, ServedApplication, WorkerLog } from './ports.ts';
import { type Rejection, Rejections } from './rejection.ts';
import { SnapshotTurns } from './snapshot-turns.ts';
import { type ConnectionRequest, forwardedHeaders, type PathReading, readUpgrade } from './upgrade.ts';
import { WorkerConnection } from './worker-connection.ts';
import type { WorkerLimits } from './worker-options.ts';

export interface GatewayServerOptions {
  readonly host: string;
  /** 0 takes one of the system's choice. */
  readonly port: number;
  /** Where workers reach us, without a path; left out, what their request says. */
  readonly publicUrl: string | undefined;
  readonly applications: readonly ServedApplication[];
  /** The other nodes; left out where there are none. */
  readonly peers?: Peers | undefined;
  readonly authenticator: Authenticator;
  readonly sessionKey: Buffer;
  readonly limits: WorkerLimits & { readonly maxConnections: number };
  readonly readPath: (requestTarget: string) => PathReading;
  readonly shardPath: (shardId: number, applicationId?: string) => string;
  readonly clock: Clock;
  readonly log: WorkerLog;
}

/** The server could not listen. */
export class GatewayServerError extends Error {
  override name = 'GatewayServerError';
}

/** Frames above this are not even read: `ws` closes with 1009. Up to it, the close is Discord's 4002. */
const MAX_FRAME_BYTES = 64 * 1024;

const SUPPORTED_VERSIONS: ReadonlySet<string> = new Set(['9', '10']);

/**
 * Of `maxConnections`, how many may not have shown a token yet. Large enough for a whole fleet that comes at once; idle
 * connections of strangers can not fill the node.
 */
const UNIDENTIFIED_SHARE = 1 / 2;

export class GatewayServer implements AsyncDisposable {
  readonly counts = new WorkerCounts();
  readonly #options: GatewayServerOptions;
  readonly #server: Server;
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
  });
  readonly #snapshotTurns: SnapshotTurns;
  readonly #connections = new Set<WorkerConnection>();
  /** Those that have yet to show a token of ours, oldest first. */
  readonly #unidentified = new Set<WorkerConnection>();
  #isDraining = false;

  constructor(options: GatewayServerOptions) {
    this.#options = options;
    this.#snapshotTurns = new SnapshotTurns(options.clock);
    this.#server = createServer((request, response) => this.#onRequest(request, response));
    this.#server.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head));
  }

  get connections(): ReadonlySet<WorkerConnection> {
    return this.#connections;
  }

  /** Begins to listen; resolves with the port. Throws `GatewayServerError`. */
  async listen(): Promise<number> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause: NodeJS.ErrnoException) =>
        reject(new GatewayServerError(listenProblem(cause, host, port), { cause })),
      );
      this.#server.listen(port, host, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  /** How many of them have their session at another node. */
  get relayedConnections(): number {
    let count = 0;
    for (const { stateKind } of this.#connections) if (stateKind === 'relaying') count++;
    return count;
  }

  /** Sends the workers of a shard that is no longer here away (op 7, then 1012), and asks anew for those that wait. */
  drainShard(applicationId: string, shardId: number): void {
    for (const connection of [...this.#connections]) connection.drainFrom(applicationId, shardId);
  }

  /** Closes every session of an application with one reason; those that come next, or wait, are answered as usual. */
  closeSessions(applicationId: string, rejection: Rejection): void {
    for (const connection of [...this.#connections]) {
      if (connection.applicationId === applicationId) connection.close(rejection);
    }
  }

  /** Stops listening, sends every worker op 7 and closes those that stay with 1012; cuts what is left after the drain time. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDraining = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    for (const connection of this.#connections) connection.drain();
    const cut = this.#options.clock.setTimer(() => {
      for (const connection of this.#connections) connection.terminate();
      this.#server.closeAllConnections();
    }, this.#options.limits.drainTimeoutMs);
    await closed;
    cut[Symbol.dispose]();
    this.#webSockets.close();
  }

  #onRequest({ url: target = '', headers }: IncomingMessage, response: ServerResponse): void {
    const { status, body, retryAfterS } = answerHttp({ target, headers }, this.#options, this.#isDraining);
    if (retryAfterS !== undefined) response.setHeader('retry-after', retryAfterS);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', (error) => this.#options.log.debug({ reason: error.message }, 'worker socket failed'));
    const reading = readUpgrade({ target: request.url ?? '', headers: request.headers }, this.#options);
    if (reading.kind === 'refused') return this.#refuse(socket, reading.status, reading.message);
    if (this.#isDraining) return this.#refuse(socket, 503, 'this node is draining; connect again');
    if (!this.#makeRoom()) return this.#refuse(socket, 503, 'workers.maxConnections is reached');
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) =>
      this.#connect(webSocket, request, reading),
    );
  }

  #connect(webSocket: WebSocket, request: IncomingMessage, asked: ConnectionRequest): void {
    const { socket, headers } = request;
    const url = publicUrl(headers, this.#options.publicUrl);
    const connection: WorkerConnection = new WorkerConnection({
      ...this.#options,
      ...asked,
      webSocket,
      socket,
      resumeUrl: (shardId, applicationId) => url + this.#shardPath(shardId, applicationId),
      relayPath: (shardId, applicationId) => this.#relayPath(shardId, applicationId),
      forwarded: forwardedHeaders(headers, socket.remoteAddress),
      counts: this.counts,
      snapshotTurns: this.#snapshotTurns,
      onAuthenticated: () => this.#unidentified.delete(connection),
      onClosed: () => {
        this.#connections.delete(connection);
        this.#unidentified.delete(connection);
      },
    });
    this.#connections.add(connection);
    // Another node has seen the token of a worker that it passes on: that one makes room for nobody.
    if (!asked.isRelayed) this.#unidentified.add(connection);
    if (!SUPPORTED_VERSIONS.has(asked.version)) connection.close(Rejections.invalidApiVersion(asked.version));
  }

  /**
   * Names the application, since the other node may have more of them (a change that is being rolled out). A name that stands in for
   * an id, of a token that holds none, can't be in a path: there is only one application then.
   */
  #relayPath(shardId: number, applicationId: string): string {
    const { readPath, shardPath } = this.#options;
    const path = shardPath(shardId, applicationId);
    return readPath(path).kind === 'invalid' ? shardPath(shardId) : path;
  }

  /** Names the application only where there are several. */
  #shardPath(shardId: number, applicationId: string): string {
    const { applications, shardPath } = this.#options;
    return applications.length > 1 ? shardPath(shardId, applicationId) : shardPath(shardId);
  }

  /**
   * Whether one more connection may be taken. Where there is no room, the oldest that has not shown a token makes some; one that
   * has is never closed for it.
   */
  #makeRoom(): boolean {
    const { maxConnections } = this.#options.limits;
    const maxUnidentified = Math.max(1, Math.floor(maxConnections * UNIDENTIFIED_SHARE));
    const hasRoom = this.#connections.size < maxConnections && this.#unidentified.size < maxUnidentified;
    if (hasRoom) return true;
    const [oldest] = this.#unidentified;
    if (!oldest) return false;
    this.#unidentified.delete(oldest);
    oldest.evict();
    return true;
  }

  #refuse(socket: Duplex, status: number, message: string): void {
    this.counts.refusedWith(status);
    this.#options.log.info({ status, reason: message }, 'turned a worker away');
    const body = JSON.stringify({ message, code: 0 });
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'connection: close',
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      ...(status === 503 ? [`retry-after: ${RETRY_AFTER_S}`] : []),
    ];
    // The other side may never close its half, and nothing else would.
    socket.once('finish', () => socket.destroy());
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  }
}

function listenProblem(cause: NodeJS.ErrnoException, host: string, port: number): string {
  if (cause.code === 'EADDRINUSE') {
    return `workers.port: ${host}:${port} is in use by another process; choose another, or stop that one`;
  }
  if (cause.code === 'EADDRNOTAVAIL') return `workers.host: ${host} is no address of this machine`;
  return `workers.port: can't listen on ${host}:${port}: ${cause.message}`;
}
