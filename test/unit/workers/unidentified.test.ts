/** What connections that never show a token can not do to those that do. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import type { Worker } from '../../support/worker.ts';
import { RawWorker, rawWorker } from './raw-worker.ts';
import { startTestGateway, type TestGateway } from './shards.ts';

/** Half as many may be unidentified. */
const MAX_CONNECTIONS = 6;

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await startTestGateway({ limits: { maxConnections: MAX_CONNECTIONS } });
});

afterEach(() => gateway[Symbol.asyncDispose]());

async function strangers(count: number): Promise<Worker[]> {
  const connected: Worker[] = [];
  for (let n = 0; n < count; n++) connected.push(await gateway.connect());
  return connected;
}

function openOf(workers: readonly Worker[]): boolean[] {
  return workers.map(({ closeCode }) => closeCode === undefined);
}

test('half of maxConnections may be unidentified; one more, and the oldest of them is closed with 1013', async () => {
  const all = await strangers(3);
  all.push(...(await strangers(1)));
  expect(await all[0]?.closed()).toBe(1013);
  expect(all[0]?.closeReason).toBe('too many connections without IDENTIFY or RESUME; this was the oldest');
  await eventually(() => gateway.server.connections.size === 3);
  expect(openOf(all)).toEqual([false, true, true, true]);
  expect([...gateway.counts.closes]).toEqual([[1013, 1]]);
});

test('workers get all of maxConnections, however many strangers are connected and come', async () => {
  await strangers(3);
  const workers: Worker[] = [];
  for (let n = 0; n < MAX_CONNECTIONS; n++) workers.push(await gateway.live());
  await eventually(() => gateway.server.connections.size === MAX_CONNECTIONS);
  using late = new RawWorker(gateway.port);
  late.upgrade();
  await late.ended();
  expect(late.text).toMatch(/^HTTP\/1\.1 503 /);
  expect(openOf(workers)).toEqual(workers.map(() => true));
});

test('a worker that is to IDENTIFY anew after INVALID_SESSION, or is held, is no stranger', async () => {
  const anew = await gateway.live();
  gateway.shard.begin('second');
  await anew.next(9);
  gateway.shard.serving = { kind: 'waiting' };
  const held = await gateway.connect();
  held.identify();
  await eventually(() => gateway.directory.subscriberCount === 1);
  const all = await strangers(4);
  await all[0]?.closed();
  expect(openOf([anew, held, ...all])).toEqual([true, true, false, true, true, true]);
});

test('one whose token is refused stays a stranger until it is gone', async () => {
  const [wrong, ...rest] = await strangers(3);
  wrong?.identify({ token: 'wrong' });
  expect(await wrong?.closed()).toBe(4004);
  await eventually(() => gateway.server.connections.size === 2);
  rest.push(...(await strangers(1)));
  expect(openOf(rest)).toEqual([true, true, true]);
});

test('a stranger that does not answer its close holds nothing: its socket is given back at once', async () => {
  using silent = await rawWorker(gateway.port);
  await strangers(3);
  expect((await silent.closed()).code).toBe(1013);
  await eventually(() => gateway.server.connections.size === 3);
});
