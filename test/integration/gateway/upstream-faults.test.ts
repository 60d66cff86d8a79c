import { expect, it } from 'vitest';
import { type Fault, startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { startNode } from '../../support/node.ts';
import { connectWorker, firstDifference, receivedLines, truthLines } from '../../support/worker.ts';
import { counts, expectComplete, lastDispatch, liveShard } from './live-shard.ts';

const shard = 0;

const RESUMED_AFTER: readonly [string, Fault][] = [
  ['Discord closes with 4000', { kind: 'disconnect', shard }],
  ['Discord closes with 1001', { kind: 'disconnect', shard, code: 1001 }],
  ['the connection is cut', { kind: 'disconnect', shard, terminate: true }],
  ['op 7', { kind: 'reconnect', shard }],
  ['op 9, resumable', { kind: 'invalid-session', shard, resumable: true }],
  ['Discord falls silent', { kind: 'silence', shard }],
];

it.each(RESUMED_AFTER)('RESUMEs after %s; workers miss nothing', async (_, fault) => {
  await using live = await liveShard({ heartbeatIntervalMs: 500 });
  const { simulator, worker, first } = live;
  await worker.reached(first + 100);
  simulator.inject(fault);
  await eventually(() => simulator.stats().resumes === 1, 10_000);
  await worker.reached(worker.lastSequence + 100);
  await expectComplete(live);
  expect(worker.closeCode).toBeUndefined();
  expect(counts(simulator.stats())).toEqual({ identifies: 1, resumes: 1, resumesRefused: 0, violations: {} });
});

const MALFORMED = ['not-json', 'truncated-frame', 'corrupt-compression', 'binary-garbage'] as const;

it.each(
  MALFORMED.flatMap((what) =>
    (['none', 'zlib-stream', 'zstd-stream'] as const).map((to) => [what, to] as const),
  ),
)('RESUMEs after a malformed frame (%s) with compression %s; workers miss nothing', async (what, compression) => {
  await using live = await liveShard({}, { SHARDMUX_DISCORD_COMPRESSION: compression });
  const { simulator, node, worker, first } = live;
  await worker.reached(first + 100);
  simulator.inject({ kind: 'malformed', shard, what });
  await eventually(() => simulator.stats().resumes === 1, 10_000);
  await worker.reached(worker.lastSequence + 100);
  await expectComplete(live);
  expect(counts(simulator.stats())).toEqual({ identifies: 1, resumes: 1, resumesRefused: 0, violations: {} });
  const malformed = what === 'truncated-frame' ? 0 : 1;
  expect(await node.metric('shardmux_upstream_malformed_frames_total')).toBe(malformed);
});

const IGNORED: readonly [string, Fault][] = [
  ['an unknown op', { kind: 'malformed', shard, what: 'unknown-op' }],
  ['a request for a heartbeat', { kind: 'request-heartbeat', shard }],
  ['a Discord that reads slowly', { kind: 'slow-reads', shard, ms: 200 }],
];

it.each(IGNORED)('stays connected through %s', async (_, fault) => {
  await using live = await liveShard({ heartbeatIntervalMs: 1_000 });
  const { simulator, worker, first } = live;
  await worker.reached(first + 50);
  simulator.inject(fault);
  await worker.reached(worker.lastSequence + 200);
  await expectComplete(live);
  const { connectionsOpened } = simulator.stats();
  expect({ connectionsOpened, ...counts(simulator.stats()) }).toEqual({
    connectionsOpened: 1,
    identifies: 1,
    resumes: 0,
    resumesRefused: 0,
    violations: {},
  });
});

it.each([
  ['op 9, not resumable', { kind: 'invalid-session', shard, resumable: false }, 0],
  ['a RESUME that Discord refuses', { kind: 'forget-session', shard }, 1],
] as const)('IDENTIFYs once after %s, and live workers start over on their sockets', async (_, fault, refused) => {
  await using live = await liveShard({ identifyIntervalMs: 1_000, maxConcurrency: 1 }, {});
  const { simulator, worker } = live;
  simulator.inject(fault);
  if (fault.kind === 'forget-session') simulator.inject({ kind: 'disconnect', shard });
  const oldSession = worker.sessionId;
  expect((await worker.next(9)).d).toBe(false);
  const before = worker.payloads.length;
  worker.identify();
  const ready = await worker.next('READY', 2, 15_000);
  expect(worker.closeCode).toBeUndefined();
  expect(ready.d.session_id).not.toBe(oldSession);
  // The simulated bot joins and leaves guilds meanwhile; their exact set is the business of workers-sessions.test.ts.
  expect(ready.d.guilds).toContainEqual({ id: expect.any(String), unavailable: true });
  const until = await lastDispatch(simulator);
  await worker.reached(until);
  const sessions = simulator.truth(shard).sessions;
  expect(sessions).toHaveLength(2);
  const afterReady = worker.payloads.slice(before).filter(({ op }) => op === 0);
  expect(
    firstDifference(
      receivedLines(afterReady),
      truthLines(sessions[1]?.dispatches ?? [], { after: ready.s ?? 0 }),
    ),
  ).toBeUndefined();
  expect(counts(simulator.stats())).toEqual({
    identifies: 2,
    resumes: 0,
    resumesRefused: refused,
    violations: {},
  });
});

it('holds workers while READY is delayed, and serves them then', async () => {
  await using simulator = await startSimulator({
    shards: 1,
    guilds: 3,
    eventsPerSecond: 0,
    readyDelayMs: 1_500,
  });
  await using node = await startNode({ discord: simulator });
  using worker = await connectWorker(node.workersUrl);
  worker.identify();
  await eventually(() => simulator.stats().identifies === 1);
  expect((await node.readyz()).status).toBe(503);
  const first = (await worker.next('READY')).s ?? 0;
  await expectComplete({ simulator, worker, first });
  expect(counts(simulator.stats())).toEqual({ identifies: 1, resumes: 0, resumesRefused: 0, violations: {} });
});
