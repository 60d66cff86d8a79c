import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Simulator, startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import {
  type NodeProcess,
  type StateDirectory,
  spawnNode,
  startNode,
  stateDirectory,
} from '../../support/node.ts';
import {
  connectWorker,
  firstDifference,
  receivedLines,
  truthLines,
  type Worker,
} from '../../support/worker.ts';
import { counts, lastDispatch } from './live-shard.ts';
import { ScriptedDiscord } from './scripted-discord.ts';

/** Small, so that a few rounds of dispatches make several files. */
const env = {
  SHARDMUX_WORKERS_DRAIN_TIMEOUT_MS: '1s',
  SHARDMUX_TAIL_MAX_BYTES_PER_SHARD: '256KiB',
  SHARDMUX_TAIL_FLUSH_BYTES: '4KiB',
};

async function identified(node: NodeProcess): Promise<Worker> {
  const worker = await connectWorker(node.workersUrl);
  worker.identify();
  await worker.next('READY');
  return worker;
}

async function resuming(node: NodeProcess, sessionId: string, seq: number): Promise<Worker> {
  const worker = await connectWorker(node.workersUrl);
  worker.resume({ sessionId, seq });
  return worker;
}

async function tailReached(node: NodeProcess): Promise<void> {
  await eventually(async () => (await node.metric('shardmux_tail_trailing_seconds')) === 0);
}

function tailFiles({ path }: StateDirectory): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.tail'))
    .sort()
    .map((name) => join(path, name));
}

/** A node that took some rounds of dispatches, each in a chunk of its own, and was killed. */
async function killedNode(simulator: Simulator, directory: StateDirectory, rounds = 12) {
  await using node = await startNode({ discord: simulator, directory: directory.path, env });
  await node.ready();
  using worker = await identified(node);
  for (let round = 0; round < rounds; round++) {
    await simulator.burst(0, 50);
    await worker.reached(simulator.stats().sessions[0]?.sequence ?? 0);
    await tailReached(node);
  }
  await node.kill();
  return {
    sessionId: worker.sessionId,
    first: worker.payloads.find(({ t }) => t === 'READY')?.s ?? 0,
    worker,
  };
}

function truthAfter(simulator: Simulator, after: number): string[] {
  return truthLines(simulator.truth(0).sessions[0]?.dispatches ?? [], { after });
}

it.each([
  ['torn off in its last chunk', (file: string) => truncateSync(file, statSync(file).size - 7)],
  ['empty', (file: string) => truncateSync(file, 0)],
  [
    'corrupt in its middle',
    (file: string) => {
      const bytes = readFileSync(file);
      bytes.fill(0xa5, bytes.length >> 1, (bytes.length >> 1) + 64);
      writeFileSync(file, bytes);
    },
  ],
  ['all garbage', (file: string) => writeFileSync(file, Buffer.alloc(4_096, 0x5a))],
])('a newest tail file that is %s only makes the RESUME go further back', async (_, damage) => {
  using directory = stateDirectory();
  await using simulator = await startSimulator({ shards: 1, guilds: 30, eventsPerSecond: 0 });
  const { worker, sessionId, first } = await killedNode(simulator, directory);
  const files = tailFiles(directory);
  expect(files.length).toBeGreaterThan(1);
  damage(files.at(-1) ?? '');
  await using node = await startNode({ discord: simulator, directory: directory.path, env });
  await node.ready();
  using successor = await resuming(node, sessionId, worker.lastSequence);
  await successor.reached(await lastDispatch(simulator));
  expect(firstDifference(receivedLines(worker, successor), truthAfter(simulator, first))).toBeUndefined();
  expect(counts(simulator.stats())).toEqual({ identifies: 1, resumes: 1, resumesRefused: 0, violations: {} });
});

it('a worker from the very beginning goes on where every tail file is whole', async () => {
  using directory = stateDirectory();
  await using simulator = await startSimulator({ shards: 1, guilds: 30, eventsPerSecond: 0 });
  const { sessionId, first } = await killedNode(simulator, directory);
  await using node = await startNode({ discord: simulator, directory: directory.path, env });
  using behind = await resuming(node, sessionId, first);
  await behind.reached(await lastDispatch(simulator));
  expect(firstDifference(receivedLines(behind), truthAfter(simulator, first))).toBeUndefined();
});

it('a corrupt tail file in the middle shortens the window: workers behind it start over, those ahead go on', async () => {
  using directory = stateDirectory();
  await using simulator = await startSimulator({ shards: 1, guilds: 30, eventsPerSecond: 0 });
  const { worker, sessionId, first } = await killedNode(simulator, directory);
  const files = tailFiles(directory);
  expect(files.length).toBeGreaterThan(2);
  const corrupt = files[files.length - 2] ?? '';
  const bytes = readFileSync(corrupt);
  bytes.fill(0xa5, bytes.length >> 1);
  writeFileSync(corrupt, bytes);
  await using node = await startNode({ discord: simulator, directory: directory.path, env });
  await node.ready();
  using behind = await resuming(node, sessionId, first + 1);
  expect((await behind.next(9)).d).toBe(false);
  using ahead = await resuming(node, sessionId, worker.lastSequence);
  await ahead.reached(await lastDispatch(simulator));
  expect(firstDifference(receivedLines(worker, ahead), truthAfter(simulator, first))).toBeUndefined();
});

it('a checkpoint that Discord no longer reaches back to costs one IDENTIFY, and workers are told', async () => {
  using directory = stateDirectory();
  await using simulator = await startSimulator({ shards: 1, guilds: 1, eventsPerSecond: 0 });
  const { worker, sessionId } = await killedNode(simulator, directory, 2);
  await simulator.burst(0, 101);
  await using node = await startNode({
    discord: simulator,
    directory: directory.path,
    env: { ...env, SHARDMUX_WORKERS_HOLD_TIMEOUT_MS: '20s' },
  });
  using successor = await resuming(node, sessionId, worker.lastSequence);
  expect((await successor.next(9, 1, 15_000)).d).toBe(false);
  successor.identify();
  await successor.next('READY');
  await successor.reached(await lastDispatch(simulator));
  expect(counts(simulator.stats())).toEqual({ identifies: 2, resumes: 0, resumesRefused: 1, violations: {} });
});

it('after the session is a new one, a restart RESUMEs that, and old worker sessions are over', async () => {
  using directory = stateDirectory();
  await using simulator = await startSimulator({ shards: 1, guilds: 30, eventsPerSecond: 0 });
  const options = { discord: simulator, directory: directory.path, env };
  await using node = await startNode(options);
  await node.ready();
  using worker = await identified(node);
  const oldSession = worker.sessionId;
  await simulator.burst(0, 100);
  await worker.reached(simulator.stats().sessions[0]?.sequence ?? 0);
  const oldSequence = worker.lastSequence;
  simulator.inject({ kind: 'invalid-session', shard: 0, resumable: false });
  await worker.next(9);
  worker.identify();
  await worker.next('READY', 2, 15_000);
  await simulator.burst(0, 100);
  await worker.reached(simulator.stats().sessions[0]?.sequence ?? 0);
  await tailReached(node);
  await node.kill();
  await using second = await startNode(options);
  await second.ready();
  using outdated = await resuming(second, oldSession, oldSequence);
  expect((await outdated.next(9)).d).toBe(false);
  using successor = await resuming(second, worker.sessionId, worker.lastSequence);
  await successor.reached(await lastDispatch(simulator));
  expect(counts(simulator.stats())).toEqual({ identifies: 2, resumes: 1, resumesRefused: 0, violations: {} });
});

it('a node that dies while it has no session starts again', async () => {
  using directory = stateDirectory();
  await using simulator = await startSimulator({ shards: 1, guilds: 3, eventsPerSecond: 0 });
  const options = { discord: simulator, directory: directory.path, env };
  await using node = await startNode(options);
  await node.ready();
  simulator.inject({ kind: 'invalid-session', shard: 0, resumable: false });
  await node.logged(/session lost/);
  await node.stop();
  await using second = await startNode(options);
  await second.ready();
  expect(counts(simulator.stats()).violations).toEqual({});
});

it('sends the IDENTIFY of a restarted node no sooner than Discord allows', async () => {
  using directory = stateDirectory();
  await using simulator = await startSimulator({
    shards: 1,
    guilds: 3,
    eventsPerSecond: 0,
    readyDelayMs: 60_000,
  });
  const options = { discord: simulator, directory: directory.path, env };
  await using node = await startNode(options);
  await eventually(() => simulator.stats().identifies === 1);
  // Killed before READY: there is nothing to RESUME.
  await node.kill();
  simulator.inject({ kind: 'delay-ready', ms: 0 });
  await using second = await startNode(options);
  await second.ready();
  expect(counts(simulator.stats())).toEqual({ identifies: 2, resumes: 0, resumesRefused: 0, violations: {} });
});

it('keeps the number of shards of its sessions, whatever Discord recommends meanwhile', async () => {
  using directory = stateDirectory();
  await using discord = await new ScriptedDiscord().appear();
  const options = {
    discord,
    directory: directory.path,
    env: { ...env, SHARDMUX_DISCORD_COMPRESSION: 'none' },
  };
  await using node = await startNode(options);
  const connection = await discord.ready();
  connection.dispatch(2);
  await node.ready();
  await eventually(async () => (await node.metric('shardmux_upstream_dispatches_total')) === 1);
  await node.stop();
  // What an earlier number of shards left behind must not make it unsure.
  const [application = ''] = readdirSync(directory.path);
  mkdirSync(join(directory.path, application, 'shards-16', '0'), { recursive: true });
  discord.recommendedShards = 2;
  await using second = await startNode(options);
  const resumed = await discord.connection(2);
  expect((await resumed.next(6)).d).toMatchObject({ session_id: 'session-1', seq: 2 });
  resumed.dispatch(3, 'RESUMED', {});
  await second.ready();
  expect(discord.connections).toHaveLength(2);
});

it('a second node on the same state directory refuses to start and says why', async () => {
  using directory = stateDirectory();
  await using simulator = await startSimulator({ shards: 1, guilds: 1, eventsPerSecond: 0 });
  await using node = await startNode({ discord: simulator, directory: directory.path, env });
  await node.ready();
  await using second = spawnNode({ discord: simulator, directory: directory.path, env });
  expect(await second.exited).toBe(1);
  expect(second.logs()).toHaveLength(1);
  expect(second.logs()[0]).toMatchObject({
    level: 'fatal',
    msg: 'shardmux can not start',
    reason: `tail.directory: another shardmux is using ${directory.path}; give each a directory of its own`,
  });
  expect(simulator.stats().connectionsOpened).toBe(1);
});
