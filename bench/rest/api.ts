/**
 * The process of the fake API: Discord's headers and as much of its limits as a limiter needs, on bare sockets so that it takes little of
 * the machine. What does not come with the bot's token ends the measurement.
 */
import { createServer, type Socket } from 'node:net';
import { BOT_TOKEN } from '../launch.ts';
import { fail } from '../messages.ts';
import type { FromApi } from './messages.ts';
import { answerOf, type Shape } from './shapes.ts';
import { MessageSplitter } from './splitter.ts';

/** Of each channel for each shape, fixed windows. No bucket comes near it: the limiter works, and nothing waits. */
const LIMIT = 1_000;
const WINDOW_MS = 1_000;

interface Window {
  endMs: number;
  used: number;
}

const windows = new Map<string, Window>();

function answerTo(head: string): string {
  const shape: Shape = head.startsWith('GET') ? 'get' : 'post';
  const bucket = head.slice(0, head.indexOf('/messages'));
  const nowMs = Date.now();
  let window = windows.get(bucket);
  if (!window) {
    window = { endMs: 0, used: 0 };
    windows.set(bucket, window);
  }
  if (nowMs >= window.endMs) {
    window.endMs = nowMs + WINDOW_MS;
    window.used = 0;
  }
  window.used++;
  if (window.used > LIMIT) fail('a bucket of the fake API ran full: there are too few of them for this load');
  const limit = { limit: LIMIT, remaining: LIMIT - window.used, resetAfterMs: window.endMs - nowMs };
  return answerOf(shape, limit, nowMs);
}

function serve(socket: Socket): void {
  let head = '';
  const splitter = new MessageSplitter({
    onHead: (text) => {
      head = text;
      if (!text.includes(` Bot ${BOT_TOKEN}`)) fail(`a request came without the bot's token:\n${text}`);
    },
    onEnd: () => socket.write(answerTo(head), 'latin1'),
  });
  socket.on('data', (chunk) => splitter.push(chunk));
  socket.on('error', () => socket.destroy());
}

const server = createServer({ noDelay: true }, serve);
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('not listening on TCP');
  process.send?.({ type: 'listening', port: address.port } satisfies FromApi);
});
process.on('disconnect', () => process.exit(0));
