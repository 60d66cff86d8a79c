/** The defects of the systems that do this job today, as far as workers see them; one test each. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { type NodeProcess, startNode, stateDirectory } from '../../support/node.ts';
import {
  connectWorker,
  firstDifference,
  receivedLines,
  truthLines,
  type Worker,
} from '../../support/worker.ts';

const SHARDS = 4;

let simulator: Simulator;
let node: NodeProcess;

beforeAll(async () => {
  simulator = await startSimulator({
    shards: SHARDS,
    guilds: 20,
    eventsPerSecond: 0,
    maxConcurrency: SHARDS,
  });
  node = await startNode({
    discord: simulator,
    env: {
      SHARDMUX_EVENT_LOG_MAX_BYTES_PER_SHARD: '8MiB',
      SHARDMUX_WORKERS_HEARTBEAT_INTERVAL_MS: '1s',
      SHARDMUX_WORKERS_TOKENS: 'a:the-token-of-account-a,b:the-token-of-account-b',
    },
  });
  await node.ready();
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await simulator[Symbol.asyncDispose]();
});

const token = 'the-token-of-account-a';

async function liveWorker(shard = 0, heartbeats = true): Promise<Worker> {
  const worker = await connectWorker(node.workersUrl, { heartbeats });
  worker.identify({ token, shard: [shard, SHARDS] });
  await worker.next('READY');
  return worker;
}

async function session(shard = 0): Promise<{ sessionId: string; seq: number; token: string }> {
  using worker = await liveWorker(shard);
  return { sessionId: worker.sessionId, seq: worker.lastSequence, token };
}

function truth(shard: number, after: number): string[] {
  return truthLines(simulator.truth(shard).sessions.at(-1)?.dispatches ?? [], { after });
}

test('a failed RESUME gets INVALID_SESSION and heartbeat ACKs, so that no client loops', async () => {
  using worker = await connectWorker(node.workersUrl);
  worker.resume({ sessionId: 'of another gateway', seq: 1, token });
  expect((await worker.next(9)).d).toBe(false);
  worker.heartbeat();
  await worker.next(11);
  worker.identify({ token, shard: [0, SHARDS] });
  await worker.next('READY');
});

test('commands after RESUME are not dropped', async () => {
  const before = simulator.stats().receivedCommands;
  using worker = await connectWorker(node.workersUrl);
  worker.resume(await session());
  for (const status of ['idle', 'dnd', 'online']) worker.send(3, { status });
  await worker.next('RESUMED');
  worker.send(3, { status: 'invisible' });
  await eventually(() => simulator.stats().receivedCommands === before + 4);
  const statuses = simulator.received.slice(-4).map(({ d }) => (d as { status: string }).status);
  expect(statuses).toEqual(['idle', 'dnd', 'online', 'invisible']);
});

test('RESUME replays what was missed', async () => {
  const gone = await session();
  await simulator.burst(0, 200);
  using worker = await connectWorker(node.workersUrl);
  worker.resume(gone);
  await worker.next('RESUMED');
  expect(firstDifference(receivedLines(worker), truth(0, gone.seq))).toBeUndefined();
});

test('what happens between READY and the subscription is not lost: there is no between', async () => {
  const until = simulator.stats().sessions[1]?.sequence ?? 0;
  const workers: Worker[] = [];
  for (let round = 0; round < 20; round++) {
    const connecting = liveWorker(1);
    for (let part = 0; part < 5; part++) {
      await simulator.burst(1, 20);
      await new Promise(setImmediate);
    }
    workers.push(await connecting);
  }
  for (const worker of workers) {
    await worker.reached(until + 2_000);
    const after = worker.dispatches[0]?.s ?? 0;
    expect(firstDifference(receivedLines(worker), truth(1, after))).toBeUndefined();
    worker[Symbol.dispose]();
  }
});

test('a slow reader loses nothing silently: the numbers it has are without a gap, then it is told', async () => {
  using worker = await liveWorker(2);
  const after = worker.lastSequence;
  worker.pause();
  await simulator.burst(2, 30_000);
  await eventually(async () => ((await node.metric('shardmux_workers_lost_total')) ?? 0) > 0, 15_000);
  worker.unpause();
  await worker.next(9);
  const received = receivedLines(worker);
  expect(firstDifference(received, truth(2, after).slice(0, received.length))).toBeUndefined();
});

test('the size of frames is bounded', async () => {
  using worker = await liveWorker();
  worker.socket.send('x'.repeat(64 * 1024 + 1));
  expect(await worker.closed()).toBe(1009);
  using other = await liveWorker();
  other.socket.send('x'.repeat(4_097));
  expect(await other.closed()).toBe(4002);
});

test('the queue of commands is bounded, and a worker whose command finds it full is told', async () => {
  await using single = await startSimulator({ shards: 1, guilds: 1, eventsPerSecond: 0 });
  await using small = await startNode({
    discord: single,
    env: { SHARDMUX_WORKERS_MAX_QUEUED_COMMANDS_PER_SHARD: '5' },
  });
  await small.ready();
  using first = await connectWorker(small.workersUrl);
  using second = await connectWorker(small.workersUrl);
  for (const worker of [first, second]) {
    worker.identify();
    await worker.next('READY');
    for (let sent = 0; sent < 100; sent++) worker.send(3, { status: 'online' });
  }
  expect(await second.closed()).toBe(1013);
  expect(second.closeReason).toMatch(/^too many commands of all workers/);
  expect(await small.metric('shardmux_upstream_queued_commands')).toBe(5);
  expect(single.stats().violations).toEqual({});
});

test('a binary frame does not end the process', async () => {
  using worker = await liveWorker();
  worker.socket.send(Buffer.from([131, 116, 0, 0, 0, 1]));
  expect(await worker.closed()).toBe(4002);
  using next = await liveWorker();
  expect(next.closeCode).toBeUndefined();
  expect(node.hasEnded).toBe(false);
});

test('every shard is reached by its own number', async () => {
  for (let shard = 0; shard < SHARDS; shard++) {
    using worker = await liveWorker(shard);
    const guilds = (await worker.next('READY')).d.guilds as { id: string }[];
    expect(guilds.map(({ id }) => id).sort()).toEqual(simulator.guildIds(shard).sort());
  }
  using beyond = await connectWorker(node.workersUrl);
  beyond.identify({ token, shard: [SHARDS, SHARDS] });
  expect(await beyond.closed()).toBe(4010);
});

test('a session is of no use to another client', async () => {
  const own = await session();
  using thief = await connectWorker(node.workersUrl);
  thief.resume({ ...own, token: 'the-token-of-account-b' });
  expect((await thief.next(9)).d).toBe(false);
  using owner = await connectWorker(node.workersUrl);
  owner.resume(own);
  await owner.next('RESUMED');
});

test('a silent client is closed after two intervals', async () => {
  using worker = await liveWorker(0, false);
  expect(await worker.closed()).toBe(4009);
  expect(worker.closeReason).toBe('no heartbeat for 2 s');
});

test('neither a kill nor a shutdown costs an IDENTIFY or a dispatch, and upstream is never closed with 1000', async () => {
  await using single = await startSimulator({ shards: 1, guilds: 40, eventsPerSecond: 0 });
  using directory = stateDirectory();
  let [sessionId, seq] = ['', 0];
  const received: Worker[] = [];
  for (const end of ['kill', 'stop', 'kill'] as const) {
    await using one = await startNode({ discord: single, directory: directory.path });
    await one.ready();
    const worker = await connectWorker(one.workersUrl);
    if (sessionId === '') worker.identify();
    else worker.resume({ sessionId, seq });
    await worker.next(sessionId === '' ? 'READY' : 'RESUMED');
    if (sessionId === '') sessionId = worker.sessionId;
    await single.burst(0, 500);
    await worker.reached(single.stats().sessions[0]?.sequence ?? 0);
    seq = worker.lastSequence;
    received.push(worker);
    await one[end]();
  }
  const after = received[0]?.dispatches[0]?.s ?? 0;
  const sent = truthLines(single.truth(0).sessions[0]?.dispatches ?? [], { after });
  expect(firstDifference(receivedLines(...received), sent)).toBeUndefined();
  expect(single.stats()).toMatchObject({ identifies: 1, resumes: 2, violations: {} });
});

test('none of it has cost Discord a violation', () => {
  const { identifies, violations } = simulator.stats();
  expect({ identifies, violations }).toEqual({ identifies: SHARDS, violations: {} });
});
