import { afterEach, beforeEach, expect, test } from 'vitest';
import { SIMULATOR_TOKEN } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { frame, RawWorker } from './raw-worker.ts';
import { APPLICATION_ID, FIRST_SEQUENCE, startTestGateway, type TestGateway } from './shards.ts';

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await startTestGateway({ shards: 4 });
});

afterEach(() => gateway[Symbol.asyncDispose]());

const IDENTIFY = { token: SIMULATOR_TOKEN, intents: 513, properties: {}, shard: [0, 4] };

test('heartbeats before IDENTIFY are acknowledged', async () => {
  const worker = await gateway.connect();
  worker.heartbeat();
  expect((await worker.next(11)).text).toBe('{"t":null,"s":null,"op":11,"d":null}');
});

test('an IDENTIFY that comes in the segment of the upgrade, before HELLO was sent, is taken', async () => {
  using worker = new RawWorker(gateway.port);
  worker.upgrade(frame(JSON.stringify({ op: 2, d: IDENTIFY })));
  await eventually(() => worker.texts.some((text) => text.startsWith('{"t":"READY"')));
  expect(worker.ops.slice(0, 2)).toEqual([10, 0]);
});

test('a heartbeat and a RESUME in the segment of the upgrade are taken', async () => {
  const { sessionId } = await gateway.live();
  using worker = new RawWorker(gateway.port);
  const resume = { token: SIMULATOR_TOKEN, session_id: sessionId, seq: FIRST_SEQUENCE };
  const first = [JSON.stringify({ op: 1, d: null }), JSON.stringify({ op: 6, d: resume })];
  worker.upgrade(Buffer.concat(first.map((text) => frame(text))));
  await eventually(() => worker.ops.length === 3);
  expect(worker.ops).toEqual([10, 11, 0]);
});

test('IDENTIFY in a binary frame is taken', async () => {
  const worker = await gateway.connect();
  worker.socket.send(Buffer.from(JSON.stringify({ op: 2, d: IDENTIFY })));
  await worker.next('READY');
});

test.each([
  ['with the prefix Bot in the token', { ...IDENTIFY, token: `Bot ${SIMULATOR_TOKEN}` }],
  ['with compress: true, which is passed over', { ...IDENTIFY, compress: true }],
  [
    'with a presence and large_threshold, which are the application’s',
    {
      ...IDENTIFY,
      large_threshold: 250,
      presence: { status: 'dnd', afk: false, since: null, activities: [] },
    },
  ],
])('IDENTIFY %s gets READY as text', async (_how, d) => {
  const worker = await gateway.connect();
  const binary: boolean[] = [];
  worker.socket.on('message', (_bytes, isBinary) => binary.push(isBinary));
  worker.send(2, d);
  await worker.next('READY');
  expect(binary).toEqual([false]);
});

test.each([
  '',
  '?',
  '?v=10',
  '?v=9',
  '?v=9&encoding=json',
  '?encoding=json',
  '?compress=uncompressed',
  '?x=1&v=10',
])('the query "%s" is one that libraries use', async (query) => {
  const worker = await gateway.connect({ query });
  worker.send(2, IDENTIFY);
  await worker.next('READY');
});

test.each([
  ['/shards/2', 2],
  ['/shards/2/', 2],
  ['/shards/2//', 2],
  [`/apps/${APPLICATION_ID}/shards/3`, 3],
])('an IDENTIFY without a shard at %s gets that of the path', async (path, shard) => {
  const worker = await gateway.connect({ path });
  worker.identify({ shard: undefined });
  expect((await worker.next('READY')).d.shard).toEqual([shard, 4]);
});

test('an IDENTIFY with another shard than its path gets the shard it names', async () => {
  const worker = await gateway.connect({ path: '/shards/2' });
  worker.identify({ shard: [1, 4] });
  const { d } = await worker.next('READY');
  expect(d.shard).toEqual([1, 4]);
  expect(d.resume_gateway_url).toBe(`${gateway.url}/shards/1`);
});

test('an IDENTIFY without a shard, at a path without one, is closed with 4010', async () => {
  const worker = await gateway.connect();
  worker.identify({ shard: undefined });
  expect(await worker.closed()).toBe(4010);
  expect(worker.closeReason).toBe('IDENTIFY names no shard of the 4; connect to /shards/<n> or send one');
});

test('a path beyond the shards is closed with 4010', async () => {
  const worker = await gateway.connect({ path: '/shards/4' });
  worker.identify({ shard: undefined });
  expect(await worker.closed()).toBe(4010);
});

test('an IDENTIFY without a shard gets the only one of a bot that has one', async () => {
  await using single = await startTestGateway({ shards: 1 });
  const worker = await single.connect();
  worker.identify({ shard: undefined });
  expect((await worker.next('READY')).d.shard).toEqual([0, 1]);
});

test('READY is Discord’s with what is of the worker session, and never what is of the upstream session', async () => {
  const [, , shard] = gateway.directory.shards;
  for (const id of ['11', '12']) shard?.guildIds.add(id);
  const worker = await gateway.connect();
  worker.identify({ shard: [2, 4] });
  const ready = await worker.next('READY');
  expect(ready.text).toMatch(/^\{"t":"READY","s":1,"op":0,"d":\{/);
  expect(ready.d).toEqual({
    v: 10,
    user: { id: '5', username: 'bot', bot: true },
    private_channels: [],
    shard: [2, 4],
    session_id: worker.sessionId,
    resume_gateway_url: `${gateway.url}/shards/2`,
    guilds: [
      { id: '11', unavailable: true },
      { id: '12', unavailable: true },
    ],
    application: { id: APPLICATION_ID, flags: 565_248 },
    _trace: ['shardmux'],
  });
  expect(ready.text).not.toContain('discord');
});

test('READY has the sequence of the newest dispatch, so that live ones follow without a hole', async () => {
  gateway.shard.dispatch(7);
  const worker = await gateway.live();
  gateway.shard.dispatch(2);
  await worker.reached(FIRST_SEQUENCE + 9);
  expect(worker.dispatches.map(({ s }) => s)).toEqual([8, 9, 10]);
});

test('frames that are no dispatches have null for t and s', async () => {
  const worker = await gateway.live();
  worker.heartbeat();
  await worker.next(11);
  gateway.shard.begin('second');
  await worker.next(9);
  const texts = worker.payloads.filter(({ op }) => op !== 0).map(({ text }) => text);
  expect(texts).toEqual([
    '{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":10000,"_trace":["shardmux"]}}',
    '{"t":null,"s":null,"op":11,"d":null}',
    '{"t":null,"s":null,"op":9,"d":false}',
  ]);
});

test('after op 9, IDENTIFY on the same socket begins a session', async () => {
  const worker = await gateway.live();
  gateway.shard.begin('second');
  await worker.next(9);
  const { sessionId } = worker;
  worker.identify({ shard: [0, 4] });
  await worker.next('READY', 2);
  expect(worker.sessionId).not.toBe(sessionId);
  gateway.shard.dispatch();
  await worker.reached(FIRST_SEQUENCE + 1);
});

test('commands between op 9 and the next IDENTIFY are refused with 4003', async () => {
  const worker = await gateway.live();
  gateway.shard.begin('second');
  await worker.next(9);
  worker.send(3, { status: 'online' });
  expect(await worker.closed()).toBe(4003);
});

test('a session’s subscription and timers end with it', async () => {
  const worker = await gateway.live();
  expect(gateway.shard.listenerCount).toBe(1);
  worker.socket.close(4000);
  await eventually(() => gateway.server.connections.size === 0);
  expect(gateway.shard.listenerCount).toBe(0);
  expect(gateway.clock.pendingTimers).toBe(0);
});

test('a WebSocket ping is answered', async () => {
  const worker = await gateway.connect();
  const pong = new Promise<Buffer>((resolve) => worker.socket.once('pong', resolve));
  worker.socket.ping('are you there');
  expect((await pong).toString()).toBe('are you there');
});
