/** What the byte tap (src/upstream/byte-tap.ts) rests on in `@discordjs/ws`: fails when an upgrade changes it. */
import type { AddressInfo } from 'node:net';
import {
  Encoding,
  type IContextFetchingStrategy,
  type SessionInfo,
  WebSocketShardDestroyRecovery,
  WebSocketShardStatus,
} from '@discordjs/ws';
import { afterEach, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { TRANSPORT_COMPRESSIONS, type TransportCompression } from '../../src/protocol/compression.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { createEncoder } from '../../src/simulator/encoders.ts';
import { libraryCompression, type TappedConnection, TappedShard } from '../../src/upstream/byte-tap.ts';
import { eventually } from '../support/eventually.ts';
import { stays } from '../support/stays.ts';

const stack: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const owned of stack.splice(0)) await owned.disposeAsync();
});

interface Setup {
  shard: TappedShard;
  connections: TappedConnection[];
  /** The other ends, with what they received. */
  peers: { socket: WebSocket; url: string; received: { op: number; d: unknown }[]; closeCode?: number }[];
}

/** A shard that connects to a server of the test's own. */
async function tappedShard(
  compression: TransportCompression,
  {
    session = null,
    onConnection,
  }: { session?: Partial<SessionInfo> | null; onConnection?: (c: TappedConnection) => void } = {},
): Promise<Setup> {
  const owned = new AsyncDisposableStack();
  stack.push(owned);
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  owned.defer(() => new Promise<void>((resolve) => server.close(() => resolve())));
  owned.defer(() => {
    for (const client of server.clients) client.terminate();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const peers: Setup['peers'] = [];
  server.on('connection', (socket, request) => {
    const peer: Setup['peers'][number] = { socket, url: request.url ?? '', received: [] };
    peers.push(peer);
    socket.on('message', (data) => peer.received.push(JSON.parse(String(data))));
    socket.on('close', (code) => {
      peer.closeCode = code;
    });
  });
  const strategy: IContextFetchingStrategy = {
    options: {
      token: 'token',
      intents: 0,
      shardCount: 1,
      initialPresence: null,
      largeThreshold: null,
      identifyProperties: { browser: 'b', device: 'd', os: 'o' },
      version: '10',
      encoding: Encoding.JSON,
      compression: libraryCompression(compression),
      useIdentifyCompression: false,
      handshakeTimeout: 5_000,
      helloTimeout: 5_000,
      readyTimeout: 5_000,
      gatewayInformation: {
        url,
        shards: 1,
        session_start_limit: { total: 0, remaining: 0, reset_after: 0, max_concurrency: 1 },
      },
    },
    retrieveSessionInfo: () =>
      (session && {
        shardId: 0,
        shardCount: 1,
        sessionId: 's',
        sequence: 3,
        resumeURL: url,
        ...session,
      }) as SessionInfo,
    updateSessionInfo: () => undefined,
    waitForIdentify: async () => undefined,
  };
  const connections: TappedConnection[] = [];
  const shard = new TappedShard(strategy, 0, systemClock, (connection) => {
    connections.push(connection);
    onConnection?.(connection);
  });
  shard.on('error', () => undefined);
  owned.defer(() => shard.destroy());
  shard.connect().catch(() => undefined);
  await eventually(() => peers.length === 1);
  return { shard, connections, peers };
}

const HELLO = '{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":60000}}';
const READY = '{"t":"READY","s":1,"op":0,"d":{"session_id":"s","resume_gateway_url":"ws://x"}}';

it('hands over the connection once a connect, before it opens, with the library not listening', async () => {
  const seen: { readyState: number; onmessage: unknown }[] = [];
  const { connections, peers } = await tappedShard('none', {
    onConnection: ({ socket }) => seen.push({ readyState: socket.readyState, onmessage: socket.onmessage }),
  });
  expect(seen).toEqual([{ readyState: 0, onmessage: null }]);
  expect(connections).toHaveLength(1);
  peers[0]?.socket.send(HELLO);
  peers[0]?.socket.send(READY);
  await new Promise((resolve) => setImmediate(resolve));
  // What was not delivered, the library does not know.
  expect(peers[0]?.received).toEqual([]);
});

it.each(
  TRANSPORT_COMPRESSIONS,
)('asks for compression %s in its URL, and inflates nothing itself', async (compression) => {
  const { shard, peers, connections } = await tappedShard(compression);
  const query = new URLSearchParams(peers[0]?.url.split('?')[1]);
  expect(query.get('compress')).toBe(compression === 'none' ? null : compression);
  expect(query.get('v')).toBe('10');
  expect(shard).toMatchObject({ nativeInflate: null, zLibSyncInflate: null });
  // Bytes that only we can read, and a text that the library takes as it is.
  const frames: Buffer[] = [];
  connections[0]?.socket.on('message', (data) => frames.push(data as Buffer));
  using encoder = createEncoder(compression);
  peers[0]?.socket.send(encoder.encode(Buffer.from(HELLO)).bytes);
  await eventually(() => frames.length === 1);
  expect(Buffer.isBuffer(frames[0])).toBe(true);
  connections[0]?.deliver(HELLO);
  await eventually(() => peers[0]?.received[0]?.op === 2);
  connections[0]?.deliver(READY);
  await eventually(() => shard.status === WebSocketShardStatus.Ready);
});

it('RESUMEs by what retrieveSessionInfo says', async () => {
  const { peers, connections, shard } = await tappedShard('none', { session: {} });
  await eventually(() => connections[0]?.socket.readyState === 1);
  connections[0]?.deliver(HELLO);
  await eventually(() => peers[0]?.received.length === 1);
  expect(peers[0]?.received[0]).toEqual({ op: 6, d: { token: 'token', seq: 3, session_id: 's' } });
  connections[0]?.deliver('{"t":"RESUMED","s":4,"op":0,"d":{}}');
  await eventually(() => shard.status === WebSocketShardStatus.Ready);
});

async function resumedShard(): Promise<Setup> {
  const setup = await tappedShard('none', { session: {} });
  const { connections, peers, shard } = setup;
  await eventually(() => connections[0]?.socket.readyState === 1);
  connections[0]?.deliver(HELLO);
  await eventually(() => peers[0]?.received[0]?.op === 6);
  connections[0]?.deliver('{"t":"RESUMED","s":4,"op":0,"d":{}}');
  await eventually(() => shard.status === WebSocketShardStatus.Ready);
  return setup;
}

it('closes after op 7 so that the session stays, and connects again with a connection of its own', async () => {
  const { connections, peers } = await resumedShard();
  connections[0]?.deliver('{"t":null,"s":null,"op":7,"d":null}');
  await eventually(() => connections.length === 2);
  expect(peers[0]?.closeCode).toBe(4200);
});

it('RESUMEs on the same connection after op 9, resumable', async () => {
  const { connections, peers } = await resumedShard();
  connections[0]?.deliver('{"t":null,"s":null,"op":9,"d":true}');
  await eventually(() => peers[0]?.received.length === 2);
  expect(peers[0]?.received.map(({ op }) => op)).toEqual([6, 6]);
  expect(connections).toHaveLength(1);
});

it.each([
  ['HELLO', [], 0],
  ['READY', [HELLO], 1],
  ['nothing', [HELLO, READY], 1],
] as const)('ends where it is destroyed while waiting for %s, and stays so', async (_, payloads, identifies) => {
  const { connections, peers, shard } = await tappedShard('none');
  await eventually(() => connections[0]?.socket.readyState === 1);
  for (const payload of payloads) {
    connections[0]?.deliver(payload);
    await eventually(() => peers[0]?.received.length === identifies);
  }
  await shard.destroy({ code: 4200 });
  await eventually(() => peers[0]?.closeCode === 4200);
  // Longer than the library's pause before it connects again.
  await stays(() => connections.length === 1, 700);
  expect(shard.status).toBe(WebSocketShardStatus.Idle);
});

it('cuts a peer that does not answer our close, and goes on', async () => {
  const { connections, peers, shard } = await tappedShard('none');
  await eventually(() => connections[0]?.socket.readyState === 1);
  peers[0]?.socket.pause();
  void shard.destroy({ code: 4200, recover: WebSocketShardDestroyRecovery.Resume });
  await eventually(() => connections.length === 2, 4_000);
});
