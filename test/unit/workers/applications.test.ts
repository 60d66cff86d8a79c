/** Several applications at one node: which of them a worker gets, and what it is told where it does not say. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Rejections } from '../../../src/workers/index.ts';
import type { Worker } from '../../support/worker.ts';
import { RawWorker } from './raw-worker.ts';
import {
  APPLICATION_ID,
  FIRST_SEQUENCE,
  startTestGateway,
  TestDirectory,
  type TestGateway,
  TestShard,
} from './shards.ts';

const OTHER_ID = '200000000000000000';
const UNSERVED_ID = '300000000000000000';

const TOKENS = [
  { name: 'anyone', token: 'token-of-no-application' },
  { name: 'one', token: 'token-of-the-one-application', applicationId: APPLICATION_ID },
  { name: 'other', token: 'token-of-the-other-application', applicationId: OTHER_ID },
  { name: 'stray', token: 'token-of-an-unserved-application', applicationId: UNSERVED_ID },
] as const;

type Name = (typeof TOKENS)[number]['name'];

let gateway: TestGateway;
let otherDirectory: TestDirectory;

/** The one has a shard, the other two. */
beforeEach(async () => {
  otherDirectory = new TestDirectory([new TestShard(0, 2), new TestShard(1, 2)]);
  for (const shard of otherDirectory.shards) shard.begin();
  gateway = await startTestGateway({
    tokens: TOKENS,
    limits: { maxConnections: 32 },
    otherApplications: [{ id: OTHER_ID, directory: otherDirectory }],
  });
});

afterEach(() => gateway[Symbol.asyncDispose]());

function tokenOf(name: Name): string {
  return TOKENS.find((account) => account.name === name)?.token ?? '';
}

async function identified(name: Name, path: string, shard?: readonly [number, number]): Promise<Worker> {
  const worker = await gateway.connect({ path });
  worker.identify({ token: tokenOf(name), shard });
  return worker;
}

function applicationsOf(): (string | undefined)[] {
  return [...gateway.server.connections].map(({ applicationId }) => applicationId);
}

const byPath = (id: string, shard = 0) => `/apps/${id}/shards/${shard}`;

test.each([
  ['anyone', byPath(OTHER_ID), OTHER_ID],
  ['anyone', byPath(APPLICATION_ID), APPLICATION_ID],
  ['other', byPath(OTHER_ID), OTHER_ID],
  ['other', '/shards/1', OTHER_ID],
  ['one', '/', APPLICATION_ID],
] as const)('IDENTIFY of %s at %s is of application %s', async (name, path, id) => {
  const worker = await identified(name, path);
  const shard = path.endsWith('/1') ? 1 : 0;
  const { d } = await worker.next('READY');
  expect(d.resume_gateway_url).toBe(gateway.url + byPath(id, shard));
  expect(applicationsOf()).toEqual([id]);
});

test.each([
  '/',
  '/shards/0',
])('IDENTIFY at %s with a token of no application is closed with 4010, which says where to connect', async (path) => {
  const worker = await identified('anyone', path, [0, 1]);
  expect(await worker.closed()).toBe(4010);
  expect(worker.closeReason).toBe(
    'there are 2 applications here; connect to /apps/<application id>/shards/<n>',
  );
});

test('a token of one application at the path of another is closed with 4004', async () => {
  const worker = await identified('one', byPath(OTHER_ID));
  expect(await worker.closed()).toBe(4004);
  expect(worker.closeReason).toBe(
    `the token may not be used for application ${OTHER_ID}; see workers.tokens`,
  );
});

test('a token of an application that is not served is closed with 4004', async () => {
  const worker = await identified('stray', '/');
  expect(await worker.closed()).toBe(4004);
  expect(worker.closeReason).toBe(`the token is for application ${UNSERVED_ID}, which is not served here`);
});

test('a path with an application that is not served is refused with 404, and says so', async () => {
  using worker = new RawWorker(gateway.port);
  worker.upgrade(undefined, byPath(UNSERVED_ID));
  await worker.ended();
  expect(worker.text).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
  expect(worker.text).toContain(`application ${UNSERVED_ID} is not served here`);
});

test.each([
  '/',
  '/shards/0',
  byPath(OTHER_ID, 1),
])('RESUME at %s with a token of no application is of the application that the session id names', async (path) => {
  const { sessionId } = await readyOf('anyone', byPath(OTHER_ID));
  const sent = otherDirectory.shards[0]?.dispatch(2) ?? [];
  const worker = await gateway.connect({ path });
  worker.resume({ sessionId, seq: FIRST_SEQUENCE, token: tokenOf('anyone') });
  await worker.next('RESUMED');
  expect(worker.dispatches.slice(0, 2).map(({ text }) => text)).toEqual(sent);
});

test('RESUME of a session of another application than the path’s gets INVALID_SESSION', async () => {
  const { sessionId } = await readyOf('anyone', byPath(APPLICATION_ID));
  const worker = await gateway.connect({ path: byPath(OTHER_ID) });
  worker.resume({ sessionId, seq: FIRST_SEQUENCE, token: tokenOf('anyone') });
  expect((await worker.next(9)).d).toBe(false);
});

test('RESUME of a session of an application that is served here no longer gets INVALID_SESSION', async () => {
  const { sessionId } = await readyOf('anyone', byPath(OTHER_ID));
  await using alone = await startTestGateway({ tokens: TOKENS });
  const worker = await alone.connect();
  worker.resume({ sessionId, seq: FIRST_SEQUENCE, token: tokenOf('anyone') });
  expect((await worker.next(9)).d).toBe(false);
  worker.identify({ token: tokenOf('anyone') });
  await worker.next('READY');
});

test('one application that is refused by Discord does not touch the other', async () => {
  const one = await readyOf('one', '/');
  const other = await readyOf('other', '/shards/0');
  otherDirectory.stoppedReason = 'Discord refused the bot token';
  otherDirectory.changed();
  gateway.server.closeSessions(OTHER_ID, Rejections.applicationStopped('Discord refused the bot token'));
  const late = await identified('other', '/shards/0');
  expect(await Promise.all([other.closed(), late.closed()])).toEqual([1013, 1013]);
  gateway.shard.dispatch();
  await one.reached(FIRST_SEQUENCE + 1);
  expect(one.closeCode).toBeUndefined();
});

test('drainShard sends away only the workers of that application', async () => {
  const one = await readyOf('one', '/');
  const other = await readyOf('other', '/shards/0');
  gateway.server.drainShard(OTHER_ID, 0);
  await other.next(7);
  one.heartbeat();
  await one.next(11);
  expect(one.payloads.some(({ op }) => op === 7)).toBe(false);
});

test.each([
  ['one', 200, 1],
  ['other', 200, 2],
  ['stray', 401, undefined],
  ['anyone', 400, undefined],
] as const)('GET /gateway/bot with the token of %s is answered with %i', async (name, status, shards) => {
  const response = await fetch(`${gateway.httpUrl}/api/v10/gateway/bot`, {
    headers: { authorization: `Bot ${tokenOf(name)}` },
  });
  const body = (await response.json()) as { shards?: number; message?: string };
  expect([response.status, body.shards]).toEqual([status, shards]);
  if (status === 400) expect(body.message).toContain('/apps/<application id>/shards/<n>');
});

test('with one application, addresses do not name it, and a token of none is of it', async () => {
  await using alone = await startTestGateway({ tokens: TOKENS });
  const worker = await alone.live();
  expect(worker.resumeUrl).toBe(`${alone.url}/shards/0`);
  const named = await alone.connect({ path: byPath(APPLICATION_ID) });
  named.identify({ token: tokenOf('one') });
  await named.next('READY');
  expect(named.resumeUrl).toBe(`${alone.url}/shards/0`);
});

async function readyOf(name: Name, path: string): Promise<Worker> {
  const worker = await identified(name, path);
  await worker.next('READY');
  return worker;
}
