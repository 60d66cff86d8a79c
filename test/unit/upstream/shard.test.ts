/** What an upstream shard does with a Discord that misbehaves, over real sockets. */
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { systemClock } from '../../../src/runtime/clock.ts';
import { type DispatchSink, UpstreamShard, type UpstreamShardOptions } from '../../../src/upstream/index.ts';
import { eventually } from '../../support/eventually.ts';
import { stays } from '../../support/stays.ts';

class RecordingSink implements DispatchSink {
  head = 0;
  readonly taken: number[] = [];
  readonly lost: string[] = [];
  sessions = 0;
  sessionStarted(_session: unknown, sequence: number): void {
    this.head = sequence;
    this.sessions++;
  }
  dispatch(sequence: number): void {
    this.head = sequence;
    this.taken.push(sequence);
  }
  skip(sequence: number): void {
    this.head = sequence;
  }
  connected(): void {}
  disconnected(): void {}
  sessionLost(reason: string): void {
    this.lost.push(reason);
  }
}

interface Peer {
  readonly socket: WebSocket;
  readonly received: { op: number; d: Record<string, unknown> }[];
  readonly closes: number[];
}

let server: WebSocketServer;
let peers: Peer[];
let sink: RecordingSink;
let shard: UpstreamShard | undefined;

const url = () => `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;

beforeEach(async () => {
  peers = [];
  sink = new RecordingSink();
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  server.on('connection', (socket) => {
    const peer: Peer = { socket, received: [], closes: [] };
    socket.on('message', (data) => peer.received.push(JSON.parse(String(data))));
    socket.on('close', (code) => peer.closes.push(code));
    peers.push(peer);
  });
});

afterEach(async () => {
  for (const client of server.clients) client.terminate();
  await shard?.[Symbol.asyncDispose]();
  for (const client of server.clients) client.terminate();
  await new Promise((resolve) => server.close(resolve));
});

function start(options: Partial<UpstreamShardOptions> = {}): UpstreamShard {
  const quiet = () => undefined;
  shard = new UpstreamShard({
    shardId: 0,
    shardCount: 1,
    token: 'token',
    intents: 1,
    compression: 'none',
    gatewayUrl: async () => url(),
    gate: { wait: async () => undefined },
    mayConnect: async () => undefined,
    sink,
    clock: systemClock,
    random: () => 0,
    log: { info: quiet, warn: quiet, debug: quiet },
    maxQueuedCommands: 10,
    onStopped: quiet,
    ...options,
  });
  shard.start();
  return shard;
}

function peer(count: number): Promise<Peer> {
  return eventually(() => peers[count - 1], 15_000);
}

function say(
  { socket }: Peer,
  op: number,
  d: unknown,
  s: number | null = null,
  t: string | null = null,
): void {
  socket.send(JSON.stringify({ t, s, op, d }));
}

function hello(to: Peer): void {
  say(to, 10, { heartbeat_interval: 45_000 });
}

function dispatch(to: Peer, s: number): void {
  say(to, 0, { n: s }, s, 'TYPING_START');
}

async function ready(count = 1, session = 'session-1'): Promise<Peer> {
  const connection = await peer(count);
  hello(connection);
  await eventually(() => connection.received.find(({ op }) => op === 2));
  say(connection, 0, { session_id: session, resume_gateway_url: url(), guilds: [] }, 1, 'READY');
  await eventually(() => sink.head === 1);
  return connection;
}

const UNUSABLE = [
  ['a READY that is no JSON', '{"t":"READY","s":1,"op":0,"d":{"session_id":}}'],
  ['a READY without a session id', '{"t":"READY","s":1,"op":0,"d":{}}'],
  [
    'a resume URL with a fragment',
    '{"t":"READY","s":1,"op":0,"d":{"session_id":"a","resume_gateway_url":"ws://a/#b"}}',
  ],
  ['a HELLO without an interval', '{"t":null,"s":null,"op":10}'],
  ['a HELLO with an interval of 0', '{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":0}}'],
] as const;

it.each(UNUSABLE)('survives %s, and connects again', async (_, payload) => {
  start();
  const first = await peer(1);
  hello(first);
  first.socket.send(payload);
  await peer(2);
  expect(sink.sessions).toBe(0);
});

it.each([null, undefined, 'no', 7])('takes op 9 with d: %j for not resumable', async (d) => {
  start();
  const first = await ready();
  say(first, 9, d);
  const second = await peer(2);
  hello(second);
  await eventually(() => second.received.some(({ op }) => op === 2));
  expect(sink.lost).toHaveLength(1);
});

it('connects again when a RESUME is answered by a resumable op 9, instead of sending it over and over', async () => {
  start();
  const first = await ready();
  first.socket.close(4000);
  const second = await peer(2);
  hello(second);
  await eventually(() => second.received.some(({ op }) => op === 6));
  for (let n = 0; n < 50; n++) say(second, 9, true);
  await peer(3);
  expect(second.received.filter(({ op }) => op === 6)).toHaveLength(1);
});

it('takes nothing behind a gap while it stops: the next start asks for all of it', async () => {
  const stopping = start();
  const first = await ready();
  first.socket.pause();
  dispatch(first, 2);
  dispatch(first, 5);
  await eventually(() => stopping.state.kind === 'discarding');
  const stopped = stopping[Symbol.asyncDispose]();
  dispatch(first, 9);
  await stopped;
  expect([sink.taken, sink.head]).toEqual([[2], 2]);
});

it('asks again about a gap of a new session at the same place', async () => {
  start();
  const first = await ready();
  dispatch(first, 4);
  const second = await peer(2);
  hello(second);
  await eventually(() => second.received.some(({ op }) => op === 6));
  say(second, 9, false);
  const third = await ready(3, 'session-2');
  dispatch(third, 4);
  const fourth = await peer(4);
  hello(fourth);
  expect((await eventually(() => fourth.received.find(({ op }) => op === 6))).d).toMatchObject({ seq: 1 });
  expect(sink.taken).toEqual([]);
});

it('RESUMEs at the gateway itself when the address of the session is dead', async () => {
  const session = { sessionId: 'session-0', resumeUrl: 'ws://127.0.0.1:1' };
  sink.head = 7;
  start({ session });
  const first = await peer(1);
  hello(first);
  const resume = await eventually(() => first.received.find(({ op }) => op === 6));
  expect(resume.d).toMatchObject({ session_id: 'session-0', seq: 7 });
});

it('gives a session up whose next dispatch can never be read, and says so', async () => {
  start();
  let connection = await ready();
  for (let count = 2; sink.lost.length === 0; count++) {
    connection.socket.send('{"t":"BROKEN","s":2,"op":0,"d":');
    if (sink.lost.length > 0) break;
    connection = await peer(count);
    hello(connection);
    await eventually(() => connection.received.length > 0);
    expect(count).toBeLessThan(7);
  }
  expect(sink.lost[0]).toMatch(/again and again/);
});

it('stays closed where it is stopped while it waits to connect again', async () => {
  const stopping = start();
  const first = await ready();
  first.socket.close(4000);
  await eventually(() => stopping.state.kind === 'disconnected');
  await stopping[Symbol.asyncDispose]();
  await stays(() => peers.length === 1, 700);
});

it('takes a dispatch that comes in fragments in its place, and answers pings', async () => {
  start();
  const { socket } = await ready();
  const pongs: string[] = [];
  socket.on('pong', (data) => pongs.push(data.toString()));
  dispatch(peers[0] as Peer, 2);
  socket.send('{"t":"TYPING_START","s":3,', { fin: false });
  socket.send('"op":0,"d":{}}', { fin: true });
  dispatch(peers[0] as Peer, 4);
  socket.ping('are you there');
  await eventually(() => sink.head === 4 && pongs.length === 1);
  expect([sink.taken, pongs]).toEqual([[2, 3, 4], ['are you there']]);
});

it('RESUMEs after a frame that breaks the protocol', async () => {
  start();
  const first = await ready();
  const raw = (first.socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket;
  raw.write(Buffer.from([0xf1, 0x01, 0x78]));
  const second = await peer(2);
  hello(second);
  await eventually(() => second.received.some(({ op }) => op === 6));
  expect(sink.lost).toEqual([]);
});

it('RESUMEs after a frame that is larger than any of Discord', async () => {
  start();
  const first = await ready();
  const raw = (first.socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket;
  raw.write(Buffer.from([0x81, 127, 0, 0, 0, 1, 0, 0, 0, 0]));
  const second = await peer(2);
  hello(second);
  await eventually(() => second.received.some(({ op }) => op === 6));
});
