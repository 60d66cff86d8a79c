/** A worker that lands on a node that does not hold its shard: two gateways in this process stand for two nodes. */
import { expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import type { Worker } from '../../support/worker.ts';
import { eachTestHasPair, type TestPair } from './nodes.ts';
import { APPLICATION_ID, FIRST_SEQUENCE, LIMITS, TestDirectory, TestShard } from './shards.ts';

const GRACE_MS = 1_000;

let { nodes, entry, owner } = {} as TestPair; // Set before each test.
eachTestHasPair((pair) => {
  ({ nodes, entry, owner } = pair);
});

/** Has had READY, through `entry`. */
async function relayed(): Promise<Worker> {
  const worker = await entry.gateway.connect();
  worker.identify();
  await worker.next('READY');
  return worker;
}

function texts(worker: Worker): string[] {
  return worker.dispatches.filter(({ t }) => t !== 'READY' && t !== 'RESUMED').map(({ text }) => text);
}

test('IDENTIFY gets READY of the owner, with the address that the worker used, and what is dispatched there', async () => {
  const worker = await relayed();
  expect(worker.resumeUrl).toBe(`${entry.gateway.url}/shards/0`);
  const sent = owner.gateway.shard.dispatch(5);
  await worker.reached(FIRST_SEQUENCE + 5);
  expect(texts(worker)).toEqual(sent);
  expect(worker.payloads.map(({ op }) => op)).toEqual([10, 0, 0, 0, 0, 0, 0]);
  expect([entry.states, owner.states]).toEqual([['relaying'], ['live']]);
  expect([...entry.gateway.server.connections].map(({ account, shardId }) => [account, shardId])).toEqual([
    ['bot', 0],
  ]);
  expect([entry.gateway.counts.relays, entry.gateway.server.relayedConnections]).toEqual([1, 1]);
  expect([owner.gateway.counts.relayedSessions, owner.relayed]).toEqual([1, [`${APPLICATION_ID}/0`]]);
  expect([entry.gateway.counts.identifies, owner.gateway.counts.identifies]).toEqual([0, 1]);
});

test('RESUME gets what it missed from the owner, wherever the session began', async () => {
  const { sessionId } = await owner.gateway.live();
  const sent = owner.gateway.shard.dispatch(5);
  const worker = await entry.gateway.connect({ path: '/shards/0' });
  worker.resume({ sessionId, seq: FIRST_SEQUENCE + 2 });
  await worker.next('RESUMED');
  expect(texts(worker)).toEqual(sent.slice(2));
});

test('a shard of several is relayed to its own path, and others are served here', async () => {
  const many = await nodes.start('many', { shards: 3 });
  const second = await nodes.start('second', { shards: 3 });
  delete many.directory.shards[1];
  many.seeOwner(second, 1);
  const worker = await many.gateway.connect({ path: '/shards/2' });
  worker.identify({ shard: [1, 3] });
  expect((await worker.next('READY')).d.shard).toEqual([1, 3]);
  const byPath = await many.gateway.connect({ path: '/shards/1' });
  byPath.identify({ shard: undefined });
  expect((await byPath.next('READY')).d.shard).toEqual([1, 3]);
  const here = await many.gateway.connect({ path: '/shards/2' });
  here.identify({ shard: undefined });
  await here.next('READY');
  expect([many.states, second.states]).toEqual([
    ['relaying', 'relaying', 'live'],
    ['live', 'live'],
  ]);
});

test('an application whose name can not be in a path is relayed too', async () => {
  const nameless = { applicationId: '0123abcd0123abcd' };
  const near = await nodes.start('near', nameless);
  const far = await nodes.start('far', nameless);
  near.holdNothing();
  near.seeOwner(far);
  const worker = await near.gateway.connect();
  worker.identify();
  await worker.next('READY');
  expect(far.states).toEqual(['live']);
});

test('a node that serves more applications knows which one a relayed worker is of', async () => {
  const directory = new TestDirectory([new TestShard(0, 1)]);
  const larger = await nodes.start('larger', { otherApplications: [{ id: '5', directory }] });
  entry.seeOwner(larger);
  const worker = await relayed();
  expect([larger.states, larger.relayed]).toEqual([['live'], [`${APPLICATION_ID}/0`]]);
  expect(worker.resumeUrl).toBe(`${entry.gateway.url}/apps/${APPLICATION_ID}/shards/0`);
});

test('the owner acknowledges heartbeats, and knows what the worker has', async () => {
  const worker = await relayed();
  owner.gateway.shard.dispatch(3);
  await worker.reached(FIRST_SEQUENCE + 3);
  worker.heartbeat();
  await worker.next(11);
  const [connection] = owner.gateway.server.connections;
  expect(connection?.acknowledgedSequence).toBe(FIRST_SEQUENCE + 3);
});

test('INVALID_SESSION of the owner is passed on, and IDENTIFY on the same socket begins a session there', async () => {
  const worker = await relayed();
  owner.gateway.shard.begin('second');
  expect((await worker.next(9)).d).toBe(false);
  worker.identify();
  await worker.next('READY', 2);
  const sent = owner.gateway.shard.dispatch(2);
  await worker.reached(FIRST_SEQUENCE + 2);
  expect(texts(worker)).toEqual(sent);
});

test('a close of the owner reaches the worker as it is', async () => {
  const worker = await relayed();
  worker.send(42, {});
  expect(await worker.closed()).toBe(4001);
  expect(worker.closeReason).toBe('opcode 42 is unknown');
});

test.each([
  ['4000', 4000, 'changed my mind'],
  ['1000', 1000, ''],
  ['no code', undefined, ''],
])('a worker that closes with %s leaves nothing behind at either node', async (_what, code, reason) => {
  const worker = await relayed();
  worker.socket.close(code, reason);
  await eventually(() => owner.gateway.server.connections.size === 0);
  await eventually(() => entry.gateway.server.connections.size === 0);
  expect([owner.gateway.counts.closesByWorkers, [...owner.gateway.counts.closes]]).toEqual([1, []]);
  expect([owner.gateway.shard.listenerCount, entry.directory.subscriberCount]).toEqual([0, 0]);
  await eventually(() => entry.gateway.clock.pendingTimers + owner.gateway.clock.pendingTimers === 0);
});

test('a worker whose connection breaks leaves nothing behind at either node', async () => {
  const worker = await relayed();
  worker.socket.terminate();
  await eventually(() => owner.gateway.server.connections.size === 0);
  await eventually(() => entry.gateway.clock.pendingTimers + owner.gateway.clock.pendingTimers === 0);
});

test('an owner that is gone in the middle of a session closes the worker with 1012, and it RESUMEs', async () => {
  const worker = await relayed();
  for (const connection of owner.gateway.server.connections) connection.terminate();
  expect(await worker.closed()).toBe(1012);
  expect(worker.closeReason).toBe('the node of the session is gone; RESUME');
  const sent = owner.gateway.shard.dispatch(2);
  const again = await entry.gateway.connect();
  again.resume({ sessionId: worker.sessionId, seq: FIRST_SEQUENCE });
  await again.next('RESUMED');
  expect(texts(again)).toEqual(sent);
});

test('an owner that is drained sends op 7 and 1012 through', async () => {
  const worker = await relayed();
  const ended = owner.gateway.server[Symbol.asyncDispose]();
  await worker.next(7);
  owner.gateway.clock.advance(GRACE_MS);
  expect(await worker.closed()).toBe(1012);
  expect(worker.closeReason).toBe('shardmux restarts; RESUME');
  await ended;
});

test('a relaying node that is drained sends op 7, and 1012 to those that stay; nothing of the owner comes in between', async () => {
  const worker = await relayed();
  const ended = entry.gateway.server[Symbol.asyncDispose]();
  await worker.next(7);
  owner.gateway.shard.dispatch(3);
  await eventually(() => owner.gateway.server.connections.size === 0);
  worker.heartbeat();
  await worker.next(11);
  entry.gateway.clock.advance(GRACE_MS);
  expect(await worker.closed()).toBe(1012);
  await ended;
  expect(worker.payloads.map(({ op }) => op)).toEqual([10, 0, 7, 11]);
  expect(entry.gateway.clock.pendingTimers).toBe(0);
});

test('a shard that moves away from an owner that does not say so ends its relayed sessions half a second later', async () => {
  const third = await nodes.start('third');
  const worker = await relayed();
  entry.seeOwner(third);
  entry.gateway.clock.advance(499);
  expect(entry.states).toEqual(['relaying']);
  entry.gateway.clock.advance(1);
  await worker.next(7);
  entry.gateway.clock.advance(GRACE_MS);
  expect(await worker.closed()).toBe(1012);
  expect(worker.closeReason).toBe('the shard has moved to another node; RESUME');
});

test('a relayed session stays while nobody else holds its shard', async () => {
  const worker = await relayed();
  entry.directory.owners.clear();
  entry.directory.changed();
  entry.gateway.clock.advance(LIMITS.heartbeatIntervalMs);
  const sent = owner.gateway.shard.dispatch(2);
  await worker.reached(FIRST_SEQUENCE + 2);
  expect(texts(worker)).toEqual(sent);
});

test('a silent worker is closed with 4009 also while it is relayed', async () => {
  const worker = await relayed();
  entry.gateway.clock.advance(2 * LIMITS.heartbeatIntervalMs);
  expect(await worker.closed()).toBe(4009);
});

test('drainShard sends the workers of that shard away, and asks anew for those that wait', async () => {
  const two = await nodes.start('two', { shards: 2 });
  const moved = await two.gateway.live();
  const other = await two.gateway.connect();
  other.identify({ shard: [1, 2] });
  await other.next('READY');
  two.gateway.server.drainShard('999', 0);
  two.gateway.server.drainShard(APPLICATION_ID, 0);
  await moved.next(7);
  expect(two.states).toEqual(['draining', 'live']);
  two.gateway.clock.advance(GRACE_MS);
  expect(await moved.closed()).toBe(1012);
  expect(moved.closeReason).toBe('the shard has moved to another node; RESUME');
});
