import { afterEach, beforeEach, expect, test } from 'vitest';
import { CloseCode } from '../../../src/protocol/close-codes.ts';
import { SENDS_PER_WINDOW } from '../../../src/protocol/limits.ts';
import { SIMULATOR_TOKEN } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { Worker } from '../../support/worker.ts';
import { frame, rawWorker } from './raw-worker.ts';
import { LIMITS, startTestGateway, type TestGateway } from './shards.ts';

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await startTestGateway();
});

afterEach(() => gateway[Symbol.asyncDispose]());

const PRESENCE = { status: 'online', since: null, activities: [], afk: false };

test('an op that is unknown closes with 4001', async () => {
  const worker = await gateway.live();
  worker.send(42, {});
  expect(await worker.closed()).toBe(CloseCode.UnknownOpcode);
  expect(worker.closeReason).toBe('opcode 42 is unknown');
});

test('a payload that can not be decoded closes with 4002', async () => {
  const worker = await gateway.live();
  worker.socket.send('{"op":');
  expect(await worker.closed()).toBe(CloseCode.DecodeError);
  expect(worker.closeReason).toBe('a payload that is no JSON object');
});

test('a command for a guild of another shard closes with 4002 and never reaches Discord', async () => {
  await using two = await startTestGateway({ shards: 2 });
  const worker = await two.live();
  const guild = String((1n << 62n) + (1n << 22n));
  worker.send(31, { guild_ids: [guild] });
  expect(await worker.closed()).toBe(CloseCode.DecodeError);
  expect(worker.closeReason).toBe(`guild ${guild} is on shard 1; send its commands there`);
  expect(two.shard.submitted).toEqual([]);
});

test('a payload of 4097 bytes closes with 4002, and one of 4096 does not', async () => {
  const worker = await gateway.connect();
  const heartbeat = (bytes: number) => `{"op":1,"d":null,"x":"${'x'.repeat(bytes - 24)}"}`;
  expect(heartbeat(4_096)).toHaveLength(4_096);
  worker.socket.send(heartbeat(4_096));
  await worker.next(11);
  worker.socket.send(heartbeat(4_097));
  expect(await worker.closed()).toBe(CloseCode.DecodeError);
  expect(worker.closeReason).toBe('a payload of 4097 bytes; 4096 are allowed');
});

test('a command before IDENTIFY closes with 4003', async () => {
  const worker = await gateway.connect();
  worker.send(3, PRESENCE);
  expect(await worker.closed()).toBe(CloseCode.NotAuthenticated);
  expect(worker.closeReason).toBe('opcode 3 before IDENTIFY or RESUME');
  expect(gateway.shard.submitted).toEqual([]);
});

test('no IDENTIFY in time closes with 4003, although heartbeats come', async () => {
  const worker = await gateway.connect();
  gateway.clock.advance(LIMITS.identifyTimeoutMs - 1);
  worker.heartbeat();
  await worker.next(11);
  expect(worker.closeCode).toBeUndefined();
  gateway.clock.advance(1);
  expect(await worker.closed()).toBe(CloseCode.NotAuthenticated);
  expect(worker.closeReason).toBe('no IDENTIFY or RESUME within 7 s');
});

test('a wrong token closes with 4004, in IDENTIFY and in RESUME', async () => {
  const identifying = await gateway.connect();
  identifying.identify({ token: 'wrong' });
  expect(await identifying.closed()).toBe(CloseCode.AuthenticationFailed);
  expect(identifying.closeReason).toMatch(/^the token is none of workers\.tokens/);
  const { sessionId } = await gateway.live();
  const resuming = await gateway.connect();
  resuming.resume({ sessionId, seq: 1, token: 'wrong' });
  expect(await resuming.closed()).toBe(CloseCode.AuthenticationFailed);
});

test.each([
  ['IDENTIFY', 2, { token: SIMULATOR_TOKEN, intents: 0, properties: {} }],
  ['RESUME', 6, { token: SIMULATOR_TOKEN, session_id: 'x', seq: 1 }],
])('%s in a session closes with 4005', async (_name, op, d) => {
  const worker = await gateway.live();
  worker.send(op, d);
  expect(await worker.closed()).toBe(CloseCode.AlreadyAuthenticated);
  expect(worker.closeReason).toBe('IDENTIFY or RESUME a second time');
});

test('RESUME with a sequence from the future closes with 4007', async () => {
  const { sessionId } = await gateway.live();
  const worker = await gateway.connect();
  worker.resume({ sessionId, seq: gateway.shard.log.head + 1 });
  expect(await worker.closed()).toBe(CloseCode.InvalidSequence);
  expect(worker.closeReason).toBe('RESUME with sequence 2; the newest is 1');
});

test('the 121st payload within a minute closes with 4008, and later ones are taken again', async () => {
  const worker = await gateway.connect();
  for (let sent = 0; sent < SENDS_PER_WINDOW; sent++) worker.heartbeat();
  await worker.next(11, SENDS_PER_WINDOW);
  // The window is longer than what may pass without a heartbeat.
  expect(worker.closeCode).toBeUndefined();
  worker.heartbeat();
  expect(await worker.closed()).toBe(CloseCode.RateLimited);
  expect(worker.closeReason).toBe('more than 120 payloads in 60 s');
  const patient = await gateway.live();
  for (let minute = 0; minute < 2; minute++) {
    for (let sent = 0; sent < SENDS_PER_WINDOW - 10; sent++) patient.heartbeat();
    await patient.next(11, (minute + 1) * (SENDS_PER_WINDOW - 10) + minute * 4);
    for (let beat = 0; beat < 4; beat++) {
      gateway.clock.advance(15_000);
      patient.heartbeat();
      await patient.next(11, (minute + 1) * (SENDS_PER_WINDOW - 10) + minute * 4 + beat + 1);
    }
  }
  expect(patient.closeCode).toBeUndefined();
});

test('a command over what its own connection may have waiting closes with 4008', async () => {
  const worker = await gateway.live();
  gateway.shard.submission = 'sender-full';
  worker.send(3, PRESENCE);
  expect(await worker.closed()).toBe(CloseCode.RateLimited);
  expect(worker.closeReason).toMatch(/^too many commands of this connection/);
});

test('a command that finds the queue of its shard full closes with 1013, after which libraries RESUME', async () => {
  const worker = await gateway.live();
  gateway.shard.submission = 'full';
  worker.send(3, PRESENCE);
  expect(await worker.closed()).toBe(CloseCode.TryAgainLater);
  expect(worker.closeReason).toMatch(/^too many commands of all workers/);
});

test('every connection is a sender of its own, and stays the same', async () => {
  const [one, other] = [await gateway.live(), await gateway.live()];
  for (const worker of [one, other, one]) {
    const before = gateway.shard.submitted.length;
    worker.send(3, PRESENCE);
    await eventually(() => gateway.shard.submitted.length > before);
  }
  gateway.shard.begin('second');
  await one.next(9);
  one.identify();
  await one.next('READY', 2);
  one.send(3, PRESENCE);
  await eventually(() => gateway.shard.submitted.length === 4);
  const [first, ...others] = gateway.shard.senders;
  expect(others.map((sender) => sender === first)).toEqual([false, true, true]);
});

test('two intervals without a heartbeat close with 4009', async () => {
  const worker = await gateway.live();
  const { heartbeatIntervalMs } = LIMITS;
  gateway.clock.advance(heartbeatIntervalMs);
  worker.heartbeat();
  await worker.next(11);
  gateway.clock.advance(2 * heartbeatIntervalMs - 1);
  worker.send(3, PRESENCE);
  await eventually(() => gateway.shard.submitted.length === 1);
  expect(worker.closeCode).toBeUndefined();
  gateway.clock.advance(1);
  expect(await worker.closed()).toBe(CloseCode.SessionTimedOut);
  expect(worker.closeReason).toBe('no heartbeat for 20 s');
});

test.each([
  [[1, 1], 'there are 1 shards here; IDENTIFY asks for [1, 1]'],
  [[0, 2], 'there are 1 shards here; IDENTIFY asks for [0, 2]'],
])('IDENTIFY with shard %j of a bot that has one closes with 4010', async (shard, reason) => {
  const worker = await gateway.connect();
  worker.identify({ shard });
  expect(await worker.closed()).toBe(CloseCode.InvalidShard);
  expect(worker.closeReason).toBe(reason);
});

test.each([
  '8',
  '11',
  'latest',
  '',
  'é'.repeat(120),
])('gateway version "%s" closes with 4012', async (version) => {
  using worker = new Worker(gateway.url, { query: `?v=${encodeURIComponent(version)}` });
  expect(await worker.closed()).toBe(CloseCode.InvalidApiVersion);
  expect(worker.closeReason).toMatch(/^gateway version /);
});

test('intents that are no whole number close with 4013', async () => {
  const worker = await gateway.connect();
  worker.identify({ intents: 'ALL' });
  expect(await worker.closed()).toBe(CloseCode.InvalidIntents);
  expect(worker.closeReason).toBe('intents must be a whole number, as in an IDENTIFY to Discord');
});

test('a frame above 64 KiB closes with 1009 before it is read', async () => {
  using worker = await rawWorker(gateway.port);
  worker.socket.write(frame('x', { claimedBytes: 64 * 1024 + 1 }));
  expect(await worker.closed()).toEqual({ code: CloseCode.MessageTooBig, reason: '' });
  await eventually(() => gateway.counts.closes.get(CloseCode.MessageTooBig) === 1);
});

test('an application that Discord has refused closes with 1013 and says why', async () => {
  const worker = await gateway.connect();
  gateway.directory.stoppedReason = 'Discord refused the bot token';
  worker.identify();
  expect(await worker.closed()).toBe(CloseCode.TryAgainLater);
  expect(worker.closeReason).toBe('Discord refused the bot token');
});

test('every close of ours is counted by its code, and a close of the worker is not', async () => {
  const worker = await gateway.live();
  worker.send(42, {});
  await worker.closed();
  const other = await gateway.live();
  other.socket.close(1000);
  await other.closed();
  await eventually(() => gateway.counts.closesByWorkers === 1);
  expect([...gateway.counts.closes]).toEqual([[CloseCode.UnknownOpcode, 1]]);
});
