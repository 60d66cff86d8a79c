/** Ports on 127.0.0.1 that stay ours while the process that listens on them is restarted. */
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the range from which Linux takes the local ports of outgoing connections (32768 up): one of those could sit on our port
 * just while the node is down.
 */
const LOWEST = 20_000;
const COUNT = 12_000;
const MAX_ATTEMPTS = 200;

/** Different ports that nobody listens on, at random places so that several demos run side by side. */
export async function freePorts(count: number): Promise<number[]> {
  const free = new Set<number>();
  for (let attempt = 0; attempt < MAX_ATTEMPTS && free.size < count; attempt += 1) {
    const port = LOWEST + Math.floor(Math.random() * COUNT);
    if (await isFree(port)) free.add(port);
  }
  if (free.size < count) throw new Error(`no ${count} free ports between ${LOWEST} and ${LOWEST + COUNT}`);
  return [...free];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
    await once(server.close(), 'close');
    return true;
  } catch {
    return false;
  }
}
