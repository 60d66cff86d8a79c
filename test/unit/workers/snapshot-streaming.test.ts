/** How guilds are sent: as fast as the worker reads, in turns with others, and no longer than the session lives. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SIMULATOR_TOKEN } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { stays } from '../../support/stays.ts';
import type { Worker } from '../../support/worker.ts';
import {
  guilds,
  keepGuilds,
  snapshotTexts,
  stateKinds,
  type TestReading,
  textsOf,
} from './guild-readings.ts';
import { frame, RawWorker, WebSocketOpcode } from './raw-worker.ts';
import { APPLICATION_ID, FIRST_SEQUENCE, LIMITS, startTestGateway, type TestGateway } from './shards.ts';

const MIB = 1024 * 1024;

/** Head of the log when sessions begin. */
const N = FIRST_SEQUENCE + 999;

/** Together more than the kernel takes for a connection whose other side does not read. */
const GUILD_BYTES = 32 * 1024;
const MANY = guilds(768, 'x'.repeat(GUILD_BYTES));

/** How long the event loop may be kept, and what a guild takes in tests of that. */
const MAX_TURN_MS = 2;
const GUILD_MS = 1;

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await startTestGateway({ log: { maxBytes: 2 * MIB } });
  gateway.shard.dispatch(N - FIRST_SEQUENCE);
});

afterEach(() => gateway[Symbol.asyncDispose]());

function unsentBytes(): number {
  return Math.max(0, ...[...gateway.server.connections].map((connection) => connection.unsentBytes));
}

/** A worker that has stopped to read amid its guilds, and whose socket is full. */
async function stalled(): Promise<{ worker: Worker; reading: TestReading }> {
  const readings = keepGuilds(gateway.shard, MANY);
  const worker = await gateway.connect();
  worker.identify();
  worker.socket.once('message', () => worker.pause());
  let before = -1;
  // Its socket is full as long as nothing is read from the guilds from one look to the next.
  const reading = await eventually(() => {
    const [first] = readings;
    const given = first?.given ?? -1;
    if (unsentBytes() > 0 && given === before) return first;
    before = given;
    return undefined;
  });
  return { worker, reading };
}

test('a worker that reads slowly is sent no more than its socket takes, and has everything once it reads on', async () => {
  const { worker, reading } = await stalled();
  const { given } = reading;
  expect(given).toBeLessThan(MANY.length);
  expect(unsentBytes()).toBeLessThanOrEqual(LIMITS.maxUnsentBytes + GUILD_BYTES + 200);
  const live = gateway.shard.dispatch(3);
  await stays(() => reading.given === given, 50);
  expect(stateKinds(gateway)).toEqual(['snapshotting']);
  worker.unpause();
  await worker.reached(N + 3);
  expect(textsOf(worker)).toEqual([...snapshotTexts(MANY, N - MANY.length + 1), ...live]);
  expect([stateKinds(gateway), reading.disposals]).toEqual([['live'], 1]);
});

test('heartbeats are acknowledged and commands taken while guilds are sent', async () => {
  const { worker } = await stalled();
  worker.heartbeat();
  worker.send(3, { status: 'online' });
  await eventually(() => gateway.shard.submitted.length === 1);
  expect(stateKinds(gateway)).toEqual(['snapshotting']);
  worker.unpause();
  await worker.reached(N);
  const acknowledged = worker.payloads.findIndex(({ op }) => op === 11);
  expect(acknowledged).toBeGreaterThan(1);
  expect(acknowledged).toBeLessThan(worker.payloads.length - 1);
  expect(textsOf(worker)).toEqual(snapshotTexts(MANY, N - MANY.length + 1));
});

test('a worker whose next dispatch leaves the log while it reads guilds gets some of them, then INVALID_SESSION', async () => {
  const { worker, reading } = await stalled();
  for (let part = 0; part < 100; part++) gateway.shard.dispatch(10, 'x'.repeat(8_000));
  await eventually(() => gateway.counts.lost === 1);
  expect([stateKinds(gateway), reading.disposals]).toEqual([['awaiting-identify'], 1]);
  worker.unpause();
  await worker.next(9);
  expect(textsOf(worker)).toEqual(snapshotTexts(MANY, N - MANY.length + 1).slice(0, reading.given));
  expect(gateway.counts.snapshottedSessions).toBe(0);
});

test('when the upstream session is another, a worker amid its guilds gets INVALID_SESSION and begins anew', async () => {
  const { worker, reading } = await stalled();
  gateway.shard.begin('second');
  expect(reading.disposals).toBe(1);
  gateway.shard.takeReading = undefined;
  worker.unpause();
  await worker.next(9);
  expect(textsOf(worker)).toHaveLength(reading.given);
  worker.identify();
  await worker.next('READY', 2);
  gateway.shard.dispatch(1);
  await worker.reached(FIRST_SEQUENCE + 1);
});

test.each<[string, () => unknown]>([
  ['the node stops', () => void gateway.server[Symbol.asyncDispose]()],
  ['its shard goes to another node', () => gateway.server.drainShard(APPLICATION_ID, 0)],
])('a worker amid its guilds when %s gets op 7 and no further guild', async (_when, act) => {
  const { worker, reading } = await stalled();
  const { given } = reading;
  act();
  expect(reading.disposals).toBe(1);
  worker.unpause();
  await worker.next(7);
  expect(worker.payloads.at(-1)?.op).toBe(7);
  expect(textsOf(worker)).toHaveLength(given);
  expect(reading.readsAfterEnd).toBe(0);
  worker.socket.close(4000);
  await eventually(() => gateway.server.connections.size === 0);
});

test.each<[string, (worker: Worker) => void]>([
  ['closes', (worker) => worker.socket.close(4000)],
  ['is cut off', (worker) => worker.socket.terminate()],
  ['is closed for what it sends', (worker) => worker.send(99, null)],
])('a worker that %s amid its guilds leaves nothing behind', async (_how, act) => {
  const { worker, reading } = await stalled();
  act(worker);
  worker.unpause();
  await eventually(() => gateway.server.connections.size === 0);
  expect(reading.disposals).toBe(1);
  expect(reading.given).toBeLessThan(MANY.length);
  expect(gateway.shard.listenerCount).toBe(0);
  expect(gateway.clock.pendingTimers).toBe(0);
});

test('a session that ends between two of its turns is sent nothing more', async () => {
  const readings = keepGuilds(gateway.shard, guilds(500), (given) => {
    gateway.clock.advance(GUILD_MS);
    if (given === 50) setImmediate(() => gateway.shard.begin('second'));
  });
  const worker = await gateway.live();
  await worker.next(9);
  const [reading] = readings;
  expect(textsOf(worker)).toHaveLength(reading?.given ?? 0);
  expect(reading?.given).toBeLessThan(100);
  await stays(() => worker.payloads.at(-1)?.op === 9 && reading?.readsAfterEnd === 0, 50);
  expect(reading?.disposals).toBe(1);
});

test('a worker that closes between two of its turns gets its code back, and nothing behind it', async () => {
  using worker = new RawWorker(gateway.port);
  const close = frame(Buffer.from([0x0f, 0xa0]), { opcode: WebSocketOpcode.Close });
  keepGuilds(gateway.shard, guilds(900), (given) => {
    gateway.clock.advance(GUILD_MS);
    if (given === 50) worker.socket.write(close);
  });
  worker.upgrade(frame(JSON.stringify({ op: 2, d: { token: SIMULATOR_TOKEN, intents: 0 } })));
  await worker.ended();
  expect((await worker.closed()).code).toBe(4000);
  expect(worker.frames.at(-1)?.opcode).toBe(WebSocketOpcode.Close);
  expect(worker.texts.length).toBeLessThan(800);
  expect(gateway.lines.filter((line) => line.includes('failed'))).toEqual([]);
});

test('sessions that begin at the same time get a guild each in turn', async () => {
  const turns: number[] = [];
  keepGuilds(gateway.shard, guilds(200), (_given, session) => {
    turns.push(session);
    gateway.clock.advance(GUILD_MS);
  });
  const workers = await Promise.all([gateway.connect(), gateway.connect(), gateway.connect()]);
  for (const worker of workers) worker.identify();
  await Promise.all(workers.map((worker) => worker.reached(N)));
  const together = turns.slice(turns.indexOf(2), turns.lastIndexOf(0) - 2);
  expect(together.length).toBeGreaterThan(300);
  const unlike = together.findIndex((session, index) => index >= 3 && session !== together[index - 3]);
  expect(unlike).toBe(-1);
  expect(turns).toHaveLength(600);
});

test('between the guilds that 2 ms suffice for, the event loop has its turn, however many sessions begin', async () => {
  const perTurn = [0];
  let isOver = false;
  const count = () => {
    perTurn.push(0);
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  keepGuilds(gateway.shard, guilds(100), () => {
    perTurn.push((perTurn.pop() ?? 0) + 1);
    gateway.clock.advance(GUILD_MS);
  });
  const workers = await Promise.all([gateway.connect(), gateway.connect()]);
  for (const worker of workers) worker.identify();
  await Promise.all(workers.map((worker) => worker.reached(N)));
  isOver = true;
  expect(perTurn.reduce((sum, guildsSent) => sum + guildsSent)).toBe(200);
  expect(Math.max(...perTurn)).toBe(MAX_TURN_MS / GUILD_MS);
});

test('a guild that takes longer than a turn has a turn to itself', async () => {
  let turn = 0;
  let isOver = false;
  const count = () => {
    turn++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const at: number[] = [];
  keepGuilds(gateway.shard, guilds(50), () => {
    at.push(turn);
    gateway.clock.advance(10 * MAX_TURN_MS);
  });
  const worker = await gateway.live();
  await worker.reached(N);
  isOver = true;
  expect(new Set(at).size).toBe(50);
});

test('a live worker gets a dispatch a few turns of the event loop after it came, while others are sent guilds', async () => {
  const live = await gateway.live();
  const given = { atDispatch: 0, atArrival: 0 };
  live.socket.on('message', () => {
    given.atArrival = gateway.counts.snapshots;
  });
  keepGuilds(gateway.shard, guilds(900), () => {
    gateway.clock.advance(GUILD_MS);
    if (gateway.counts.snapshots !== 500) return;
    given.atDispatch = gateway.counts.snapshots;
    gateway.shard.dispatch(1);
  });
  const workers = await Promise.all([gateway.connect(), gateway.connect()]);
  for (const worker of workers) worker.identify();
  await live.reached(N + 1);
  expect(given.atDispatch).toBe(500);
  const turns = (given.atArrival - given.atDispatch) / (MAX_TURN_MS / GUILD_MS);
  expect(turns).toBeLessThan(20);
  await Promise.all(workers.map((worker) => worker.reached(N + 1)));
});
