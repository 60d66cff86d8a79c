/** A worker that lands on a node that does not hold its shard: two gateways in this process stand for two nodes. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import type { Worker } from '../../support/worker.ts';
import { type NodeOptions, TestNode } from './nodes.ts';
import { APPLICATION_ID, FIRST_SEQUENCE, LIMITS, startTestGateway } from './shards.ts';

/** Where workers connect. */
let entry: TestNode;
/** Holds the only shard. */
let owner: TestNode;
const nodes: TestNode[] = [];

const GRACE_MS = 1_000;
const RETRY_MS = 250;

beforeEach(async () => {
  entry = await node('entry');
  owner = await node('owner');
  entry.holdNothing();
  entry.seeOwner(owner);
});

afterEach(async () => {
  // Those that workers connect to first: an owner that goes waits for the workers to go.
  for (const started of nodes.splice(0)) await started[Symbol.asyncDispose]();
});

async function node(nodeId: string, options: NodeOptions = {}): Promise<TestNode> {
  const started = await TestNode.start(nodeId, options);
  nodes.push(started);
  return started;
}

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
  const many = await node('many', { shards: 3 });
  const second = await node('second', { shards: 3 });
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

test('the owner acknowledges heartbeats, and knows what the worker has', async () => {
  const worker = await relayed();
  owner.gateway.shard.dispatch(3);
  await worker.reached(FIRST_SEQUENCE + 3);
  worker.heartbeat();
  await worker.next(11);
  const [connection] = owner.gateway.server.connections;
  expect(connection?.acknowledgedSequence).toBe(FIRST_SEQUENCE + 3);
});

test('commands reach the owner, in order, also those from before its answer', async () => {
  const { serving } = owner.gateway.shard;
  owner.gateway.shard.serving = { kind: 'waiting' };
  const worker = await entry.gateway.connect();
  worker.identify();
  await eventually(() => owner.states.includes('held'));
  for (const status of ['idle', 'dnd']) worker.send(3, { status });
  worker.heartbeat();
  await worker.next(11);
  expect(entry.states).toEqual(['dialling']);
  owner.gateway.shard.serving = serving;
  owner.directory.changed();
  await worker.next('READY');
  worker.send(3, { status: 'online' });
  await eventually(() => owner.gateway.shard.submitted.length === 3);
  const statuses = owner.gateway.shard.submitted.map((text) => JSON.parse(text).d.status);
  expect(statuses).toEqual(['idle', 'dnd', 'online']);
});

test('while the owner holds a worker, each of its heartbeats is acknowledged once and counts at both nodes', async () => {
  owner.gateway.shard.serving = { kind: 'waiting' };
  const worker = await entry.gateway.connect();
  worker.identify();
  await eventually(() => owner.states.includes('held'));
  const before = owner.gateway.counts.received;
  for (let beat = 1; beat <= 3; beat++) {
    worker.heartbeat();
    await worker.next(11, beat);
    await eventually(() => owner.gateway.counts.received === before + beat);
  }
  owner.gateway.shard.begin();
  owner.directory.changed();
  await worker.next('READY');
  expect(worker.payloads.filter(({ op }) => op === 11)).toHaveLength(3);
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
  const third = await node('third');
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

test('a node without peers holds a worker whose shard is elsewhere', async () => {
  await using alone = await startTestGateway();
  alone.directory.shards = [];
  alone.directory.owners.set(0, owner);
  const worker = await alone.connect();
  worker.identify();
  await eventually(() => [...alone.server.connections].some(({ stateKind }) => stateKind === 'held'));
  alone.clock.advance(LIMITS.holdTimeoutMs);
  expect(await worker.closed()).toBe(1013);
});

test('a worker that is held is relayed when an owner appears elsewhere', async () => {
  entry.directory.owners.clear();
  const worker = await entry.gateway.connect();
  worker.identify();
  await eventually(() => entry.states.includes('held'));
  entry.seeOwner(owner);
  await worker.next('READY');
  expect(entry.states).toEqual(['relaying']);
});

test('a node that says that it is not the owner is asked again 250 ms later', async () => {
  const shard = owner.gateway.shard;
  owner.holdNothing();
  const worker = await entry.gateway.connect();
  worker.identify();
  await eventually(() => entry.gateway.counts.relayFailures.get('not-owner') === 1);
  expect([entry.states, owner.gateway.counts.closes.get(4900)]).toEqual([['held'], 1]);
  owner.directory.shards = [shard];
  entry.gateway.clock.advance(RETRY_MS - 1);
  expect(entry.states).toEqual(['held']);
  entry.gateway.clock.advance(1);
  await worker.next('READY');
});

test('a worker finds the new owner when the one that was asked is not it any more', async () => {
  const third = await node('third');
  owner.holdNothing();
  const worker = await entry.gateway.connect();
  worker.identify();
  await eventually(() => entry.gateway.counts.relayFailures.get('not-owner') === 1);
  entry.seeOwner(third);
  await worker.next('READY');
  expect([third.states, worker.payloads.map(({ op }) => op)]).toEqual([['live'], [10, 0]]);
});

test('a worker whose shard comes here while another node is asked is served here', async () => {
  owner.gateway.shard.serving = { kind: 'waiting' };
  const worker = await entry.gateway.connect();
  worker.identify();
  await eventually(() => owner.states.includes('held'));
  entry.hold();
  await worker.next('READY');
  expect(entry.states).toEqual(['live']);
  await eventually(() => owner.gateway.server.connections.size === 0);
});

test('an owner that closes before its answer is asked again, and the worker knows of nothing', async () => {
  owner.gateway.shard.serving = { kind: 'waiting' };
  const worker = await entry.gateway.connect();
  worker.identify();
  await eventually(() => owner.states.includes('held'));
  for (const connection of owner.gateway.server.connections) connection.terminate();
  await eventually(() => entry.gateway.counts.relayFailures.get('cut-off') === 1);
  owner.gateway.shard.begin();
  entry.gateway.clock.advance(RETRY_MS);
  await worker.next('READY');
  expect(worker.payloads.map(({ op }) => op)).toEqual([10, 0]);
});

test('an owner that drains before its answer is not what the worker hears of', async () => {
  const third = await node('third');
  owner.gateway.shard.serving = { kind: 'waiting' };
  const worker = await entry.gateway.connect();
  worker.identify();
  await eventually(() => owner.states.includes('held'));
  const ended = owner.gateway.server[Symbol.asyncDispose]();
  await eventually(() => entry.gateway.counts.relayFailures.get('draining') === 1);
  entry.seeOwner(third);
  await worker.next('READY');
  await ended;
  expect(worker.payloads.map(({ op }) => op)).toEqual([10, 0]);
});

test('an owner’s verdict on a request reaches the worker', async () => {
  const worker = await entry.gateway.connect();
  const { sessionId } = await owner.gateway.live();
  worker.resume({ sessionId, seq: 100 });
  expect(await worker.closed()).toBe(4007);
  expect(worker.closeReason).toBe('RESUME with sequence 100; the newest is 1');
});

test('an owner that can not be reached is asked every 250 ms, up to the hold limit: 1013', async () => {
  entry.seeOwner({ nodeId: 'gone', address: '127.0.0.1:1' });
  const worker = await entry.gateway.connect();
  worker.identify();
  for (let attempt = 1; attempt <= LIMITS.holdTimeoutMs / RETRY_MS; attempt++) {
    await eventually(() => entry.gateway.counts.relayFailures.get('unreachable') === attempt);
    expect(worker.closeCode).toBeUndefined();
    entry.gateway.clock.advance(RETRY_MS);
  }
  expect(await worker.closed()).toBe(1013);
  expect(worker.closeReason).toBe('the node of the shard could not be reached for 5 s; try again');
  expect(entry.directory.subscriberCount).toBe(0);
});

test('an owner with an address that is none is one that can not be reached', async () => {
  entry.seeOwner({ nodeId: 'odd', address: 'no address' });
  const worker = await entry.gateway.connect();
  worker.identify();
  await eventually(() => entry.gateway.counts.relayFailures.get('unreachable') === 1);
  entry.seeOwner(owner);
  await worker.next('READY');
});

test('drainShard sends the workers of that shard away, and asks anew for those that wait', async () => {
  const two = await node('two', { shards: 2 });
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

test('a worker that is held is relayed by drainShard, where the shard has gone elsewhere', async () => {
  const shard = entry.hold();
  shard.serving = { kind: 'waiting' };
  const worker = await entry.gateway.connect();
  worker.identify();
  await eventually(() => entry.states.includes('held'));
  entry.holdNothing();
  entry.gateway.server.drainShard(APPLICATION_ID, 0);
  await worker.next('READY');
  expect(entry.states).toEqual(['relaying']);
});
