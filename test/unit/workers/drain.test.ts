import { afterEach, beforeEach, expect, test } from 'vitest';
import { CloseCode } from '../../../src/protocol/close-codes.ts';
import { eventually } from '../../support/eventually.ts';
import { rawWorker } from './raw-worker.ts';
import { LIMITS, startTestGateway, type TestGateway } from './shards.ts';

const GRACE_MS = 1_000;

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await startTestGateway();
});

afterEach(() => gateway[Symbol.asyncDispose]());

function states(): string[] {
  return [...gateway.server.connections].map(({ stateKind }) => stateKind);
}

test('after op 7 a worker has a second to close by itself; then it is closed with 1012', async () => {
  const worker = await gateway.live();
  const ended = gateway.server[Symbol.asyncDispose]();
  await worker.next(7);
  gateway.clock.advance(GRACE_MS - 1);
  worker.heartbeat();
  await worker.next(11);
  expect(states()).toEqual(['draining']);
  gateway.clock.advance(1);
  expect(await worker.closed()).toBe(CloseCode.ServiceRestart);
  expect(worker.closeReason).toBe('shardmux restarts; RESUME');
  await ended;
  expect([...gateway.counts.closes]).toEqual([[CloseCode.ServiceRestart, 1]]);
  expect(gateway.lines.filter((line) => line.includes('"closeCode":1012'))).toEqual([
    expect.stringContaining('"account":"bot","shard":0'),
  ]);
});

test('a worker that closes by itself after op 7 gets no close of ours, and counts as its own departure', async () => {
  const worker = await gateway.live();
  const ended = gateway.server[Symbol.asyncDispose]();
  await worker.next(7);
  worker.socket.close(4000);
  expect(await worker.closed()).toBe(4000);
  await ended;
  expect([[...gateway.counts.closes], gateway.counts.closesByWorkers]).toEqual([[], 1]);
  expect(gateway.clock.pendingTimers).toBe(0);
});

test('behind op 7 nothing comes but heartbeat ACKs, whatever is dispatched or asked for', async () => {
  const worker = await gateway.live();
  const ended = gateway.server[Symbol.asyncDispose]();
  await worker.next(7);
  gateway.shard.dispatch(3);
  gateway.shard.begin('second');
  worker.identify();
  worker.resume({ sessionId: worker.sessionId, seq: worker.lastSequence });
  worker.send(3, { status: 'online' });
  worker.heartbeat();
  await worker.next(11);
  expect(worker.payloads.map(({ op }) => op)).toEqual([10, 0, 7, 11]);
  expect([gateway.shard.submitted, gateway.counts.droppedCommands]).toEqual([[], 1]);
  worker.socket.close(4000);
  await ended;
});

test('connections that have not identified, and those that are held, are drained too', async () => {
  await using waiting = await startTestGateway({ isWaiting: true });
  const early = await waiting.connect();
  const held = await waiting.connect();
  held.identify();
  await eventually(() => waiting.directory.subscriberCount === 1);
  const ended = waiting.server[Symbol.asyncDispose]();
  await Promise.all([early.next(7), held.next(7)]);
  expect(waiting.directory.subscriberCount).toBe(0);
  waiting.clock.advance(GRACE_MS);
  expect(await Promise.all([early.closed(), held.closed()])).toEqual([1012, 1012]);
  await ended;
});

test('a worker that does not answer the close is cut at the end of the drain time', async () => {
  using stalled = await rawWorker(gateway.port);
  const ended = gateway.server[Symbol.asyncDispose]();
  await eventually(() => stalled.ops.length === 2);
  expect(stalled.ops).toEqual([10, 7]);
  gateway.clock.advance(LIMITS.drainTimeoutMs - 1);
  expect((await stalled.closed()).code).toBe(1012);
  expect(gateway.server.connections.size).toBe(1);
  gateway.clock.advance(1);
  await ended;
});

test('in a drain time shorter than the grace, the close comes at its half', async () => {
  await using brief = await startTestGateway({ limits: { drainTimeoutMs: 100 } });
  const worker = await brief.live();
  const ended = brief.server[Symbol.asyncDispose]();
  await worker.next(7);
  brief.clock.advance(50);
  expect(await worker.closed()).toBe(1012);
  await ended;
});

test('a worker whose command finds its shard on the way out is drained at once, and the command counted', async () => {
  const worker = await gateway.live();
  const other = await gateway.live();
  gateway.shard.submission = 'closed';
  worker.send(3, { status: 'online' });
  await worker.next(7);
  expect(states()).toEqual(['draining', 'live']);
  expect([gateway.counts.commands, gateway.counts.droppedCommands]).toEqual([0, 1]);
  const ended = gateway.server[Symbol.asyncDispose]();
  await other.next(7);
  gateway.clock.advance(GRACE_MS);
  expect(await Promise.all([worker.closed(), other.closed()])).toEqual([1012, 1012]);
  await ended;
  expect(worker.payloads.filter(({ op }) => op === 7)).toHaveLength(1);
});
