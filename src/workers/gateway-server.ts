/**
 * The HTTP and WebSocket server that workers connect to: handshakes, `GET /gateway` and `/gateway/bot` (so that stock
 * libraries find their way by themselves), and `/healthz` for HAProxy. Sessions are worker-connection.ts.
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
import { WebSocketServer } from 'ws';
import type { Clock } from '../runtime/clock.ts';
import { WorkerCounts } from './counts.ts';
import type { Authenticator, ShardDirectory, WorkerLog } from './ports.ts';
import { type Rejection, Rejections } from './rejection.ts';
import { WorkerConnection, type WorkerLimits } from './worker-connection.ts';

/** How a request's path names a shard. */
export type PathReading =
  | { readonly kind: 'any' }
  | { readonly kind: 'shard'; readonly shardId: number; readonly applicationId?: string }
  | { readonly kind: 'invalid' };

export interface GatewayServerOptions {
  readonly host: string;
  /** 0 takes one of the system's choice. */
  readonly port: number;
  /** Where workers reach us, without a path; left out, what their request says. */
  readonly publicUrl: string | undefined;
  readonly directory: ShardDirectory;
  readonly authenticator: Authenticator;
  readonly sessionKey: Buffer;
  readonly limits: WorkerLimits & { readonly maxConnections: number };
  readonly readPath: (requestTarget: string) => PathReading;
  readonly shardPath: (shardId: number) => string;
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

/** Seconds a worker that was turned away for load is told to wait. */
const RETRY_AFTER_S = 5;

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
  readonly #connections = new Set<WorkerConnection>();
  /** Those that have yet to show a token of ours, oldest first. */
  readonly #unidentified = new Set<WorkerConnection>();
  #isDraining = false;

  constructor(options: GatewayServerOptions) {
    this.#options = options;
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

  /** Closes every connection with one reason; those that come next are answered as usual. */
  closeAll(rejection: Rejection): void {
    for (const connection of this.#connections) connection.close(rejection);
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

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    if (path === '/healthz') {
      return sendJson(response, this.#isDraining ? 503 : 200, {
        status: this.#isDraining ? 'draining' : 'ok',
      });
    }
    const route = /^(?:\/api(?:\/v\d+)?)?\/gateway(\/bot)?$/.exec(path);
    if (!route) return sendJson(response, 404, { message: '404: Not Found', code: 0 });
    this.#onGatewayRequest(request, response, route[1] !== undefined);
  }

  /** As many IDENTIFYs at once as there are shards: ours cost nothing. */
  #onGatewayRequest(request: IncomingMessage, response: ServerResponse, isBot: boolean): void {
    const url = this.#publicUrl(request);
    if (!isBot) return sendJson(response, 200, { url });
    const token = (request.headers.authorization ?? '').replace(/^Bot /, '');
    if (this.#options.authenticator.authenticate(token) === undefined) {
      return sendJson(response, 401, { message: '401: Unauthorized', code: 0 });
    }
    const { shardCount } = this.#options.directory;
    if (shardCount === undefined) {
      response.setHeader('retry-after', RETRY_AFTER_S);
      return sendJson(response, 503, { message: 'shardmux does not know the number of shards yet', code: 0 });
    }
    const limit = { total: 1_000, remaining: 1_000, reset_after: 86_400_000, max_concurrency: shardCount };
    sendJson(response, 200, { url, shards: shardCount, session_start_limit: limit });
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', (error) => this.#options.log.debug({ reason: error.message }, 'worker socket failed'));
    const path = this.#options.readPath(request.url ?? '');
    const query = new URLSearchParams((request.url ?? '').split('?', 2)[1]);
    if (path.kind === 'invalid') return this.#refuse(socket, 404, 'connect to / or /shards/<n>');
    if (this.#isDraining) return this.#refuse(socket, 503, 'this node is draining; connect again');
    if (!this.#makeRoom()) {
      return this.#refuse(socket, 503, 'workers.maxConnections is reached');
    }
    const encoding = query.get('encoding') ?? 'json';
    if (encoding !== 'json')
      return this.#refuse(socket, 400, `encoding=${encoding} is not supported; use json`);
    const compression = query.get('compress');
    if (compression === 'zlib-stream' || compression === 'zstd-stream') {
      return this.#refuse(
        socket,
        400,
        `compress=${compression} is not supported yet; switch compression off in your library (see docs/libraries.md)`,
      );
    }
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const connection: WorkerConnection = new WorkerConnection({
        ...this.#options,
        webSocket,
        socket,
        pathShardId: path.kind === 'shard' ? path.shardId : undefined,
        resumeUrl: (shardId) => `${this.#publicUrl(request)}${this.#options.shardPath(shardId)}`,
        counts: this.counts,
        onAuthenticated: () => this.#unidentified.delete(connection),
        onClosed: () => {
          this.#connections.delete(connection);
          this.#unidentified.delete(connection);
        },
      });
      this.#connections.add(connection);
      this.#unidentified.add(connection);
      const version = query.get('v') ?? '10';
      if (!SUPPORTED_VERSIONS.has(version)) connection.close(Rejections.invalidApiVersion(version));
    });
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

  #publicUrl(request: IncomingMessage): string {
    const { publicUrl } = this.#options;
    if (publicUrl !== undefined) return publicUrl.replace(/\/+$/, '');
    // The first proxy in a row is the one that the worker spoke to.
    const [proto] = String(request.headers['x-forwarded-proto'] ?? '').split(',', 1);
    const scheme = /^(https|wss)$/i.test(proto?.trim() ?? '') ? 'wss' : 'ws';
    return `${scheme}://${request.headers.host ?? 'localhost'}`;
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

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function listenProblem(cause: NodeJS.ErrnoException, host: string, port: number): string {
  if (cause.code === 'EADDRINUSE') {
    return `workers.port: ${host}:${port} is in use by another process; choose another, or stop that one`;
  }
  if (cause.code === 'EADDRNOTAVAIL') return `workers.host: ${host} is no address of this machine`;
  return `workers.port: can't listen on ${host}:${port}: ${cause.message}`;
}
