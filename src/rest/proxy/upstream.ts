/** The connections to Discord's API, or to the egress proxy before it. Knows nothing of workers and limits. */
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { buildConnector, type Dispatcher, Pool } from 'undici';

export interface UpstreamOptions {
  /** `discord.apiUrl`: the origin, and whatever stands before `/api`. */
  readonly apiUrl: string;
  /** `http://host:port` to connect to in place of the API's own origin. */
  readonly egressUrl: string | undefined;
  readonly protocol: 'http1' | 'http2';
  /** PEM; in place of the authorities that Node comes with. */
  readonly ca: string | undefined;
  readonly maxConnections: number;
  /** Until the head of an answer, and between two pieces of its body. */
  readonly timeoutMs: number;
}

export interface UpstreamRequest {
  readonly method: string;
  /** From `/api` on. */
  readonly target: string;
  /** Names and values in turn; `Host` is added. */
  readonly headers: string[];
  readonly body: Buffer | Readable | null;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** Cloudflare keeps idle connections for longer than this: ours is the side that closes them. */
const KEEP_ALIVE_MS = 30_000;
/** Streams of one HTTP/2 connection. */
const MAX_STREAMS = 100;
/** Discord's answers have some 2 KiB of headers. */
const MAX_HEADER_BYTES = 32 * 1024;

export class Upstream implements AsyncDisposable {
  readonly #pool: Pool;
  readonly #host: string;
  readonly #prefix: string;

  constructor({ apiUrl, egressUrl, protocol, ca, maxConnections, timeoutMs }: UpstreamOptions) {
    const api = new URL(apiUrl);
    const target = new URL(egressUrl ?? api.origin);
    this.#host = api.host;
    this.#prefix = api.pathname.replace(/\/api(?:\/v\d+)?\/*$/, '').replace(/\/+$/, '');
    // The certificate is that of whom we connect to, whatever `Host` says; TLS knows no names that are addresses.
    const isAddress = isIP(target.hostname.replace(/^\[|\]$/g, '')) !== 0;
    const named = isAddress ? {} : { servername: target.hostname };
    const connect = buildConnector({
      timeout: CONNECT_TIMEOUT_MS,
      allowH2: protocol === 'http2',
      ...(ca === undefined ? {} : { ca }),
    });
    this.#pool = new Pool(target.origin, {
      connect: ({ servername: _, ...options }, callback) => connect({ ...options, ...named }, callback),
      allowH2: protocol === 'http2',
      connections: maxConnections,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      h2Options: { maxConcurrentStreams: MAX_STREAMS },
    });
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#pool.stats.connected;
  }

  /** Calls the handler, at once or later; throws for what can't be sent at all. Runs per request. */
  dispatch({ method, target, headers, body }: UpstreamRequest, handler: Dispatcher.DispatchHandler): void {
    headers.push('host', this.#host);
    this.#pool.dispatch({ method, path: this.#prefix + target, headers, body }, handler);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }
}
