import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import type { Worker } from '../../support/worker.ts';
import { FIRST_SEQUENCE, LIMITS, startTestGateway, type TestGateway } from './shards.ts';

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await startTestGateway({ isWaiting: true });
});

afterEach(() => gateway[Symbol.asyncDispose]());

async function held(): Promise<Worker> {
  const worker = await gateway.connect();
  worker.identify();
  await eventually(() => gateway.directory.subscriberCount === 1);
  return worker;
}

test('a worker is held while its shard has no session, its heartbeats acknowledged, and gets READY when it has one', async () => {
  const worker = await held();
  worker.heartbeat();
  await worker.next(11);
  expect(worker.dispatches).toEqual([]);
  gateway.shard.begin();
  gateway.directory.changed();
  await worker.next('READY');
  expect(gateway.directory.subscriberCount).toBe(0);
  gateway.clock.advance(LIMITS.holdTimeoutMs);
  worker.heartbeat();
  await worker.next(11, 2);
});

test('a worker that IDENTIFYs is held while the guilds of its shard are loaded; one that RESUMEs is not', async () => {
  gateway.shard.begin();
  const before = await gateway.live();
  gateway.shard.areGuildsLoading = true;
  const back = await gateway.connect();
  back.resume({ sessionId: before.sessionId, seq: FIRST_SEQUENCE });
  await back.next('RESUMED');
  expect(gateway.shard.guildsWanted).toBe(0);
  const worker = await held();
  expect(gateway.shard.guildsWanted).toBeGreaterThan(0);
  expect(worker.dispatches).toEqual([]);
  gateway.shard.areGuildsLoading = false;
  gateway.directory.changed();
  await worker.next('READY');
});

test('a worker is held before the number of shards is known', async () => {
  gateway.directory.shardCount = undefined;
  const worker = await held();
  gateway.directory.changed();
  gateway.directory.shardCount = 1;
  gateway.directory.changed();
  gateway.shard.begin();
  gateway.directory.changed();
  await worker.next('READY');
});

test('a worker that is held for a shard that turns out not to exist is closed with 4010', async () => {
  gateway.directory.shardCount = undefined;
  const worker = await gateway.connect();
  worker.identify({ shard: [3, 4] });
  await eventually(() => gateway.directory.subscriberCount === 1);
  gateway.directory.shardCount = 1;
  gateway.directory.changed();
  expect(await worker.closed()).toBe(4010);
});

test('a worker is held no longer than the limit: 1013, which libraries answer by trying again', async () => {
  const worker = await held();
  gateway.clock.advance(LIMITS.holdTimeoutMs - 1);
  worker.heartbeat();
  await worker.next(11);
  gateway.clock.advance(1);
  expect(await worker.closed()).toBe(1013);
  expect(worker.closeReason).toBe('the shard has had no session with Discord for 5 s; try again');
  expect(gateway.directory.subscriberCount).toBe(0);
});

test('a worker that leaves while it is held leaves nothing behind', async () => {
  const worker = await held();
  worker.socket.terminate();
  await eventually(() => gateway.server.connections.size === 0);
  expect(gateway.directory.subscriberCount).toBe(0);
  expect(gateway.clock.pendingTimers).toBe(0);
});

test('a second IDENTIFY of a worker that is held closes with 4005', async () => {
  const worker = await held();
  worker.identify();
  expect(await worker.closed()).toBe(4005);
});

test('a silent worker is closed with 4009 also while it is held', async () => {
  await using patient = await startTestGateway({ isWaiting: true, limits: { holdTimeoutMs: 60_000 } });
  const worker = await patient.connect();
  worker.identify();
  await eventually(() => patient.directory.subscriberCount === 1);
  patient.clock.advance(2 * LIMITS.heartbeatIntervalMs);
  expect(await worker.closed()).toBe(4009);
});

test('a RESUME is held until the session is known to live, then granted', async () => {
  gateway.shard.begin();
  const { sessionId } = await gateway.live();
  const { serving } = gateway.shard;
  gateway.shard.serving = { kind: 'waiting' };
  const worker = await gateway.connect();
  worker.resume({ sessionId, seq: FIRST_SEQUENCE });
  await eventually(() => gateway.directory.subscriberCount === 1);
  const sent = gateway.shard.dispatch(3);
  gateway.shard.serving = serving;
  gateway.directory.changed();
  await worker.next('RESUMED');
  expect(worker.dispatches.slice(0, 3).map(({ text }) => text)).toEqual(sent);
});

test('a RESUME that is held while another session begins gets INVALID_SESSION', async () => {
  gateway.shard.begin();
  const { sessionId } = await gateway.live();
  gateway.shard.serving = { kind: 'waiting' };
  const worker = await gateway.connect();
  worker.resume({ sessionId, seq: FIRST_SEQUENCE });
  await eventually(() => gateway.directory.subscriberCount === 1);
  gateway.shard.begin('second');
  gateway.directory.changed();
  expect((await worker.next(9)).d).toBe(false);
});

/** A RESUME that is three dispatches ahead of a log that is catching up. */
async function ahead(): Promise<Worker> {
  gateway.shard.begin();
  const { sessionId } = await gateway.live();
  gateway.shard.isCatchingUp(true);
  const worker = await gateway.connect();
  worker.resume({ sessionId, seq: FIRST_SEQUENCE + 3 });
  await eventually(() => gateway.directory.subscriberCount === 1);
  return worker;
}

test('a RESUME that is ahead of a log that is catching up is granted as soon as the log is there, on no clock', async () => {
  const worker = await ahead();
  gateway.shard.dispatch(2);
  worker.heartbeat();
  await worker.next(11);
  expect(worker.dispatches).toEqual([]);
  gateway.shard.dispatch(1);
  expect([...gateway.server.connections].map(({ stateKind }) => stateKind)).toEqual(['live', 'live']);
  const sent = gateway.shard.dispatch(2);
  await worker.reached(FIRST_SEQUENCE + 5);
  expect(worker.dispatches.map(({ t, s }) => t === 'RESUMED' || s)).toEqual([true, 5, 6]);
  expect(worker.dispatches.slice(1).map(({ text }) => text)).toEqual(sent);
  expect([gateway.directory.subscriberCount, gateway.shard.listenerCount]).toEqual([0, 2]);
});

test('a RESUME that is ahead of the log gets what came with the dispatch it waited for', async () => {
  const worker = await ahead();
  const sent = gateway.shard.dispatch(5);
  await worker.next('RESUMED');
  expect(worker.dispatches.slice(0, 2).map(({ text }) => text)).toEqual(sent.slice(3));
});

test('a RESUME that is still ahead when the log has caught up is closed with 4007', async () => {
  const worker = await ahead();
  gateway.shard.dispatch(2);
  gateway.shard.isCatchingUp(false);
  gateway.directory.changed();
  expect(await worker.closed()).toBe(4007);
});

test('a RESUME that is ahead of the log gets INVALID_SESSION when another session begins instead', async () => {
  const worker = await ahead();
  gateway.shard.begin('second');
  await worker.next(9);
  expect(gateway.directory.subscriberCount).toBe(0);
});

test('a worker that leaves while it is ahead of the log leaves nothing behind', async () => {
  const worker = await ahead();
  expect(gateway.shard.listenerCount).toBe(2);
  worker.socket.terminate();
  await eventually(() => gateway.server.connections.size === 1);
  expect([gateway.directory.subscriberCount, gateway.shard.listenerCount]).toEqual([0, 1]);
});

test('commands of a worker that is held wait for its session, in order', async () => {
  const worker = await held();
  for (const status of ['idle', 'dnd', 'online']) worker.send(3, { status });
  worker.heartbeat();
  await worker.next(11);
  expect(gateway.shard.submitted).toEqual([]);
  gateway.shard.begin();
  gateway.directory.changed();
  await worker.next('READY');
  expect(gateway.shard.submitted.map((text) => JSON.parse(text).d.status)).toEqual(['idle', 'dnd', 'online']);
});

test('a worker that is held and sends more commands than are kept is closed with 4008', async () => {
  const limits = { holdTimeoutMs: 200_000, heartbeatIntervalMs: 60_000 };
  await using patient = await startTestGateway({ isWaiting: true, limits });
  const worker = await patient.connect();
  worker.identify();
  for (let sent = 0; sent < 100; sent++) worker.send(3, { status: 'idle' });
  worker.heartbeat();
  await worker.next(11);
  patient.clock.advance(60_000);
  for (let sent = 0; sent < 20; sent++) worker.send(3, { status: 'idle' });
  worker.heartbeat();
  await worker.next(11, 2);
  worker.send(3, { status: 'idle' });
  expect(await worker.closed()).toBe(4008);
  expect(worker.closeReason).toMatch(/^too many commands/);
});

test('workers that are held are told when Discord has refused the application', async () => {
  const worker = await held();
  gateway.directory.stoppedReason = 'Discord refused the bot token';
  gateway.directory.changed();
  expect(await worker.closed()).toBe(1013);
  expect(worker.closeReason).toBe('Discord refused the bot token');
});
