/** A worker that IDENTIFYs, and goes when it has all its guilds. */
import { WebSocket } from 'ws';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { BOT_TOKEN } from '../launch.ts';
import { monotonicUs } from '../wire.ts';

const INTENTS = (1 << 0) | (1 << 9);
const GUILD = /^\{"t":"GUILD_(?:CREATE|DELETE)"/;
const HEADER_BYTES = 40;

/** Resolves with the moment at which the last of them has come, in us of the monotonic clock. */
export function receiveGuilds(url: string, count: number): Promise<number> {
  const socket = new WebSocket(`${url}?v=10&encoding=json`, { perMessageDeflate: false });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let left = count;
  socket.on('open', () => {
    const d = { token: BOT_TOKEN, intents: INTENTS, shard: [0, 1], properties: {} };
    socket.send(JSON.stringify({ op: Opcode.Identify, d }));
  });
  socket.on('message', (data) => {
    // One Buffer a message, as long as nobody asks `ws` for another type.
    if (!GUILD.test((data as Buffer).toString('latin1', 0, HEADER_BYTES)) || --left > 0) return;
    resolve(monotonicUs());
    socket.terminate();
  });
  socket.on('error', reject);
  socket.on('close', (code) => reject(new Error(`the worker that IDENTIFYed was closed: ${code}`)));
  return promise;
}
