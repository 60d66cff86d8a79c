import { afterEach, expect, test } from 'vitest';
import { SIMULATOR_TOKEN } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import type { Worker } from '../../support/worker.ts';
import { frame, RawWorker, WebSocketOpcode } from './raw-worker.ts';
import {
  FIRST_SEQUENCE,
  LIMITS,
  startTestGateway,
  type TestGateway,
  type TestGatewayOptions,
} from './shards.ts';

let gateway: TestGateway;

afterEach(() => gateway[Symbol.asyncDispose]());

const MIB = 1024 * 1024;

/** Above what the kernel takes for a connection whose other side does not read. */
const BACKLOG_BYTES = 24 * MIB;

const PAYLOAD_BYTES = 8_000;

/** Node's own mark, and one write beyond. */
const MAX_UNSENT_BYTES = LIMITS.maxUnsentBytes + PAYLOAD_BYTES + 200;

async function start(options: TestGatewayOptions = {}): Promise<void> {
  gateway = await startTestGateway({ log: { maxBytes: 2 * BACKLOG_BYTES }, ...options });
}

/** In pieces, as they come from a shard. */
async function dispatchBytes(bytes: number): Promise<string[]> {
  const sent: string[] = [];
  while (sent.length * PAYLOAD_BYTES < bytes) {
    sent.push(...gateway.shard.dispatch(20, 'x'.repeat(PAYLOAD_BYTES)));
    await new Promise(setImmediate);
  }
  return sent;
}

function unsentBytes(): number[] {
  return [...gateway.server.connections].map((connection) => connection.unsentBytes);
}

function texts(worker: Worker): string[] {
  return worker.dispatches.filter(({ t }) => t !== 'READY' && t !== 'RESUMED').map(({ text }) => text);
}

test('a worker that stops reading and goes on within the window gets everything in order', async () => {
  await start();
  const worker = await gateway.live();
  worker.pause();
  const sent = await dispatchBytes(BACKLOG_BYTES);
  expect(Math.max(...unsentBytes())).toBeGreaterThan(0);
  worker.unpause();
  sent.push(...gateway.shard.dispatch(3));
  await worker.reached(FIRST_SEQUENCE + sent.length);
  expect(texts(worker)).toEqual(sent);
});

test('what waits for a worker that stops reading is bounded, and nobody else waits for it', async () => {
  await start();
  const slow = await gateway.live();
  const quick = await gateway.live();
  slow.pause();
  const sent: string[] = [];
  for (let part = 0; part < 12; part++) {
    sent.push(...(await dispatchBytes(BACKLOG_BYTES / 12)));
    expect(Math.max(...unsentBytes())).toBeLessThanOrEqual(MAX_UNSENT_BYTES);
  }
  expect(Math.max(...unsentBytes())).toBeGreaterThan(0);
  await quick.reached(FIRST_SEQUENCE + sent.length);
  expect(texts(quick)).toEqual(sent);
});

test('the lag of a worker is the age of the oldest dispatch that its socket has not taken; of one that keeps up, none', async () => {
  await start();
  const slow = await gateway.live();
  const quick = await gateway.live();
  slow.pause();
  const sent = await dispatchBytes(BACKLOG_BYTES);
  await quick.reached(FIRST_SEQUENCE + sent.length);
  gateway.clock.advance(3_000);
  const lags = [...gateway.server.connections].map((connection) => connection.lagMs(gateway.clock.now()));
  expect(lags.sort()).toEqual([0, 3_000]);
});

test('what a worker acknowledges in its heartbeats is known', async () => {
  await start();
  const worker = await gateway.live();
  const [connection] = gateway.server.connections;
  expect(connection?.acknowledgedSequence).toBeNull();
  const sent = gateway.shard.dispatch(3);
  await worker.reached(FIRST_SEQUENCE + sent.length);
  worker.heartbeat();
  await worker.next(11);
  expect(connection?.acknowledgedSequence).toBe(FIRST_SEQUENCE + 3);
});

test('a limit below the mark of Node’s sockets stalls nobody', async () => {
  await start({ limits: { maxUnsentBytes: 4_096 } });
  const worker = await gateway.live();
  worker.pause();
  const sent = await dispatchBytes(BACKLOG_BYTES / 2);
  worker.unpause();
  await worker.reached(FIRST_SEQUENCE + sent.length);
  expect(texts(worker)).toEqual(sent);
});

test('a worker that falls out of the log gets what was before, then INVALID_SESSION, and never a gap', async () => {
  await start({ log: { maxBytes: MIB } });
  const worker = await gateway.live();
  worker.pause();
  const sent = await dispatchBytes(BACKLOG_BYTES);
  await eventually(() => gateway.counts.lost === 1);
  worker.unpause();
  await worker.next(9);
  const received = texts(worker);
  expect(received).toEqual(sent.slice(0, received.length));
  expect(worker.payloads.at(-1)?.text).toBe('{"t":null,"s":null,"op":9,"d":false}');
  worker.identify();
  await worker.next('READY', 2);
  expect(worker.lastSequence).toBe(gateway.shard.log.head);
});

test('a worker that falls out of the log and does not read on is closed', async () => {
  await start({ log: { maxBytes: MIB } });
  const worker = await gateway.live();
  worker.pause();
  await dispatchBytes(BACKLOG_BYTES);
  await eventually(() => gateway.counts.lost === 1);
  gateway.clock.advance(5_000);
  expect([...gateway.counts.closes]).toEqual([[4008, 1]]);
  gateway.clock.advance(5_000);
  await eventually(() => gateway.server.connections.size === 0);
});

test('a worker that falls out of the log, reads on and begins anew is not closed for what was', async () => {
  await start({ log: { maxBytes: MIB } });
  const worker = await gateway.live();
  worker.pause();
  await dispatchBytes(BACKLOG_BYTES);
  await eventually(() => gateway.counts.lost === 1);
  worker.unpause();
  await worker.next(9);
  worker.identify();
  await worker.next('READY', 2);
  worker.pause();
  while (Math.max(...unsentBytes()) === 0) gateway.shard.dispatch(1, 'x'.repeat(PAYLOAD_BYTES));
  gateway.clock.advance(LIMITS.identifyTimeoutMs);
  expect([...gateway.counts.closes]).toEqual([]);
});

test('heartbeat ACKs for a worker that never reads are bounded', async () => {
  await start({ limits: { heartbeatIntervalMs: 60_000 } });
  const worker = await gateway.live();
  worker.pause();
  await dispatchBytes(BACKLOG_BYTES);
  let beats = 0;
  while (gateway.counts.closes.size === 0) {
    const { received } = gateway.counts;
    for (let beat = 0; beat < 100; beat++) worker.heartbeat();
    beats += 100;
    await eventually(() => gateway.counts.received >= received + 100 || gateway.counts.closes.size > 0);
    gateway.clock.advance(60_000);
    expect(beats).toBeLessThan(5_000);
  }
  expect([...gateway.counts.closes.keys()]).toEqual([4008]);
});

test('a replay longer than the socket takes is complete and in order while live dispatches come into it', async () => {
  await start();
  const { sessionId } = await gateway.live();
  const sent = await dispatchBytes(BACKLOG_BYTES);
  const head = gateway.shard.log.head;
  const worker = await gateway.connect();
  worker.resume({ sessionId, seq: FIRST_SEQUENCE });
  await eventually(() => worker.dispatches.length > 0);
  worker.pause();
  sent.push(...gateway.shard.dispatch(50, 'live'));
  expect([...gateway.server.connections].map(({ stateKind }) => stateKind)).toContain('replaying');
  worker.unpause();
  sent.push(...gateway.shard.dispatch(50, 'live'));
  await worker.reached(head + 100);
  expect(texts(worker)).toEqual(sent);
  const sequences = worker.dispatches.map(({ t, s }) => [t, s]);
  expect(sequences[head - FIRST_SEQUENCE]).toEqual(['RESUMED', head]);
});

test('a replay that the log can not finish ends with INVALID_SESSION and without RESUMED', async () => {
  await start({ log: { maxBytes: BACKLOG_BYTES } });
  const { sessionId } = await gateway.live();
  await dispatchBytes(BACKLOG_BYTES / 2);
  const { floor } = gateway.shard.log;
  const worker = await gateway.connect();
  worker.pause();
  worker.resume({ sessionId, seq: floor });
  await eventually(() => gateway.counts.resumes === 1);
  await dispatchBytes(2 * BACKLOG_BYTES);
  worker.unpause();
  await worker.next(9);
  expect(worker.payloads.some(({ t }) => t === 'RESUMED')).toBe(false);
});

test('a worker that closes with a backlog gets its code back, and nothing behind it', async () => {
  await start();
  using worker = new RawWorker(gateway.port);
  worker.upgrade(frame(JSON.stringify({ op: 2, d: { token: SIMULATOR_TOKEN, intents: 0 } })));
  await eventually(() => worker.frames.length === 2);
  worker.socket.pause();
  await dispatchBytes(BACKLOG_BYTES);
  const { received } = gateway.counts;
  worker.socket.write(frame('{"op":1}'));
  worker.socket.write(frame(Buffer.from([0x0f, 0xa0]), { opcode: WebSocketOpcode.Close }));
  await eventually(() => gateway.counts.received === received + 1);
  worker.socket.resume();
  await eventually(() => worker.isEnded, 15_000);
  expect(worker.frames.at(-1)).toMatchObject({ opcode: WebSocketOpcode.Close });
  expect((await worker.closed()).code).toBe(4000);
  expect(gateway.lines.filter((line) => line.includes('failed'))).toEqual([]);
});
