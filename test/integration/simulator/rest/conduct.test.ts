/** What costs a bot at Discord besides the limits themselves. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { Simulator } from '../../../../src/simulator/index.ts';
import { type RestClient, timedSimulator } from './client.ts';

/** What comes back for a request of HTTP/1.1 as it is written here. */
async function sendRaw(simulator: Simulator, lines: readonly string[]): Promise<string> {
  const { hostname, port } = new URL(simulator.url);
  const socket = connect(Number(port), hostname);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.end(`${lines.join('\r\n')}\r\n\r\n`);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

async function createWebhook(client: RestClient) {
  const json = { name: 'hook' };
  const { body } = await client.send('POST', `/channels/${client.channel}/webhooks`, { json });
  return { id: String(body['id']), token: String(body['token']) };
}

describe('an address', () => {
  test('is banned by the last invalid request it had, by a page without Via, for as long as said', async () => {
    await using timed = await timedSimulator({ invalidRequestLimit: 4, banMs: 60_000 });
    const { client, clock, simulator } = timed;
    const unauthorized = () => client.send('GET', '/users/@me', { token: 'wrong' });
    for (let count = 0; count < 3; count += 1) expect((await unauthorized()).status).toBe(401);
    clock.advance(599_000);
    expect((await client.send('GET', '/users/@me')).status).toBe(200);
    expect((await unauthorized()).status).toBe(401);
    const banned = await client.send('GET', '/users/@me');
    expect(banned.status).toBe(429);
    expect(banned.headers.get('via')).toBeNull();
    expect(banned.headers.get('content-type')).toMatch(/^text\/html/);
    expect(banned.text).toMatch(/1015/);
    expect(client.violations()).toMatchObject({ 'rest-invalid-request-ban': 1 });
    expect(simulator.stats().rest).toMatchObject({ bans: 1, banned: 1, invalidRequests: 4 });
    clock.advance(60_000);
    expect((await client.send('GET', '/users/@me')).status).toBe(200);
  });

  test('is not, when its invalid requests are spread over more than ten minutes', async () => {
    await using timed = await timedSimulator({ invalidRequestLimit: 3 });
    for (let count = 0; count < 9; count += 1) {
      expect((await timed.client.send('GET', '/users/@me', { token: null })).status).toBe(401);
      timed.clock.advance(300_000);
    }
    expect(timed.simulator.stats().rest.bans).toBe(0);
  });
});

describe('a token', () => {
  test('that got a 401 is not to be used again', async () => {
    await using timed = await timedSimulator();
    const { client, clock } = timed;
    await client.send('GET', '/users/@me', { token: 'wrong' });
    await client.send('GET', '/users/@me', { token: 'wrong' });
    expect(client.violations()).toEqual({});
    clock.advance(100);
    await client.send('GET', '/users/@me', { token: 'wrong' });
    await client.send('GET', '/users/@me', { token: 'another' });
    expect(client.violations()).toEqual({ 'rest-refused-token': 1 });
  });

  test('can be refused from one moment on', async () => {
    await using timed = await timedSimulator();
    const { client, simulator } = timed;
    expect((await client.send('GET', '/users/@me')).status).toBe(200);
    simulator.inject({ kind: 'refuse-token' });
    expect(await client.send('GET', '/users/@me')).toMatchObject({
      status: 401,
      body: { message: '401: Unauthorized', code: 0 },
    });
  });

  test('of a bot has no business where a path has a token of its own', async () => {
    await using timed = await timedSimulator();
    const { client } = timed;
    const { id, token } = await createWebhook(client);
    const execute = (bot: string | null) =>
      client.send('POST', `/webhooks/${id}/${token}`, { token: bot, json: { content: 'x' } });
    expect((await execute(null)).status).toBe(204);
    expect(client.violations()).toEqual({});
    expect((await execute(client.simulator.options.token)).status).toBe(204);
    expect(client.violations()).toEqual({ 'rest-token-leak': 1 });
  });

  test('of a webhook is not told in the log of violations', async () => {
    await using timed = await timedSimulator();
    const { client, simulator } = timed;
    const { id, token } = await createWebhook(client);
    for (let count = 0; count < 7; count += 1) {
      await client.send('POST', `/webhooks/${id}/${token}`, { token: null, json: { content: 'x' } });
    }
    expect(client.violations()).toEqual({ 'rest-avoidable-429': 2 });
    const log = JSON.stringify(simulator.stats());
    expect(log).not.toContain(token);
    expect(log).not.toContain(simulator.options.token);
  });
});

test('a webhook that got a 10015 is not to be used again', async () => {
  await using timed = await timedSimulator();
  const { client, clock, simulator } = timed;
  const { id, token } = await createWebhook(client);
  simulator.inject({ kind: 'rest-delete-webhook', webhook: id });
  const execute = () =>
    client.send('POST', `/webhooks/${id}/${token}`, { token: null, json: { content: 'x' } });
  expect(await execute()).toMatchObject({ status: 404, body: { code: 10_015 } });
  clock.advance(100);
  await execute();
  expect(client.violations()).toEqual({ 'rest-dead-webhook': 1 });
});

test('the webhook of the application is unknown before an interaction is answered, and not dead for that', async () => {
  await using timed = await timedSimulator();
  const { client, clock, simulator } = timed;
  const { id, token } = simulator.rest.createInteraction(client.channel);
  const followUp = () =>
    client.send('POST', `/webhooks/100000000000000000/${token}`, { token: null, json: { content: 'x' } });
  expect(await followUp()).toMatchObject({ status: 404, body: { code: 10_015 } });
  await client.send('POST', `/interactions/${id}/${token}/callback`, { token: null, json: { type: 5 } });
  clock.advance(200);
  expect((await followUp()).status).toBe(200);
  expect(client.violations()).toEqual({});
});

test('an unknown message of a webhook says nothing against the webhook', async () => {
  await using timed = await timedSimulator();
  const { client, clock } = timed;
  const { id, token } = await createWebhook(client);
  const read = () =>
    client.send('GET', `/webhooks/${id}/${token}/messages/120000000000000000`, { token: null });
  expect(await read()).toMatchObject({ status: 404, body: { code: 10_008 } });
  clock.advance(1_000);
  await read();
  expect(client.violations()).toEqual({});
});

describe('what no client would send of its own accord', () => {
  test.each([
    'x-forwarded-for: 10.0.0.1',
    'forwarded: for=10.0.0.1',
    'proxy-authorization: Basic a',
    'te: gzip',
    'x-shardmux-account: a',
    'connection: x-secret',
  ])('is a header such as %s', async (header) => {
    await using timed = await timedSimulator();
    await sendRaw(timed.simulator, ['GET /api/v10/gateway HTTP/1.1', 'host: discord.com', header]);
    expect(timed.client.violations()).toEqual({ 'rest-stray-header': 1 });
  });

  test.each([
    '/api/v10//gateway',
    '/api/v10/../gateway',
    '/api/v10/channels/%2e%2e/gateway',
    '/api/v10/channels/1%2f2',
    'http://other.example/api/v10/gateway',
  ])('is the path %s', async (path) => {
    await using timed = await timedSimulator();
    const answer = await sendRaw(timed.simulator, [
      `GET ${path} HTTP/1.1`,
      'host: discord.com',
      'connection: close',
    ]);
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(timed.client.violations()).toEqual({ 'rest-strange-path': 1 });
  });

  test('is not what stock clients send', async () => {
    await using timed = await timedSimulator();
    await sendRaw(timed.simulator, [
      'GET /api/v10/gateway?a=%2f%2e%2e HTTP/1.1',
      'host: discord.com',
      'connection: close',
      'te: trailers',
      'user-agent: DiscordBot (https://example.com, 1.0)',
    ]);
    expect(timed.client.violations()).toEqual({});
    expect(timed.simulator.stats().notes).toEqual({});
  });
});
