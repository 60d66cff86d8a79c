/** A worker that is to be relayed, up to the owner's answer: what happens meanwhile, and where there is none. */
import { expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import type { Worker } from '../../support/worker.ts';
import { eachTestHasPair, type TestPair } from './nodes.ts';
import { APPLICATION_ID, LIMITS, startTestGateway } from './shards.ts';

const RETRY_MS = 250;

let { nodes, entry, owner } = {} as TestPair; // Set before each test.
eachTestHasPair((pair) => {
  ({ nodes, entry, owner } = pair);
});

async function identified(): Promise<Worker> {
  const worker = await entry.gateway.connect();
  worker.identify();
  return worker;
}

test('commands reach the owner, in order, also those from before its answer', async () => {
  const { serving } = owner.gateway.shard;
  owner.gateway.shard.serving = { kind: 'waiting' };
  const worker = await identified();
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
  const worker = await identified();
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
  const worker = await identified();
  await eventually(() => entry.states.includes('held'));
  entry.seeOwner(owner);
  await worker.next('READY');
  expect(entry.states).toEqual(['relaying']);
});

test('a node that says that it is not the owner is asked again 250 ms later', async () => {
  const shard = owner.gateway.shard;
  owner.holdNothing();
  const worker = await identified();
  await eventually(() => entry.gateway.counts.relayFailures.get('not-owner') === 1);
  expect([entry.states, owner.gateway.counts.closes.get(4900)]).toEqual([['held'], 1]);
  owner.directory.shards = [shard];
  entry.gateway.clock.advance(RETRY_MS - 1);
  expect(entry.states).toEqual(['held']);
  entry.gateway.clock.advance(1);
  await worker.next('READY');
});

test('a worker finds the new owner when the one that was asked is not it any more', async () => {
  const third = await nodes.start('third');
  owner.holdNothing();
  const worker = await identified();
  await eventually(() => entry.gateway.counts.relayFailures.get('not-owner') === 1);
  entry.seeOwner(third);
  await worker.next('READY');
  expect([third.states, worker.payloads.map(({ op }) => op)]).toEqual([['live'], [10, 0]]);
});

test('a worker whose shard comes here while another node is asked is served here', async () => {
  owner.gateway.shard.serving = { kind: 'waiting' };
  const worker = await identified();
  await eventually(() => owner.states.includes('held'));
  entry.hold();
  await worker.next('READY');
  expect(entry.states).toEqual(['live']);
  await eventually(() => owner.gateway.server.connections.size === 0);
});

test('an owner that closes before its answer is asked again, and the worker knows of nothing', async () => {
  owner.gateway.shard.serving = { kind: 'waiting' };
  const worker = await identified();
  await eventually(() => owner.states.includes('held'));
  for (const connection of owner.gateway.server.connections) connection.terminate();
  await eventually(() => entry.gateway.counts.relayFailures.get('cut-off') === 1);
  owner.gateway.shard.begin();
  entry.gateway.clock.advance(RETRY_MS);
  await worker.next('READY');
  expect(worker.payloads.map(({ op }) => op)).toEqual([10, 0]);
});

test('an owner that drains before its answer is not what the worker hears of', async () => {
  const third = await nodes.start('third');
  owner.gateway.shard.serving = { kind: 'waiting' };
  const worker = await identified();
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
  const worker = await identified();
  for (let attempt = 1; attempt <= LIMITS.holdTimeoutMs / RETRY_MS; attempt++) {
    await eventually(() => entry.gateway.counts.relayFailures.get('unreachable') === attempt);
    expect(worker.closeCode).toBeUndefined();
    entry.gateway.clock.advance(RETRY_MS);
  }
  expect(await worker.closed()).toBe(1013);
  expect(worker.closeReason).toBe('the node of the shard could not be reached for 5 s; try again');
  expect(entry.directory.subscriberCount).toBe(0);
});

test('a worker that its owner holds waits there as long as that one’s own limit', async () => {
  owner.gateway.shard.serving = { kind: 'waiting' };
  const worker = await identified();
  await eventually(() => owner.states.includes('held'));
  entry.gateway.clock.advance(LIMITS.holdTimeoutMs);
  worker.heartbeat();
  await worker.next(11);
  expect(entry.states).toEqual(['dialling']);
  owner.gateway.clock.advance(LIMITS.holdTimeoutMs);
  expect(await worker.closed()).toBe(1013);
  expect(worker.closeReason).toBe('the shard has had no session with Discord for 5 s; try again');
});

test('a worker that has waited longer than the limit is closed when its owner does not take it after all', async () => {
  owner.gateway.shard.serving = { kind: 'waiting' };
  const worker = await identified();
  await eventually(() => owner.states.includes('held'));
  entry.gateway.clock.advance(LIMITS.holdTimeoutMs);
  for (const connection of owner.gateway.server.connections) connection.terminate();
  expect(await worker.closed()).toBe(1013);
});

test('a worker that leaves while an owner is asked leaves nothing behind at either node', async () => {
  owner.gateway.shard.serving = { kind: 'waiting' };
  const worker = await identified();
  await eventually(() => owner.states.includes('held'));
  worker.socket.terminate();
  await eventually(() => entry.gateway.server.connections.size + owner.gateway.server.connections.size === 0);
  expect([entry.directory.subscriberCount, owner.directory.subscriberCount]).toEqual([0, 0]);
  await eventually(() => entry.gateway.clock.pendingTimers + owner.gateway.clock.pendingTimers === 0);
});

test('a second IDENTIFY while an owner is asked closes with 4005', async () => {
  owner.gateway.shard.serving = { kind: 'waiting' };
  const worker = await identified();
  await eventually(() => owner.states.includes('held'));
  worker.identify();
  expect(await worker.closed()).toBe(4005);
  await eventually(() => owner.gateway.server.connections.size === 0);
});

test('an owner with an address that is none is one that can not be reached', async () => {
  entry.seeOwner({ nodeId: 'odd', address: 'no address' });
  const worker = await identified();
  await eventually(() => entry.gateway.counts.relayFailures.get('unreachable') === 1);
  entry.seeOwner(owner);
  await worker.next('READY');
});

test('a worker that is held is relayed by drainShard, where the shard has gone elsewhere', async () => {
  const shard = entry.hold();
  shard.serving = { kind: 'waiting' };
  const worker = await identified();
  await eventually(() => entry.states.includes('held'));
  entry.holdNothing();
  entry.gateway.server.drainShard(APPLICATION_ID, 0);
  await worker.next('READY');
  expect(entry.states).toEqual(['relaying']);
});
