/**
 * As much of Discord as the three middles need: GET /gateway/bot, HELLO, READY, heartbeat ACKs. It is kind where the
 * simulator is strict, and keeps nothing: a RESUME or a lost connection voids the measurement.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { Opcode } from '../../src/protocol/opcodes.ts';

const HEARTBEAT_INTERVAL_MS = 41_250;
export const READY_SEQUENCE = 1;
const APPLICATION_ID = '100000000000000001';

export interface FakeDiscord {
  readonly port: number;
  /** Of the first event: READY and the guilds come before. */
  readonly firstEventSequence: number;
  /** The connection that has identified, for writing finished frames to; none before READY. */
  liveSocket(): Socket | null;
}

/** The bot's guilds, if it has any. */
export interface FakeGuilds {
  readonly unavailableGuilds: readonly object[];
  bodies(): readonly string[];
}

export function readyDispatch(port: number, shard: unknown, guilds: readonly object[] = []): object {
  const user = { id: APPLICATION_ID, username: 'bench', discriminator: '0', bot: true, avatar: null };
  return {
    t: 'READY',
    s: READY_SEQUENCE,
    op: Opcode.Dispatch,
    d: {
      v: 10,
      user,
      guilds,
      private_channels: [],
      session_id: 'b'.repeat(32),
      session_type: 'normal',
      resume_gateway_url: `ws://127.0.0.1:${port}`,
      shard,
      application: { id: APPLICATION_ID, flags: 0 },
    },
  };
}

/** Answers GET /gateway/bot, for one shard. */
export function gatewayAnswer(request: IncomingMessage, response: ServerResponse, port: number): void {
  const known = /^\/api\/v\d+\/gateway(\/bot)?$/.test(request.url ?? '');
  const gateway = {
    url: `ws://127.0.0.1:${port}`,
    shards: 1,
    session_start_limit: { total: 1000, remaining: 1000, reset_after: 86_400_000, max_concurrency: 1 },
  };
  const body = JSON.stringify(known ? gateway : { message: '404: Not Found', code: 0 });
  response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' }).end(body);
}

export async function startDiscord(
  onFailure: (reason: string) => void,
  guilds?: FakeGuilds,
): Promise<FakeDiscord> {
  let live: Socket | null = null;
  let port = 0;
  const { unavailableGuilds = [] } = guilds ?? {};

  function answerPayload(websocket: WebSocket, socket: Socket, text: string): void {
    const payload = JSON.parse(text) as { op: number; d?: { shard?: unknown } };
    const reply = (body: object) => websocket.send(JSON.stringify(body));
    if (payload.op === Opcode.Heartbeat) reply({ t: null, s: null, op: Opcode.HeartbeatAck, d: null });
    else if (payload.op === Opcode.Identify) {
      reply(readyDispatch(port, payload.d?.shard ?? [0, 1], unavailableGuilds));
      for (const [index, body] of (guilds?.bodies() ?? []).entries())
        websocket.send(`{"t":"GUILD_CREATE","s":${READY_SEQUENCE + 1 + index},"op":0,"d":${body}}`);
      live = socket;
    } else if (payload.op === Opcode.Resume)
      onFailure('the middle tried to RESUME: it had lost its connection');
  }

  const server = createServer((request, response) => gatewayAnswer(request, response, port));
  const websockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on('upgrade', (request, stream, head) => {
    const socket = stream as Socket; // node:http types it as Duplex; a plain server's is always a net.Socket.
    websockets.handleUpgrade(request, socket, head, (websocket) => {
      websocket.on('message', (message) => answerPayload(websocket, socket, String(message)));
      websocket.on('error', () => {}); // `close` follows and says what there is to say.
      websocket.on('close', (code) => {
        if (live === socket) onFailure(`the middle closed its connection to the source (${code})`);
      });
      const hello = { heartbeat_interval: HEARTBEAT_INTERVAL_MS, _trace: [] };
      websocket.send(JSON.stringify({ t: null, s: null, op: Opcode.Hello, d: hello }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = (server.address() as AddressInfo).port; // An object, as it listens on TCP.
  const firstEventSequence = READY_SEQUENCE + 1 + unavailableGuilds.length;
  return { port, firstEventSequence, liveSocket: () => live };
}
