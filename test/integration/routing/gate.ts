/** A stats socket that passes every line on to a HAProxy and lets a test see it first. Not a test itself. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Haproxy } from '../../support/haproxy.ts';

export interface Gate extends AsyncDisposable {
  readonly path: string;
  /** All lines so far, in order. */
  readonly lines: readonly string[];
}

/** `onLine` is called before the line is carried out. */
export async function startGate(haproxy: Haproxy, onLine: (line: string) => void = () => {}): Promise<Gate> {
  const directory = await mkdtemp(join(tmpdir(), 'shardmux-gate-'));
  const path = join(directory, 'stats.sock');
  const lines: string[] = [];
  const server = createServer((socket) => {
    let text = '';
    socket.on('error', () => {});
    socket.on('data', async (chunk) => {
      text += chunk.toString();
      if (!text.endsWith('\n')) return;
      lines.push(text.trim());
      onLine(text.trim());
      socket.end(await haproxy.command(text.trim()));
    });
  }).listen(path);
  await once(server, 'listening');
  const stop = async () => {
    await once(server.close(), 'close');
    await rm(directory, { recursive: true });
  };
  return { path, lines, [Symbol.asyncDispose]: stop };
}
