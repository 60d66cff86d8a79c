/** The port that workers send their REST requests to: HTTP/1.1, strictly read, and bounded in connections, headers and time. */
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { within } from '../../runtime/within.ts';
import { YoungGarbage } from '../../runtime/young-garbage.ts';
import { ProxyCounts } from './counts.ts';
import { Exchange } from './exchange.ts';
import type { ExchangeContext } from './exchange-context.ts';
import { Health } from './health.ts';
import { HeldBytes } from './held-bytes.ts';
import { KnownCallers } from './known-callers.ts';
import {
  EXPECTATION_FAILED,
  malformed,
  type OwnAnswer,
  TOO_MANY_CONNECTIONS,
  upgradeRefused,
} from './own-answers.ts';
import type { ProxyOptions } from './ports.ts';
import { Reachability } from './reachability.ts';
import { MAX_HEADERS } from './request-head.ts';
import { respond, respondRaw } from './respond.ts';

/** The port is taken, or may not be used. */
export class RestServerError extends Error {
  override readonly name = 'RestServerError';
}

/** All headers of a request together. */
const MAX_HEADER_BYTES = 32 * 1024;
/** Longer than stock clients keep idle connections, so that theirs is the side that closes. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;
/**
 * Connections that may wait to be taken; the system may allow fewer (net.core.somaxconn). With few, a burst of them makes a balancer try
 * another node, which then has to ask for channels that are this one's.
 */
const BACKLOG = 4_096;
/** How often connections are looked at that send too slowly. */
const CHECK_INTERVAL_MS = 1_000;
/** How long after the last turn a large upload may take in all. */
const UPLOAD_MS = 600_000;
/** What is in flight when the time for a graceful end is over, and what waited, gets this long to be told so. */
const LAST_ANSWERS_MS = 1_000;

interface Connection {
  newest: ServerResponse | undefined;
}

export class RestServer implements AsyncDisposable {
  readonly counts = new ProxyCounts();
  readonly #options: ProxyOptions;
  readonly #server: Server;
  readonly #held: HeldBytes;
  readonly #health: Health;
  readonly #reachability: Reachability;
  readonly #context: ExchangeContext;
  /** With the newest response on each: a parser's complaint must not be written into the midst of one. */
  readonly #sockets = new Map<Duplex, Connection>();
  #isDraining = false;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(options: ProxyOptions) {
    const { limits, log } = options;
    this.#options = options;
    this.#held = new HeldBytes(limits.maxHeldBytes);
    this.#health = new Health(options.clock);
    this.#reachability = new Reachability(log);
    this.#context = {
      options,
      counts: this.counts,
      held: this.#held,
      garbage: new YoungGarbage(),
      callers: new KnownCallers(options.authenticator),
      reachability: this.#reachability,
      isDraining: () => this.#isDraining,
    };
    this.#server = createServer({
      insecureHTTPParser: false,
      // A request without is refused in our words.
      requireHostHeader: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: limits.headersTimeoutMs,
      // A large body waits in its socket for its turn.
      requestTimeout: limits.maxDeadlineMs + UPLOAD_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      noDelay: true,
    });
    // Node cuts off what is more than this, so that one more shows that there are too many.
    this.#server.maxHeadersCount = MAX_HEADERS + 1;
    this.#listenTo(this.#server);
  }

  /** Resolves with the port. Rejects with a `RestServerError`. */
  listen(): Promise<number> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause: NodeJS.ErrnoException) => {
        const reason =
          cause.code === 'EADDRINUSE' ? 'another process listens there' : `the system says ${cause.code}`;
        const setting =
          cause.code === 'EADDRINUSE' || cause.code === 'EACCES'
            ? 'rest.port (SHARDMUX_REST_PORT)'
            : 'rest.host (SHARDMUX_REST_HOST)';
        const text = `Workers' requests can't be taken on ${host} port ${port}: ${reason}. Change ${setting}.`;
        reject(new RestServerError(text, { cause }));
      });
      this.#server.listen({ port, host, backlog: BACKLOG }, () => {
        // The reason for the cast: it listens on TCP, so its address is no path.
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** To Discord. */
  get upstreamConnections(): number {
    const upstreams = new Set(this.#options.applications.map(({ upstream }) => upstream));
    return [...upstreams].reduce((sum, { connections }) => sum + connections, 0);
  }

  get heldBytes(): number {
    return this.#held.bytes;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  get isDiscordReachable(): boolean {
    return this.#reachability.isReachable;
  }

  /** Tokens that were good may not be any more: each is looked at again. */
  forgetCallers(): void {
    this.#context.callers.forget();
  }

  /**
   * Takes no new connection as soon as a balancer, if there is one, knows it. Resolves when nothing is in flight or after `limitMs`;
   * then what waits is refused.
   */
  async drain(limitMs: number): Promise<void> {
    this.#isDraining = true;
    await this.#health.noticed();
    this.#server.close();
    const { clock, applications } = this.#options;
    await within(clock, limitMs, this.#untilIdle());
    for (const { limiter } of applications) limiter[Symbol.dispose]();
    await within(clock, LAST_ANSWERS_MS, this.#untilIdle());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDraining = true;
    const closed = new Promise<void>((resolve) => {
      if (this.#server.listening) this.#server.close(() => resolve());
      else resolve();
    });
    for (const socket of this.#sockets.keys()) socket.destroy();
    await closed;
  }

  #listenTo(server: Server): void {
    server.on('connection', (socket: Socket) => this.#onConnection(socket));
    server.on('request', (request, response) => this.#onRequest(request, response, false));
    server.on('checkContinue', (request, response) => this.#onRequest(request, response, true));
    server.on('checkExpectation', (_request, response) => respond(response, EXPECTATION_FAILED, true));
    const refuse = (request: IncomingMessage, socket: Duplex) =>
      this.#refuse(socket, upgradeRefused(request.method));
    server.on('connect', refuse);
    server.on('upgrade', refuse);
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      this.#onMalformed(error.code, socket);
    });
  }

  #onConnection(socket: Socket): void {
    if (this.#sockets.size >= this.#options.limits.maxConnections) {
      socket.on('error', () => undefined);
      return this.#refuse(socket, TOO_MANY_CONNECTIONS);
    }
    this.#sockets.set(socket, { newest: undefined });
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #onRequest(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const health = this.#health.answer(request, this.#isDraining);
    if (health) return respond(response, health, this.#isDraining);
    const connection = this.#sockets.get(request.socket);
    if (connection) connection.newest = response;
    new Exchange(this.#context, request, response, expectsContinue).run().then(() => {
      if (this.counts.inFlight === 0) this.#idle?.resolve();
    });
  }

  #onMalformed(code: string | undefined, socket: Duplex): void {
    // An idle connection that its other end has cut; a request that was on it tells of it by itself.
    if (code === 'ECONNRESET' || code === 'EPIPE') {
      socket.destroy();
      return;
    }
    this.counts.failed('malformed');
    const answer = malformed(code);
    const response = this.#sockets.get(socket)?.newest;
    if (!response || response.writableFinished) this.#refuse(socket, answer);
    // A whole request came before it, and has its answer first.
    else if (response.req.complete) response.once('finish', () => this.#refuse(socket, answer));
    else if (response.headersSent) socket.destroy();
    else this.#refuse(socket, answer);
  }

  #refuse(socket: Duplex, answer: OwnAnswer): void {
    this.counts.answered('-', answer.status);
    respondRaw(socket, answer, STATUS_CODES[answer.status] ?? '');
  }

  #untilIdle(): Promise<void> {
    if (this.counts.inFlight === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }
}
