/**
 * The HTTP server for those who run a node: `/healthz` (restart me if this fails), `/readyz` (send workers here only if this
 * succeeds), `/metrics`, and what else a command shows. Not for workers.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What is checked, by name; `wrong` says what is wrong, without secrets. */
export type Checks = Readonly<Record<string, { ok: true } | { ok: false; wrong: string }>>;

export type StatusServerOptions = {
  host: string;
  /** 0 takes one of the system's choice. */
  port: number;
  /** What to change where it can't be had; left out, `status.port`. */
  portSetting?: string;
  health: () => Checks;
  readiness: () => Checks;
  metrics: { contentType: string; exposition(): Promise<string> };
  /** More to look at, as JSON, by path; without secrets. */
  pages?: Readonly<Record<string, () => object>>;
  /** Called when a check or a metric throws; the answer is 500. */
  onError?: (error: unknown) => void;
};

export type StatusServer = AsyncDisposable & { url: string; port: number };

export class StatusServerError extends Error {
  override readonly name = 'StatusServerError';
}

const PATHS = ['/healthz', '/readyz', '/metrics'];

/** How long a client may take to send its request, in ms. */
const REQUEST_TIMEOUT_MS = 5_000;

/** Throws a StatusServerError where it can't listen. */
export async function startStatusServer(options: StatusServerOptions): Promise<StatusServer> {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => {
      answer(options, request, response).catch((error: unknown) => {
        options.onError?.(error);
        if (!response.headersSent)
          sendJson(response, 500, {
            status: 'error',
            wrong: 'a check or a metric failed; the log says more',
          });
      });
    },
  );
  await listening(server, options);
  const { port } = server.address() as AddressInfo; // listens on TCP, so not a path
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function listening(server: Server, { host, port, portSetting }: StatusServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const busy = cause.code === 'EADDRINUSE';
      const setting =
        busy || cause.code === 'EACCES'
          ? (portSetting ?? 'status.port (SHARDMUX_STATUS_PORT)')
          : 'status.host (SHARDMUX_STATUS_HOST)';
      const reason = busy ? 'another process listens there' : `the system says ${cause.code}`;
      reject(
        new StatusServerError(
          `The status server can't listen on ${host} port ${port}: ${reason}. Change ${setting}.`,
          { cause },
        ),
      );
    });
    server.listen(port, host, resolve);
  });
}

async function answer(
  options: StatusServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url?.split('?', 1)[0] ?? '';
  const pages = options.pages ?? {};
  const paths = [...PATHS, ...Object.keys(pages)];
  if (!paths.includes(path)) return sendJson(response, 404, { status: 'not found', paths });
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return sendJson(response, 405, { status: 'method not allowed' });
  }
  if (path === '/metrics') {
    const text = await options.metrics.exposition();
    response
      .writeHead(200, { 'content-type': options.metrics.contentType, 'cache-control': 'no-store' })
      .end(text);
    return;
  }
  const page = pages[path];
  if (page) return sendJson(response, 200, page());
  const checks = path === '/healthz' ? options.health() : options.readiness();
  const isOk = Object.values(checks).every(({ ok }) => ok);
  sendJson(response, isOk ? 200 : 503, { status: isOk ? 'ok' : 'failing', checks });
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response
    .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(`${JSON.stringify(body)}\n`);
}
