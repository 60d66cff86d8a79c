/**
 * The stock way: @discordjs/ws receives and parses, each dispatch is serialised again and sent with `ws` to the worker
 * that has identified. As bots do it today; nothing in it is made slow on purpose.
 */
import { once } from 'node:events';
import { WebSocketManager, type WebSocketManagerOptions, WebSocketShardEvents } from '@discordjs/ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { botToken, discordUrl, sayListening } from './middle.ts';

const HEARTBEAT_INTERVAL_MS = 41_250;
const INTENTS = (1 << 0) | (1 << 9);

/** The one thing the manager asks of a REST client is a GET of the gateway's address. */
const rest = {
  get: async (route: string) => (await fetch(`${discordUrl.href}${route}`)).json(),
} as unknown as WebSocketManagerOptions['rest'];

const manager = new WebSocketManager({ token: botToken, intents: INTENTS, rest, shardCount: 1 });
let ready = '';
let worker: WebSocket | null = null;

manager.on(WebSocketShardEvents.Dispatch, (payload) => {
  const text = JSON.stringify(payload);
  if (payload.t === 'READY') ready = text;
  else worker?.send(text);
});
manager.on(WebSocketShardEvents.Error, (error) => {
  throw error;
});

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
server.on('connection', (socket) => {
  socket.on('message', (message) => {
    const payload = JSON.parse(String(message)) as { op: number };
    if (payload.op === Opcode.Heartbeat) {
      socket.send(JSON.stringify({ t: null, s: null, op: Opcode.HeartbeatAck, d: null }));
    } else if (payload.op === Opcode.Identify) {
      socket.send(ready);
      worker = socket;
    }
  });
  const hello = { heartbeat_interval: HEARTBEAT_INTERVAL_MS, _trace: [] };
  socket.send(JSON.stringify({ t: null, s: null, op: Opcode.Hello, d: hello }));
});
await Promise.all([manager.connect(), once(server, 'listening'), once(manager, WebSocketShardEvents.Ready)]);
sayListening(server.address());
