/** Writes our own answers, as a response or straight into a socket; and gets rid of what a worker still sends after its answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../runtime/clock.ts';
import type { OwnAnswer } from './own-answers.ts';

/** Where `Via` is missing, libraries take a 429 for a ban. */
const VIA = '1.1 shardmux';

/** How much of a request is read after its answer, so that a worker that is still sending gets to see the answer. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;
const MAX_DISCARD_MS = 10_000;

export function respond(
  response: ServerResponse,
  { status, body, headers }: OwnAnswer,
  close: boolean,
): void {
  if (response.headersSent || response.destroyed) return;
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    via: VIA,
    ...headers,
    ...(close ? { connection: 'close' } : {}),
  });
  response.end(text);
}

/** Where there is no response to write into; the connection ends with it. */
export function respondRaw(socket: Duplex, { status, body, headers }: OwnAnswer, reason: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const text = JSON.stringify(body);
  const lines = [
    `HTTP/1.1 ${status} ${reason}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(text)}`,
    `Via: ${VIA}`,
    ...Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`),
    'Connection: close',
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${text}`, () => socket.destroy());
}

/** A connection closed on a worker that sends would take the answer away from it. */
export function discardRest(request: IncomingMessage, clock: Clock): void {
  if (request.complete || request.destroyed) return;
  let bytes = 0;
  const cut = () => request.socket.destroy();
  const timer = clock.setTimer(cut, MAX_DISCARD_MS);
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_DISCARDED_BYTES) cut();
  });
  request.once('close', () => timer[Symbol.dispose]());
  request.resume();
}
