import { request as httpRequest } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { Simulator } from '../../../../src/simulator/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { smallSimulator } from '../peer.ts';
import { limitHeaders, RestClient, timedSimulator } from './client.ts';

const SEND = 'POST /channels/:channel/messages';

/** Sends a message and tells what came back before the connection ended, however it did. */
function rawSend(
  simulator: Simulator,
  channel: string,
): Promise<{ text: string; failed: boolean; complete: boolean }> {
  return new Promise((resolve) => {
    const request = httpRequest(`${simulator.url}/api/v10/channels/${channel}/messages`, {
      method: 'POST',
      agent: false,
      headers: { authorization: `Bot ${simulator.options.token}`, 'content-type': 'application/json' },
    });
    request.on('error', () => resolve({ text: '', failed: true, complete: false }));
    request.on('response', (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += String(chunk);
      });
      response.on('error', () => {});
      response.on('close', () => resolve({ text, failed: false, complete: response.complete }));
    });
    request.end(JSON.stringify({ content: 'hello' }));
  });
}

describe('what can be made to go wrong', () => {
  test.each([500, 502, 503])('is an answer of %i, once or more often, on one route', async (status) => {
    await using timed = await timedSimulator();
    const { client, simulator } = timed;
    simulator.inject({ kind: 'rest-status', status, route: SEND, skip: 1, count: 2 });
    expect((await client.say()).status).toBe(200);
    expect((await client.send('GET', '/users/@me')).status).toBe(200);
    expect([(await client.say()).status, (await client.say()).status]).toEqual([status, status]);
    expect((await client.say()).status).toBe(200);
    expect(simulator.stats().rest.messages).toBe(2);
  });

  test('is a 403 on one path, which counts as an invalid request', async () => {
    await using timed = await timedSimulator();
    const { client, simulator } = timed;
    const [first = '', second = ''] = simulator.rest.channelIds(0);
    simulator.inject({ kind: 'rest-status', status: 403, path: `/channels/${second}` });
    expect((await client.say('x', first)).status).toBe(200);
    expect(await client.say('x', second)).toMatchObject({ status: 403, body: { code: 50_013 } });
    expect(simulator.stats().rest.invalidRequests).toBe(1);
  });

  test.each([
    'user',
    'shared',
    'global',
  ] as const)('is a 429 of scope %s, until its wait is over', async (scope) => {
    await using timed = await timedSimulator();
    const { client, clock, simulator } = timed;
    simulator.inject({ kind: 'rest-429', scope, retryAfterMs: 2_500, route: SEND });
    const first = await client.say();
    expect(first).toMatchObject({ status: 429, body: { retry_after: 2.5, global: scope === 'global' } });
    expect(first.headers.get('x-ratelimit-scope')).toBe(scope);
    clock.advance(2_000);
    expect(await client.say()).toMatchObject({ status: 429, body: { retry_after: 0.5 } });
    expect((await client.send('GET', '/users/@me')).status).toBe(scope === 'global' ? 429 : 200);
    clock.advance(500);
    expect((await client.say()).status).toBe(200);
    expect(client.violations()).toEqual({ 'rest-ignored-429': scope === 'global' ? 2 : 1 });
    expect(simulator.stats().rest.invalidRequests).toBe({ user: 2, shared: 0, global: 3 }[scope]);
  });

  test('is a 429 without a body', async () => {
    await using timed = await timedSimulator();
    const { client, simulator } = timed;
    simulator.inject({ kind: 'rest-429', scope: 'user', retryAfterMs: 1_000, body: 'none' });
    const answer = await client.say();
    expect([answer.status, answer.text, answer.headers.get('retry-after')]).toEqual([429, '', '1']);
  });

  test('is a page of Cloudflare, without Via', async () => {
    await using timed = await timedSimulator();
    const { client, simulator } = timed;
    simulator.inject({ kind: 'rest-cloudflare', status: 403 });
    const answer = await client.say();
    expect([answer.status, answer.headers.get('via'), answer.text.slice(0, 9)]).toEqual([
      403,
      null,
      '<!doctype',
    ]);
  });

  test('is a ban, for a while', async () => {
    await using timed = await timedSimulator();
    const { client, clock, simulator } = timed;
    simulator.inject({ kind: 'rest-ban', ms: 1_000 });
    expect((await client.say()).headers.get('retry-after')).toBe('1');
    clock.advance(1_000);
    expect((await client.say()).status).toBe(200);
  });

  test('are headers that tell nothing of limits', async () => {
    await using timed = await timedSimulator();
    const { client, simulator } = timed;
    simulator.inject({ kind: 'rest-no-headers' });
    expect(limitHeaders(await client.say()).limit).toBeNull();
    expect(limitHeaders(await client.say()).remaining).toBe(3);
  });

  test.each([
    ['before-read', 0],
    ['after-read', 1],
    ['mid-response', 1],
  ] as const)('is a reset %s, after which the message is there %i times', async (when, messages) => {
    await using timed = await timedSimulator();
    const { client, simulator } = timed;
    simulator.inject({ kind: 'rest-reset', when });
    const answer = await rawSend(simulator, client.channel);
    expect(answer.complete).toBe(false);
    await eventually(() => simulator.stats().rest.inFlight === 0);
    expect(simulator.stats().rest).toMatchObject({ messages, aborted: 1 });
    expect((await client.say()).status).toBe(200);
  });

  test('is a length that is not that of the body', async () => {
    await using timed = await timedSimulator();
    const { client, simulator } = timed;
    simulator.inject({ kind: 'rest-wrong-length', by: 10 });
    expect(await rawSend(simulator, client.channel)).toMatchObject({ failed: false, complete: false });
  });

  test('ends when it is cleared', async () => {
    await using timed = await timedSimulator();
    const { client, simulator } = timed;
    simulator.inject({ kind: 'rest-status', status: 500, count: 100 });
    expect((await client.say()).status).toBe(500);
    simulator.inject({ kind: 'rest-clear' });
    expect((await client.say()).status).toBe(200);
  });

  test('can be told over HTTP, and is refused where it makes no sense', async () => {
    await using timed = await timedSimulator();
    const { client, simulator } = timed;
    const inject = async (fault: unknown) => {
      const body = JSON.stringify(fault);
      return (await fetch(`${simulator.url}/simulator/inject`, { method: 'POST', body })).status;
    };
    expect(await inject({ kind: 'rest-status', status: 502 })).toBe(200);
    expect((await client.say()).status).toBe(502);
    expect(await inject({ kind: 'rest-status', status: 200 })).toBe(400);
    expect(await inject({ kind: 'rest-delete-webhook', webhook: '1' })).toBe(400);
  });
});

describe('in real time', () => {
  async function timeOf(act: () => Promise<unknown>): Promise<number> {
    const startMs = performance.now();
    await act();
    return performance.now() - startMs;
  }

  test('an answer can be late, by a share that the seed decides', async () => {
    await using simulator = await smallSimulator({ rest: { latencyMs: 60, jitterMs: 40 } });
    const client = new RestClient(simulator);
    expect(await timeOf(() => client.say())).toBeGreaterThanOrEqual(59);
    simulator.inject({ kind: 'rest-latency', ms: 100 });
    expect(await timeOf(() => client.say())).toBeGreaterThanOrEqual(159);
  });

  test('a body can be slow on its way out', async () => {
    await using simulator = await smallSimulator();
    const client = new RestClient(simulator);
    simulator.inject({ kind: 'rest-slow-response', bytesPerSecond: 2_000, route: SEND });
    const tookMs = await timeOf(async () => expect((await client.say()).body['content']).toBe('hello'));
    expect(tookMs).toBeGreaterThan(100);
  });

  test('a request can be read slowly', async () => {
    await using simulator = await smallSimulator();
    const client = new RestClient(simulator);
    simulator.inject({ kind: 'rest-slow-request', bytesPerSecond: 1_000_000 });
    const content = JSON.stringify({ content: 'x', padding: 'y'.repeat(200_000) });
    const send = () => client.send('POST', `/channels/${client.channel}/messages`, { body: content });
    expect(await timeOf(async () => expect((await send()).status).toBe(200))).toBeGreaterThan(150);
  });

  test('a client that goes away in the middle of a slow answer leaves nothing behind', async () => {
    await using simulator = await smallSimulator();
    const client = new RestClient(simulator);
    simulator.inject({ kind: 'rest-slow-response', bytesPerSecond: 1_000 });
    const abort = new AbortController();
    const { url, options } = simulator;
    const headers = { authorization: `Bot ${options.token}` };
    const path = `/api/v10/channels/${client.channel}`;
    const response = await fetch(url + path, { headers, signal: abort.signal });
    expect(response.status).toBe(200);
    abort.abort();
    await eventually(() => {
      const { inFlight, aborted } = simulator.stats().rest;
      expect({ inFlight, aborted }).toEqual({ inFlight: 0, aborted: 1 });
      return true;
    });
  });

  test('a client that goes away in the middle of its request leaves nothing behind', async () => {
    await using simulator = await smallSimulator();
    const client = new RestClient(simulator);
    await new Promise<void>((resolve) => {
      const request = httpRequest(`${simulator.url}/api/v10/channels/${client.channel}/messages`, {
        method: 'POST',
        headers: { authorization: `Bot ${simulator.options.token}`, 'content-length': '1000' },
      });
      request.on('error', () => resolve());
      request.write('{"content":', () => setImmediate(() => request.destroy(new Error('gone'))));
    });
    await eventually(() => {
      const { inFlight, aborted, messages } = simulator.stats().rest;
      expect({ inFlight, aborted, messages }).toEqual({ inFlight: 0, aborted: 1, messages: 0 });
      return true;
    });
  });
});
