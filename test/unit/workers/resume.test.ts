import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sessionKey, upstreamEpoch } from '../../../src/workers/index.ts';
import { signSessionId, verifySessionId } from '../../../src/workers/session-id.ts';
import type { Worker } from '../../support/worker.ts';
import { APPLICATION_ID, FIRST_SEQUENCE, startTestGateway, type TestGateway } from './shards.ts';

const TOKENS = [
  { name: 'first', token: 'token-of-the-first-account' },
  { name: 'second', token: 'token-of-the-second-account' },
];
const [{ token }, other] = TOKENS as [(typeof TOKENS)[0], (typeof TOKENS)[0]];

/** Room for a few segments. */
const MAX_LOG_BYTES = 128 * 1024;

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await startTestGateway({ shards: 2, tokens: TOKENS, log: { maxBytes: MAX_LOG_BYTES } });
});

afterEach(() => gateway[Symbol.asyncDispose]());

async function resumed(sessionId: string, seq: number): Promise<Worker> {
  const worker = await gateway.connect();
  worker.resume({ sessionId, seq, token });
  await worker.next('RESUMED');
  return worker;
}

async function refused(sessionId: string, seq: number, withToken = token): Promise<Worker> {
  const worker = await gateway.connect();
  worker.resume({ sessionId, seq, token: withToken });
  expect((await worker.next(9)).text).toBe('{"t":null,"s":null,"op":9,"d":false}');
  expect(worker.dispatches).toEqual([]);
  return worker;
}

function texts(worker: Worker): string[] {
  return worker.dispatches.filter(({ t }) => t !== 'READY' && t !== 'RESUMED').map(({ text }) => text);
}

/** More than the log holds. */
function overflow(): void {
  for (let part = 0; part < 40; part++) gateway.shard.dispatch(10, 'x'.repeat(1_000));
}

test('RESUME replays what came after its sequence, then RESUMED, then what is live', async () => {
  const { sessionId } = await gateway.live();
  const sent = gateway.shard.dispatch(10);
  const worker = await resumed(sessionId, FIRST_SEQUENCE + 4);
  sent.push(...gateway.shard.dispatch(3));
  await worker.reached(FIRST_SEQUENCE + 13);
  expect(texts(worker)).toEqual(sent.slice(4));
  expect(worker.dispatches.map(({ t }) => t).indexOf('RESUMED')).toBe(6);
});

test('RESUMED has an object d and the number of the last dispatch as s', async () => {
  const { sessionId } = await gateway.live();
  gateway.shard.dispatch(5);
  const worker = await resumed(sessionId, FIRST_SEQUENCE);
  const { text } = await worker.next('RESUMED');
  expect(text).toBe('{"t":"RESUMED","s":6,"op":0,"d":{"_trace":["shardmux"]}}');
});

test('RESUME with nothing missed gets RESUMED alone', async () => {
  const { sessionId } = await gateway.live();
  const worker = await resumed(sessionId, FIRST_SEQUENCE);
  expect(worker.dispatches).toHaveLength(1);
});

test('RESUME from the oldest kept sequence is granted in full, from one before it gets INVALID_SESSION', async () => {
  const { sessionId } = await gateway.live();
  overflow();
  const { floor, head } = gateway.shard.log;
  expect(floor).toBeGreaterThan(FIRST_SEQUENCE);
  const worker = await resumed(sessionId, floor);
  expect(texts(worker)).toHaveLength(head - floor);
  await refused(sessionId, floor - 1);
});

test('RESUME from before the session’s own start gets INVALID_SESSION, although the log has it', async () => {
  gateway.shard.dispatch(5);
  const { sessionId } = await gateway.live();
  gateway.shard.dispatch(5);
  await resumed(sessionId, FIRST_SEQUENCE + 5);
  await refused(sessionId, FIRST_SEQUENCE + 4);
});

test('RESUME after RESUME works with the same session id', async () => {
  const { sessionId } = await gateway.live();
  const sent = gateway.shard.dispatch(4);
  const first = await resumed(sessionId, FIRST_SEQUENCE);
  first.socket.terminate();
  sent.push(...gateway.shard.dispatch(4));
  const second = await resumed(sessionId, FIRST_SEQUENCE + 4);
  expect([...texts(first), ...texts(second)]).toEqual(sent);
});

test('RESUME at the path of another shard is of the shard that the session id names', async () => {
  const { sessionId } = await gateway.live();
  const sent = gateway.shard.dispatch(2);
  const worker = await gateway.connect({ path: '/shards/1' });
  worker.resume({ sessionId, seq: FIRST_SEQUENCE, token });
  await worker.next('RESUMED');
  expect(texts(worker)).toEqual(sent);
});

test('a session of one account can not be resumed by another', async () => {
  const { sessionId } = await gateway.live();
  await refused(sessionId, FIRST_SEQUENCE, other.token);
});

test('a session of an upstream session that is over gets INVALID_SESSION', async () => {
  const { sessionId } = await gateway.live();
  gateway.shard.begin('second');
  gateway.shard.dispatch(3);
  await refused(sessionId, FIRST_SEQUENCE + 1);
});

test('a session of another number of shards gets INVALID_SESSION', async () => {
  const worker = await gateway.connect();
  worker.identify({ token, shard: [1, 2] });
  await worker.next('READY');
  gateway.directory.shards.pop();
  gateway.directory.shardCount = 1;
  await refused(worker.sessionId, FIRST_SEQUENCE);
});

test.each([
  '',
  '.',
  'sm1',
  'sm1..',
  'sm1.e30.',
  'a'.repeat(3_000),
  '\u0000.\u0000',
  'ff00ff00ff00ff00',
])('the session id "%s" gets INVALID_SESSION', async (sessionId) => {
  await refused(sessionId, FIRST_SEQUENCE);
});

test('a session id whose claims were changed gets INVALID_SESSION, whatever was changed', async () => {
  const { sessionId } = await gateway.live();
  const [version, claims, mac] = sessionId.split('.') as [string, string, string];
  const fields = JSON.parse(Buffer.from(claims, 'base64url').toString()) as unknown[];
  expect(fields).toHaveLength(8);
  for (const [index, field] of fields.entries()) {
    const changed = fields.with(index, typeof field === 'number' ? field + 1 : `${String(field)}x`);
    const forged = Buffer.from(JSON.stringify(changed)).toString('base64url');
    expect(
      verifySessionId(`${version}.${forged}.${mac}`, sessionKey('a secret of the tests')),
    ).toBeUndefined();
  }
  await refused(`${version}.${claims}.${mac.slice(0, -2)}`, FIRST_SEQUENCE);
  await refused(`sm2.${claims}.${mac}`, FIRST_SEQUENCE);
});

test('a session id signed with another secret gets INVALID_SESSION', async () => {
  const claims = {
    applicationId: APPLICATION_ID,
    shardId: 0,
    shardCount: 2,
    epoch: upstreamEpoch('first'),
    startSequence: FIRST_SEQUENCE,
    intents: 513,
    account: 'first',
  };
  await resumed(signSessionId(claims, sessionKey('a secret of the tests')), FIRST_SEQUENCE);
  await refused(signSessionId(claims, sessionKey('another secret')), FIRST_SEQUENCE);
});

test('a session id from before sessions had tags is resumed, and one with more fields than we know', async () => {
  const key = sessionKey('a secret of the tests');
  const fields = [APPLICATION_ID, 0, 2, upstreamEpoch('first'), FIRST_SEQUENCE, 513, 'first'];
  for (const written of [fields, [...fields, 'tag', 'of a later version']]) {
    const body = `sm1.${Buffer.from(JSON.stringify(written)).toString('base64url')}`;
    const mac = createHmac('sha256', key).update(body).digest().subarray(0, 16).toString('base64url');
    const texts = gateway.shard.dispatch(2);
    const worker = await resumed(`${body}.${mac}`, FIRST_SEQUENCE);
    expect(worker.dispatches.slice(-3, -1).map(({ text }) => text)).toEqual(texts);
  }
});

test.each([
  ['no sequence', { seq: undefined }],
  ['sequence null', { seq: null }],
  ['sequence 0', { seq: 0 }],
  ['no session id', { session_id: undefined }],
])('RESUME with %s gets INVALID_SESSION, so that libraries do not try the same again', async (_what, change) => {
  const { sessionId } = await gateway.live();
  const worker = await gateway.connect();
  worker.send(6, { token, session_id: sessionId, seq: FIRST_SEQUENCE, ...change });
  await worker.next(9);
});

test('after a RESUME that got op 9, IDENTIFY on the same socket begins a session, and heartbeats are acknowledged', async () => {
  const worker = await refused('forged', FIRST_SEQUENCE);
  worker.heartbeat();
  await worker.next(11);
  worker.identify({ token, shard: [0, 2] });
  await worker.next('READY');
  const sent = gateway.shard.dispatch(2);
  await worker.reached(FIRST_SEQUENCE + 2);
  expect(texts(worker)).toEqual(sent);
});

test('after a RESUME that got op 9, a RESUME on the same socket is granted', async () => {
  const { sessionId } = await gateway.live();
  const worker = await refused('forged', FIRST_SEQUENCE);
  worker.resume({ sessionId, seq: FIRST_SEQUENCE, token });
  await worker.next('RESUMED');
});

test('commands right behind RESUME reach the shard', async () => {
  const { sessionId } = await gateway.live();
  gateway.shard.dispatch(50, 'x'.repeat(1_000));
  const worker = await gateway.connect();
  worker.resume({ sessionId, seq: FIRST_SEQUENCE, token });
  worker.send(3, { status: 'idle' });
  await worker.next('RESUMED');
  worker.heartbeat();
  await worker.next(11);
  expect(gateway.shard.submitted.map((text) => JSON.parse(text).d.status)).toEqual(['idle']);
});

test('a session id holds no secret: neither token nor the upstream session id', async () => {
  const { sessionId } = await gateway.live();
  const readable = Buffer.from(sessionId.split('.')[1] ?? '', 'base64url').toString();
  expect(JSON.parse(readable)).toEqual([
    APPLICATION_ID,
    0,
    2,
    upstreamEpoch('first'),
    1,
    expect.any(Number),
    'first',
    expect.stringMatching(/^[\w-]{12}$/),
  ]);
  expect(upstreamEpoch('first')).not.toContain('first');
});

test("RESUME from beyond the head waits while an earlier process's session catches up, and is replayed then", async () => {
  const { sessionId } = await gateway.live();
  gateway.shard.isCatchingUp(true);
  const worker = await gateway.connect();
  worker.resume({ sessionId, seq: FIRST_SEQUENCE + 2, token });
  worker.heartbeat();
  await worker.next(11);
  expect(worker.dispatches).toEqual([]);
  const sent = gateway.shard.dispatch(3);
  gateway.shard.isCatchingUp(false);
  gateway.directory.changed();
  await worker.next('RESUMED');
  expect(texts(worker)).toEqual(sent.slice(2));
});
