/** How much a relaying node keeps: of an owner that is quicker than the worker, and of a worker that is quicker than the owner. */
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { eventually } from '../../support/eventually.ts';
import { stays } from '../../support/stays.ts';
import type { Worker } from '../../support/worker.ts';
import { type TestNode, TestNodes } from './nodes.ts';
import { FIRST_SEQUENCE, LIMITS } from './shards.ts';

const MIB = 1024 * 1024;

/** Above what the kernel takes for two connections whose other side does not read. */
const BACKLOG_BYTES = 48 * MIB;

const PAYLOAD_BYTES = 8_000;

/** What may wait, Node's own mark, and what one read brings in. */
const MAX_UNSENT_BYTES = LIMITS.maxUnsentBytes + 64 * 1024 + 2 * PAYLOAD_BYTES;

const HELLO_TIMEOUT_MS = 2_000;

let nodes: TestNodes;
let closeFakeOwner: (() => Promise<void>) | undefined;

beforeEach(() => {
  nodes = new TestNodes();
});

afterEach(async () => {
  await nodes[Symbol.asyncDispose]();
  await closeFakeOwner?.();
  closeFakeOwner = undefined;
});

async function entryTo(owner: { nodeId: string; address: string }): Promise<TestNode> {
  const entry = await nodes.start('entry');
  entry.holdNothing();
  entry.seeOwner(owner);
  return entry;
}

/** A node that does only what a test tells it. */
async function fakeOwner(onConnection: (socket: WebSocket, request: IncomingMessage) => void) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  server.on('connection', onConnection);
  closeFakeOwner = async () => {
    for (const socket of server.clients) socket.terminate();
    await new Promise((resolve) => server.close(resolve));
  };
  const { port } = server.address() as AddressInfo;
  return { nodeId: 'fake', address: `127.0.0.1:${port}` };
}

const HELLO = '{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}';
const READY = '{"t":"READY","s":1,"op":0,"d":{"session_id":"x"}}';

async function identified(entry: TestNode): Promise<Worker> {
  const worker = await entry.gateway.connect();
  worker.identify();
  return worker;
}

function unsentBytes(of: TestNode): number {
  return Math.max(...[...of.gateway.server.connections].map((connection) => connection.unsentBytes));
}

test('a relayed worker that stops reading gets everything in order, and neither node keeps more than its limit', async () => {
  const { entry, owner } = await nodes.startPair({ log: { maxBytes: 2 * BACKLOG_BYTES } });
  const worker = await identified(entry);
  await worker.next('READY');
  worker.pause();
  const sent: string[] = [];
  let most = 0;
  while (sent.length * PAYLOAD_BYTES < BACKLOG_BYTES) {
    sent.push(...owner.gateway.shard.dispatch(20, 'x'.repeat(PAYLOAD_BYTES)));
    await new Promise(setImmediate);
    most = Math.max(most, unsentBytes(entry), unsentBytes(owner));
  }
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(MAX_UNSENT_BYTES);
  // Nothing is on its way any more: the owner's cursor waits for the entry, and that one for the worker.
  expect(unsentBytes(owner)).toBeGreaterThan(0);
  worker.unpause();
  sent.push(...owner.gateway.shard.dispatch(3));
  await worker.reached(FIRST_SEQUENCE + sent.length);
  const texts = worker.dispatches.filter(({ t }) => t !== 'READY').map(({ text }) => text);
  expect(texts.length).toBe(sent.length);
  expect(texts.every((text, index) => text === sent[index])).toBe(true);
});

test('an owner that stops reading stops the worker, and gets everything in order when it goes on', async () => {
  const received: string[] = [];
  let socket: WebSocket | undefined;
  const entry = await entryTo(
    await fakeOwner((connected) => {
      socket = connected;
      connected.send(HELLO);
      connected.once('message', () => {
        connected.pause();
        connected.on('message', (bytes: Buffer) => received.push(bytes.toString()));
        connected.send(READY);
      });
    }),
  );
  const worker = await identified(entry);
  await worker.next('READY');
  const payload = (n: number) => JSON.stringify({ op: 1, d: n, fill: 'x'.repeat(60_000) });
  const count = Math.floor(BACKLOG_BYTES / 60_000);
  for (let n = 0; n < count; n++) worker.socket.send(payload(n));
  const taken = await eventually(async () => {
    const before = entry.gateway.counts.received;
    await stays(() => entry.gateway.counts.received === before && worker.socket.bufferedAmount > 0, 100);
    return before;
  }, 15_000);
  expect(taken).toBeLessThan(count);
  socket?.resume();
  await eventually(() => received.length >= count, 20_000);
  expect(received.map((text) => JSON.parse(text).d)).toEqual(Array.from({ length: count }, (_, n) => n));
});

test('a node that hangs is given up after 2 s without HELLO, and asked again', async () => {
  let asked = 0;
  const entry = await entryTo(
    await fakeOwner((socket) => {
      asked++;
      if (asked === 1) return;
      socket.send(HELLO);
      socket.on('message', () => socket.send(READY));
    }),
  );
  const worker = await identified(entry);
  await eventually(() => asked === 1);
  entry.gateway.clock.advance(HELLO_TIMEOUT_MS - 1);
  expect(entry.states).toEqual(['dialling']);
  entry.gateway.clock.advance(1);
  expect([entry.states, [...entry.gateway.counts.relayFailures]]).toEqual([['held'], [['timed-out', 1]]]);
  entry.gateway.clock.advance(250);
  await worker.next('READY');
});

test('a node that says something else than HELLO is given up', async () => {
  const entry = await entryTo(await fakeOwner((socket) => socket.send(READY)));
  await identified(entry);
  await eventually(() => entry.gateway.counts.relayFailures.get('cut-off') === 1);
  expect(entry.states).toEqual(['held']);
});

test('the owner gets the worker’s own words, binary or not, and its close code', async () => {
  const received: [string, boolean][] = [];
  const closes: [number, string][] = [];
  const entry = await entryTo(
    await fakeOwner((socket) => {
      socket.send(HELLO);
      socket.on('message', (bytes: Buffer, isBinary) => {
        received.push([bytes.toString(), isBinary]);
        if (received.length === 1) socket.send(READY);
      });
      socket.on('close', (code, reason) => closes.push([code, reason.toString()]));
    }),
  );
  const worker = await entry.gateway.connect();
  const identify = ` {"d": {"token": "MTAwMDAwMDAwMDAwMDAwMDAw.sim.token", "intents": 0}, "op": 2} `;
  worker.socket.send(Buffer.from(identify));
  await worker.next('READY');
  worker.socket.send('{"op":1,"d":7} ');
  worker.socket.send(Buffer.from('{"op":99}'));
  worker.socket.close(4123, 'my own reason');
  await eventually(() => closes.length === 1);
  expect(received).toEqual([
    [identify, true],
    ['{"op":1,"d":7} ', false],
    ['{"op":99}', true],
  ]);
  expect(closes).toEqual([[4123, 'my own reason']]);
});

test.each([
  [1000, 1000],
  [1001, 1001],
  [1012, 1012],
  [4008, 4008],
  [undefined, 1012],
  [4900, 1012],
])('a close of the owner with %s in a session reaches the worker as %i', async (code, seen) => {
  const entry = await entryTo(
    await fakeOwner((socket) => {
      socket.send(HELLO);
      socket.once('message', () => {
        socket.send(READY);
        socket.close(code, code === undefined ? undefined : 'its reason');
      });
    }),
  );
  const worker = await identified(entry);
  expect(await worker.closed()).toBe(seen);
  expect(worker.closeReason).toBe(seen === code ? 'its reason' : 'the node of the session is gone; RESUME');
});

test('an owner’s last words before its close reach the worker', async () => {
  const entry = await entryTo(
    await fakeOwner((socket) => {
      socket.send(HELLO);
      socket.once('message', () => {
        for (let s = 1; s <= 500; s++) socket.send(`{"t":"X","s":${s},"op":0,"d":"${'x'.repeat(2_000)}"}`);
        socket.close(4000, '');
      });
    }),
  );
  const worker = await identified(entry);
  expect(await worker.closed()).toBe(4000);
  expect(worker.lastSequence).toBe(500);
});

test('the owner hears of the worker’s address, host and scheme, and of nothing else that it said', async () => {
  const seen: object[] = [];
  const entry = await entryTo(await fakeOwner((_socket, { url, headers }) => seen.push({ ...headers, url })));
  await identified(entry);
  await eventually(() => seen.length === 1);
  expect(seen[0]).toMatchObject({
    url: '/apps/100000000000000000/shards/0?v=10&encoding=json',
    host: `127.0.0.1:${entry.gateway.port}`,
    'x-forwarded-for': '127.0.0.1',
    'x-shardmux-node': 'entry',
  });
});
