/**
 * The least that a correct proxy on `undici` does: headers of one hop are dropped, the token is replaced, bodies flow both ways at the pace of
 * the slower side, and who goes away on one side is told to the other. No limits, no bounds, no refusals, no counts.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Dispatcher, Pool } from 'undici';
import { botToken, discordUrl, sayListening } from '../middles/middle.ts';

/** As `rest.maxUpstreamConnections` by default. */
const CONNECTIONS = 256;
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'te', 'trailer', 'upgrade']);

const pool = new Pool(discordUrl.origin, { connections: CONNECTIONS });

function requestHeaders(raw: readonly string[]): string[] {
  const headers = ['host', discordUrl.host, 'authorization', `Bot ${botToken}`];
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? '';
    const lower = name.toLowerCase();
    if (lower === 'host' || lower === 'authorization' || HOP_BY_HOP.has(lower)) continue;
    headers.push(name, raw[at + 1] ?? '');
  }
  return headers;
}

function answerHeaders(raw: readonly (Buffer | string)[]): string[] {
  const headers: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = String(raw[at]);
    if (HOP_BY_HOP.has(name.toLowerCase())) continue;
    headers.push(name, raw[at + 1]?.toString('latin1') ?? '');
  }
  return headers;
}

class Passing implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#response.once('close', () => {
      if (!this.#response.writableFinished) controller.abort(new Error('the client went away'));
    });
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200) return;
    this.#response.sendDate = false;
    // HTTP/1.1 has them as pairs.
    this.#response.writeHead(status, answerHeaders(controller.rawHeaders as Buffer[]));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#response.write(chunk)) return;
    controller.pause();
    this.#response.once('drain', () => controller.resume());
  }

  onResponseEnd(): void {
    this.#response.end();
  }

  onResponseError(): void {
    if (this.#response.headersSent) this.#response.destroy();
    else this.#response.writeHead(502).end();
  }
}

function pass(request: IncomingMessage, response: ServerResponse): void {
  const hasBody = request.headers['content-length'] !== undefined || 'transfer-encoding' in request.headers;
  pool.dispatch(
    {
      method: request.method ?? 'GET',
      path: request.url ?? '/',
      headers: requestHeaders(request.rawHeaders),
      body: hasBody ? request : null,
    },
    new Passing(response),
  );
}

const server = createServer({ noDelay: true }, pass);
server.listen(0, '127.0.0.1', () => sayListening(server.address()));
