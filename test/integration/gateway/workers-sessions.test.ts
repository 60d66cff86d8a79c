import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { type NodeProcess, startNode } from '../../support/node.ts';
import {
  connectWorker,
  firstDifference,
  receivedLines,
  truthLines,
  type Worker,
} from '../../support/worker.ts';

let simulator: Simulator;
let node: NodeProcess;

beforeAll(async () => {
  simulator = await startSimulator({
    shards: 2,
    guilds: 10,
    eventsPerSecond: 0,
    maxConcurrency: 2,
    identifyIntervalMs: 100,
  });
  node = await startNode({ discord: simulator });
  await node.ready();
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await simulator[Symbol.asyncDispose]();
});

async function liveWorker(shard = 0, url = node.workersUrl): Promise<Worker> {
  const worker = await connectWorker(url);
  worker.identify({ shard: [shard, 2] });
  await worker.next('READY');
  return worker;
}

function newestTruth(shard: number) {
  return simulator.truth(shard).sessions.at(-1)?.dispatches ?? [];
}

test('workers on one shard each get every dispatch with the bytes that Discord sent', async () => {
  using first = await liveWorker();
  using second = await liveWorker();
  const after = first.lastSequence;
  await simulator.burst(0, 5_000);
  await Promise.all([first.reached(after + 5_000), second.reached(after + 5_000)]);
  const truth = truthLines(newestTruth(0), { after });
  expect(truth).toHaveLength(5_000);
  for (const worker of [first, second]) expect(firstDifference(receivedLines(worker), truth)).toBeUndefined();
});

test('a shard’s workers get nothing of another shard', async () => {
  using worker = await liveWorker(1);
  const { lastSequence } = worker;
  await simulator.burst(0, 50);
  simulator.dispatch(1, 'TYPING_START', {});
  await worker.reached(lastSequence + 1);
  expect(worker.dispatches).toHaveLength(2);
});

test('READY has the guilds of now, all unavailable: those that came are in it, those that went are not', async () => {
  using witness = await liveWorker();
  const before = (await witness.next('READY')).d.guilds as { id: string; unavailable: boolean }[];
  expect(before.map(({ id }) => id).sort()).toEqual(simulator.guildIds(0).sort());
  const [left, outage] = before.map(({ id }) => id);
  simulator.dispatch(0, 'GUILD_CREATE', { name: 'new', id: '900000000000000000', members: [{ id: '1' }] });
  simulator.dispatch(0, 'GUILD_DELETE', { id: left });
  const last = simulator.dispatch(0, 'GUILD_DELETE', { id: outage, unavailable: true });
  await witness.reached(last);
  using worker = await liveWorker();
  const now = (await worker.next('READY')).d.guilds as { id: string; unavailable: boolean }[];
  const expected = [...before.map(({ id }) => id).filter((id) => id !== left), '900000000000000000'];
  expect(now.map(({ id }) => id).sort()).toEqual(expected.sort());
  expect(now.every(({ unavailable }) => unavailable)).toBe(true);
  expect(worker.lastSequence).toBe(last);
});

test('a worker that comes back replays while live dispatches keep coming, complete, in order, without a gap', async () => {
  const gone = await liveWorker();
  const { sessionId, lastSequence: seq } = gone;
  gone[Symbol.dispose]();
  await simulator.burst(0, 20_000);
  using worker = await connectWorker(node.workersUrl);
  worker.resume({ sessionId, seq });
  worker.pause();
  await simulator.burst(0, 2_000);
  worker.unpause();
  await simulator.burst(0, 2_000);
  await worker.reached(seq + 24_000);
  const truth = truthLines(newestTruth(0), { after: seq });
  expect(firstDifference(receivedLines(worker), truth)).toBeUndefined();
  expect(worker.dispatches.filter(({ t }) => t === 'RESUMED')).toHaveLength(1);
});

test('when Discord ends a session for good, live workers get op 9 and IDENTIFY anew on the same socket', async () => {
  using worker = await liveWorker(1);
  const { sessionId, lastSequence: seq } = worker;
  simulator.inject({ kind: 'invalid-session', shard: 1, resumable: false });
  expect((await worker.next(9)).text).toBe('{"t":null,"s":null,"op":9,"d":false}');
  worker.identify({ shard: [1, 2] });
  await worker.next('READY', 2);
  expect(worker.sessionId).not.toBe(sessionId);
  const last = simulator.dispatch(1, 'TYPING_START', {});
  await worker.reached(last);
  using late = await connectWorker(node.workersUrl);
  late.resume({ sessionId, seq });
  expect((await late.next(9)).d).toBe(false);
});

test('RESUME from the future is closed with 4007', async () => {
  using worker = await liveWorker();
  using late = await connectWorker(node.workersUrl);
  late.resume({ sessionId: worker.sessionId, seq: worker.lastSequence + 1 });
  expect(await late.closed()).toBe(4007);
});

test('a session id of another number of shards gets INVALID_SESSION, also where the shard exists', async () => {
  using worker = await liveWorker();
  await using single = await startSimulator({ shards: 1, guilds: 1, eventsPerSecond: 0 });
  await using other = await startNode({ discord: single });
  await other.ready();
  using moved = await connectWorker(other.workersUrl);
  moved.resume({ sessionId: worker.sessionId, seq: worker.lastSequence });
  expect((await moved.next(9)).d).toBe(false);
});

test('a worker is held while Discord lets the node wait, acknowledged meanwhile, and gets READY at once then', async () => {
  await using slow = await startSimulator({ shards: 1, guilds: 1, eventsPerSecond: 0, readyDelayMs: 2_500 });
  slow.inject({ kind: 'http-error', status: 503, count: 1 });
  const env = { SHARDMUX_WORKERS_HOLD_TIMEOUT_MS: '20s', SHARDMUX_WORKERS_HEARTBEAT_INTERVAL_MS: '500ms' };
  await using held = await startNode({ discord: slow, env });
  using worker = await connectWorker(held.workersUrl);
  worker.identify({ shard: undefined });
  await worker.next(11, 3);
  expect(await held.metric('shardmux_workers_connections', { state: 'held' })).toBe(1);
  await worker.next('READY');
});

test('a worker is held no longer than the limit while Discord can not be reached', async () => {
  const nowhere = { url: 'http://127.0.0.1:1', options: simulator.options };
  const env = { SHARDMUX_WORKERS_HOLD_TIMEOUT_MS: '300ms' };
  await using held = await startNode({ discord: nowhere, env });
  using worker = await connectWorker(held.workersUrl);
  worker.identify();
  expect(await worker.closed()).toBe(1013);
  expect(worker.closeReason).toMatch(/^the shard has had no session with Discord for /);
});

test('none of it has cost Discord more than one IDENTIFY a session, and no violation', async () => {
  const { identifies, violations } = simulator.stats();
  expect({ identifies, violations }).toEqual({ identifies: 3, violations: {} });
  await eventually(() => simulator.stats().connections === 2);
});
