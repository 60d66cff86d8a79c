import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { SIMULATOR_TOKEN } from '../../../src/simulator/index.ts';
import { createAuthenticator } from '../../../src/workers/index.ts';
import { eventually } from '../../support/eventually.ts';
import { RawWorker } from './raw-worker.ts';
import { LIMITS, startTestGateway, type TestGateway } from './shards.ts';

const AUTHORIZED = { authorization: `Bot ${SIMULATOR_TOKEN}` };

async function get(gateway: TestGateway, path: string, headers: Record<string, string> = {}) {
  const response = await fetch(gateway.httpUrl + path, { headers });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

/** The HTTP answer to an upgrade that is refused. */
async function refusal(gateway: TestGateway, path: string): Promise<string> {
  using worker = new RawWorker(gateway.port);
  worker.upgrade(undefined, path);
  await worker.ended();
  return worker.text;
}

test.each([
  '/gateway',
  '/api/gateway',
  '/api/v10/gateway',
  '/api/v9/gateway?x=1',
])('GET %s gives the address of this node without a token, a path or a query', async (path) => {
  await using gateway = await startTestGateway();
  expect(await get(gateway, path)).toMatchObject({ status: 200, body: { url: gateway.url } });
});

test.each([
  '/gateway/bot',
  '/api/gateway/bot',
  '/api/v10/gateway/bot',
])('GET %s lets all shards IDENTIFY at once', async (path) => {
  await using gateway = await startTestGateway({ shards: 16 });
  expect(await get(gateway, path, AUTHORIZED)).toMatchObject({
    status: 200,
    body: {
      url: gateway.url,
      shards: 16,
      session_start_limit: { total: 1_000, remaining: 1_000, reset_after: 86_400_000, max_concurrency: 16 },
    },
  });
});

test.each([
  {},
  { authorization: '' },
  { authorization: 'Bot wrong' },
  { authorization: `Bearer ${SIMULATOR_TOKEN}` },
])('GET /gateway/bot with %j is unauthorized', async (headers) => {
  await using gateway = await startTestGateway();
  const answer = await get(gateway, '/api/v10/gateway/bot', headers as Record<string, string>);
  expect(answer).toMatchObject({ status: 401, body: { message: '401: Unauthorized', code: 0 } });
});

test('GET /gateway/bot is 503 with retry-after before the number of shards is known', async () => {
  await using gateway = await startTestGateway();
  gateway.directory.shardCount = undefined;
  const { status, headers } = await get(gateway, '/gateway/bot', AUTHORIZED);
  expect(status).toBe(503);
  expect(headers.get('retry-after')).toBe('5');
});

test.each([
  '/',
  '/shards/0',
  '/api/v10/users/@me',
  '/api/v10/gateway/bots',
  '/healthz/',
])('GET %s is 404', async (path) => {
  await using gateway = await startTestGateway();
  expect(await get(gateway, path)).toMatchObject({
    status: 404,
    body: { message: '404: Not Found', code: 0 },
  });
});

test('/healthz is 200', async () => {
  await using gateway = await startTestGateway();
  expect(await get(gateway, '/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
});

test.each([
  [{ 'x-forwarded-proto': 'https' }, 'wss'],
  [{ 'x-forwarded-proto': 'https, http' }, 'wss'],
  [{ 'x-forwarded-proto': 'HTTPS' }, 'wss'],
  [{ 'x-forwarded-proto': 'http' }, 'ws'],
  [{}, 'ws'],
])('with the headers %j the address begins with %s, and has the host that was asked for', async (headers, scheme) => {
  await using gateway = await startTestGateway();
  const body = await new Promise<string>((resolve) => {
    const socket = connect(gateway.port, '127.0.0.1');
    const lines = Object.entries({ host: 'bots.example:8443', ...headers }).map(
      ([name, value]) => `${name}: ${value}`,
    );
    socket.end(`GET /gateway HTTP/1.1\r\n${lines.join('\r\n')}\r\nconnection: close\r\n\r\n`);
    let answer = '';
    socket.on('data', (bytes) => {
      answer += bytes.toString();
    });
    socket.on('close', () => resolve(answer));
  });
  expect(body).toContain(`{"url":"${scheme}://bots.example:8443"}`);
});

test('a publicUrl is what GET /gateway and READY give, without its last slash', async () => {
  await using gateway = await startTestGateway({ publicUrl: 'wss://gateway.example/' });
  expect((await get(gateway, '/gateway')).body).toEqual({ url: 'wss://gateway.example' });
  const worker = await gateway.live();
  expect(worker.resumeUrl).toBe('wss://gateway.example/shards/0');
});

test.each([
  [
    'compress=zlib-stream',
    '/?compress=zlib-stream',
    'switch compression off in your library (see docs/libraries.md)',
  ],
  ['compress=zstd-stream', '/?v=10&compress=zstd-stream', 'switch compression off in your library'],
  ['encoding=etf', '/?encoding=etf', 'encoding=etf is not supported; use json'],
])('a connection with %s is refused with 400 and what to do', async (_what, path, message) => {
  await using gateway = await startTestGateway();
  const answer = await refusal(gateway, path);
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  expect(answer).toContain(message);
});

test.each([
  '/shard/1',
  '/shards/',
  '/shards/-1',
  '/shards/01',
  '/shards/1/x',
  '/apps/x/shards/1',
  '/gateway',
])('a connection to %s is refused with 404', async (path) => {
  await using gateway = await startTestGateway();
  expect(await refusal(gateway, path)).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
});

test('one connection above the limit is refused with 503, and taken after another has left', async () => {
  await using gateway = await startTestGateway({ limits: { maxConnections: 2 } });
  const first = await gateway.live();
  await gateway.live();
  const answer = await refusal(gateway, '/');
  expect(answer).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n/);
  expect(answer).toMatch(/\r\nretry-after: 5\r\n/);
  expect(answer).toContain('workers.maxConnections is reached');
  expect([...gateway.counts.refused]).toEqual([[503, 1]]);
  first.socket.close();
  await eventually(() => gateway.server.connections.size === 1);
  await gateway.connect();
});

test('a connection that was refused and never closes its half is closed by us', async () => {
  const gateway = await startTestGateway();
  const socket = connect({ port: gateway.port, host: '127.0.0.1', allowHalfOpen: true });
  socket.write('GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n');
  socket.resume();
  await new Promise((resolve) => socket.once('end', resolve));
  await gateway[Symbol.asyncDispose]();
  socket.destroy();
});

test('an authenticator knows each of its tokens by its account, and compares with all of them', () => {
  const tokens = ['one', 'two', 'three'].map((name) => ({ name, token: `token-${name}` }));
  const authenticator = createAuthenticator(tokens);
  for (const { name, token } of tokens) expect(authenticator.authenticate(token)).toEqual({ name });
  for (const wrong of ['', 'token', 'token-on', 'token-one ', 'TOKEN-ONE', 'one']) {
    expect(authenticator.authenticate(wrong)).toBeUndefined();
  }
});

test('a node that drains takes no connection any more, and /healthz says so', async () => {
  const gateway = await startTestGateway();
  const keptAlive = connect(gateway.port, '127.0.0.1');
  let answer = '';
  keptAlive.on('data', (bytes) => {
    answer += bytes.toString();
  });
  keptAlive.write('GET /healthz HTTP/1.1\r\nhost: x\r\n');
  await eventually(() => keptAlive.readyState === 'open');
  const worker = await gateway.live();
  const ended = gateway.server[Symbol.asyncDispose]();
  await worker.next(7);
  keptAlive.write('\r\n');
  await eventually(() => answer.includes('{"status":"draining"}'));
  expect(answer).toMatch(/^HTTP\/1\.1 503 /);
  // What keeps its connection open is cut, as a worker is that stays.
  gateway.clock.advance(LIMITS.drainTimeoutMs);
  await ended;
  keptAlive.destroy();
});
