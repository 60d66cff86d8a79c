/** The connections to Discord's API, or to the egress proxy before it. Knows nothing of workers and limits. */
import type { Readable } from 'node:stream';
import { type Dispatcher, Pool } from 'undici';
import { wayOut } from '../../runtime/way-out.ts';

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
    const allowHttp2 = protocol === 'http2';
    const connectTimeoutMs = CONNECT_TIMEOUT_MS;
    const { origin, host, connect } = wayOut({ url: apiUrl, egressUrl, ca, connectTimeoutMs, allowHttp2 });
    this.#host = host;
    this.#prefix = new URL(apiUrl).pathname.replace(/\/api(?:\/v\d+)?\/*$/, '').replace(/\/+$/, '');
    this.#pool = new Pool(origin, {
      connect,
      allowH2: allowHttp2,
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
