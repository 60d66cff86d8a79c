/** Writes an answer, as well or as badly as asked for. HTTP/1.1 and HTTP/2. */
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Answer } from './answers.ts';
import type { Disturbance } from './faults.ts';

/** What Discord's answers have and pages of Cloudflare's have not is `Via`: by that libraries tell one from the other. */
const DISCORD_HEADERS = { via: '1.1 google', server: 'cloudflare', 'cf-ray': '0000000000000000-SIM' };

/** A slow body comes in so many pieces a second. */
const PIECES_PER_SECOND = 20;

/** A reset takes away what the client has not read yet: this long it has to see that an answer began. */
const BEFORE_RESET_MS = 30;

/** Resolves with whether all of it went out. */
export async function respond(
  response: ServerResponse,
  answer: Answer,
  disturbance: Disturbance,
): Promise<boolean> {
  // Of a client that goes away while an answer is written: 'close' tells it too.
  response.on('error', () => {});
  if (response.destroyed || response.writableEnded) return false;
  if (disturbance.reset === 'after-read') {
    reset(response);
    return false;
  }
  const body = bodyOf(answer);
  const isJson = answer.text === undefined && body.length > 0;
  response.writeHead(answer.status, {
    ...(answer.text === undefined ? DISCORD_HEADERS : {}),
    ...(isJson ? { 'content-type': 'application/json' } : {}),
    ...answer.headers,
    ...(answer.status === 204 ? {} : { 'content-length': body.length + (disturbance.lengthOffBy ?? 0) }),
  });
  if (disturbance.reset === 'mid-response') {
    await write(response, body.subarray(0, Math.ceil(body.length / 2)));
    await delay(BEFORE_RESET_MS);
    reset(response);
    return false;
  }
  if (disturbance.responseBytesPerSecond !== undefined) {
    await writeSlowly(response, body, disturbance.responseBytesPerSecond);
  }
  const rest = disturbance.responseBytesPerSecond === undefined ? body : Buffer.alloc(0);
  const isSent = await end(response, rest);
  // What is left of the connection can't be told from the next answer.
  if (disturbance.lengthOffBy !== undefined) response.socket?.end();
  return isSent;
}

/** Ends the connection as a crash would. */
export function reset(response: ServerResponse): void {
  const stream = 'stream' in response ? response.stream : undefined;
  // The reason for the cast: a response of HTTP/2 has the stream it is sent on, which the type of HTTP/1.1's does not know.
  const session = (stream as { session?: { destroy(): void } } | undefined)?.session;
  if (session) session.destroy();
  else response.socket?.resetAndDestroy();
}

function bodyOf({ body, text }: Answer): Buffer {
  if (text !== undefined) return Buffer.from(text);
  return body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body));
}

async function writeSlowly(response: ServerResponse, body: Buffer, bytesPerSecond: number): Promise<void> {
  const piece = Math.max(1, Math.floor(bytesPerSecond / PIECES_PER_SECOND));
  for (let at = 0; at < body.length && !response.destroyed; at += piece) {
    await write(response, body.subarray(at, at + piece));
    await delay((piece / bytesPerSecond) * 1_000);
  }
}

/** Also resolves when the client is gone. */
function write(response: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => response.write(bytes, () => resolve()));
}

function end(response: ServerResponse, bytes: Buffer): Promise<boolean> {
  if (response.destroyed) return Promise.resolve(false);
  return new Promise((resolve) => {
    response.once('close', () => resolve(response.writableFinished));
    response.end(bytes, () => resolve(true));
  });
}
