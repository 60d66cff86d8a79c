import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { describe, expect, test } from 'vitest';
import { eventually } from '../../../support/eventually.ts';
import { limitHeaders, timedSimulator } from './client.ts';

/** A message that nobody has sent, of some day in 2015. */
const OLD_MESSAGE = '120000000000000000';

describe('the headers of a route', () => {
  test('move with every request in a leaky bucket', async () => {
    await using timed = await timedSimulator();
    const { client, clock } = timed;
    expect(limitHeaders(await client.say())).toEqual({ limit: 5, remaining: 4, resetAfter: 1 });
    expect(limitHeaders(await client.say())).toEqual({ limit: 5, remaining: 3, resetAfter: 2 });
    clock.advance(1_500);
    expect(limitHeaders(await client.say())).toEqual({ limit: 5, remaining: 3, resetAfter: 1.5 });
  });

  test('stand still until the window ends in a fixed one', async () => {
    await using timed = await timedSimulator();
    const { client, clock } = timed;
    const path = `/guilds/${client.guild}/members/100000000000000001/roles/${client.guild}`;
    expect(limitHeaders(await client.send('PUT', path))).toEqual({ limit: 10, remaining: 9, resetAfter: 10 });
    clock.advance(4_000);
    expect(limitHeaders(await client.send('PUT', path))).toEqual({ limit: 10, remaining: 8, resetAfter: 6 });
    clock.advance(6_000);
    expect(limitHeaders(await client.send('PUT', path))).toEqual({ limit: 10, remaining: 9, resetAfter: 10 });
  });

  test('say when it resets in seconds since 1970 too', async () => {
    await using timed = await timedSimulator();
    const answer = await timed.client.say();
    const reset = Number(answer.headers.get('x-ratelimit-reset'));
    expect(Math.abs(reset - (Date.now() / 1_000 + 1))).toBeLessThan(30);
    expect(answer.headers.get('x-ratelimit-reset')).toMatch(/^\d{10}\.\d{3}$/);
    expect(answer.headers.get('x-ratelimit-bucket')).toMatch(/^[0-9a-f]{32}$/);
  });

  test('count each channel for itself under one hash', async () => {
    await using timed = await timedSimulator();
    const { client, simulator } = timed;
    const [first = '', second = ''] = simulator.rest.channelIds(0);
    const answers = [await client.say('a', first), await client.say('b', second)];
    expect(answers.map((answer) => limitHeaders(answer).remaining)).toEqual([4, 4]);
    expect(new Set(answers.map(({ headers }) => headers.get('x-ratelimit-bucket'))).size).toBe(1);
  });

  test('share a hash between sending and editing, which are counted apart', async () => {
    await using timed = await timedSimulator();
    const { client } = timed;
    const sent = await client.say();
    const path = `/channels/${client.channel}/messages/${sent.body['id']}`;
    const edited = await client.send('PATCH', path, { json: { content: 'b' } });
    expect(edited.headers.get('x-ratelimit-bucket')).toBe(sent.headers.get('x-ratelimit-bucket'));
    expect(limitHeaders(edited).remaining).toBe(4);
  });

  test('tell three limits for deleting, by the age of the message', async () => {
    await using timed = await timedSimulator();
    const { client, clock } = timed;
    const [young, older] = [await client.message(), await client.message()];
    const remove = (id: string) => client.send('DELETE', `/channels/${client.channel}/messages/${id}`);
    const first = await remove(young);
    clock.advance(10_000);
    const [second, third] = [await remove(older), await remove(OLD_MESSAGE)];
    expect([first, second, third].map(({ status }) => status)).toEqual([204, 204, 404]);
    expect([first, second, third].map((answer) => limitHeaders(answer).limit)).toEqual([3, 5, 30]);
    expect(new Set([first, second, third].map(({ headers }) => headers.get('x-ratelimit-bucket'))).size).toBe(
      3,
    );
  });

  test('are not there where a route has no limit of its own', async () => {
    await using timed = await timedSimulator();
    const answer = await timed.client.send('GET', '/gateway/bot');
    expect(limitHeaders(answer)).toEqual({ limit: null, remaining: null, resetAfter: null });
  });

  test('are not changed by what a test makes of the numbers of another route', async () => {
    await using timed = await timedSimulator({ buckets: { 'create-message': { limit: 2, windowMs: 100 } } });
    const { client } = timed;
    expect(limitHeaders(await client.say())).toEqual({ limit: 2, remaining: 1, resetAfter: 0.05 });
    expect(limitHeaders(await client.send('GET', '/users/@me')).limit).toBe(30);
  });
});

describe('a request over its limit', () => {
  test('gets a 429 with what Discord says in it, and passes after the wait', async () => {
    await using timed = await timedSimulator();
    const { client, clock } = timed;
    for (let count = 0; count < 5; count += 1) await client.say();
    clock.advance(300);
    const answer = await client.say();
    expect(answer.status).toBe(429);
    expect(answer.body).toEqual({ message: 'You are being rate limited.', retry_after: 0.7, global: false });
    expect(limitHeaders(answer)).toEqual({ limit: 5, remaining: 0, resetAfter: 4.7 });
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'retry-after': '1',
      'x-ratelimit-scope': 'user',
      via: '1.1 google',
    });
    clock.advance(700);
    expect((await client.say()).status).toBe(200);
    expect(timed.simulator.stats().rest).toMatchObject({
      limited: { user: 1, shared: 0, global: 0 },
      statuses: { 200: 6, 429: 1 },
      routes: { 'POST /channels/:channel/messages': 7 },
      invalidRequests: 1,
    });
  });

  test('was avoidable when the headers had told', async () => {
    await using timed = await timedSimulator();
    const { client } = timed;
    for (let count = 0; count < 6; count += 1) await client.say();
    expect(client.violations()).toEqual({ 'rest-avoidable-429': 1 });
  });

  test('was avoidable in a channel of which only others had told', async () => {
    await using timed = await timedSimulator();
    const { client, simulator } = timed;
    await client.say();
    const other = simulator.rest.channelIds(0)[1] ?? '';
    await Promise.all(Array.from({ length: 6 }, () => client.say('x', other)));
    expect(client.violations()).toEqual({ 'rest-avoidable-429': 1 });
  });

  test('was unprobed when it did not wait for the first headers of a route', async () => {
    await using timed = await timedSimulator();
    const { client, simulator } = timed;
    // Without their bodies they can't be answered.
    const begun = Array.from({ length: 5 }, () => {
      const request = httpRequest(`${simulator.url}/api/v10/channels/${client.channel}/messages`, {
        method: 'POST',
        agent: false,
        headers: { authorization: `Bot ${simulator.options.token}`, 'content-length': '15' },
      });
      request.flushHeaders();
      return request;
    });
    await eventually(() => simulator.stats().rest.inFlight === 5);
    expect((await client.say()).status).toBe(429);
    expect(client.violations()).toEqual({ 'rest-unprobed-429': 1 });
    const statuses = begun.map(async (request) => {
      request.end('{"content":"x"}');
      const [response] = await once(request, 'response');
      return response.resume().statusCode;
    });
    expect(await Promise.all(statuses)).toEqual([200, 200, 200, 200, 200]);
  });

  test('ignores a 429 when it comes before the wait is over, but not when it was on its way', async () => {
    await using timed = await timedSimulator();
    const { client, clock } = timed;
    for (let count = 0; count < 6; count += 1) await client.say();
    clock.advance(99);
    await client.say();
    expect(client.violations()).toEqual({ 'rest-avoidable-429': 2 });
    clock.advance(1);
    await client.say();
    expect(client.violations()).toEqual({ 'rest-avoidable-429': 2, 'rest-ignored-429': 1 });
  });

  test('is within it when nobody exceeds the numbers that were told', async () => {
    await using timed = await timedSimulator();
    const { client, clock } = timed;
    for (let count = 0; count < 40; count += 1) {
      const { remaining, resetAfter } = limitHeaders(await client.say());
      if (remaining === 0) clock.advance(Number(resetAfter) * 1_000);
    }
    expect(client.violations()).toEqual({});
    expect(timed.simulator.stats().rest.limited.user).toBe(0);
  });
});

describe('limits that no header tells of', () => {
  test('hold the name and topic of a channel to two in ten minutes, and leave all else free', async () => {
    await using timed = await timedSimulator();
    const { client, clock } = timed;
    const path = `/channels/${client.channel}`;
    const rename = (name: string) => client.send('PATCH', path, { json: { name } });
    expect([(await rename('a')).status, (await rename('b')).status]).toEqual([200, 200]);
    const third = await rename('c');
    expect(third).toMatchObject({ status: 429, body: { retry_after: 600, global: false } });
    expect(third.headers.get('x-ratelimit-scope')).toBe('user');
    expect(limitHeaders(third).remaining).toBe(2);
    expect((await client.send('PATCH', path, { json: { nsfw: true } })).status).toBe(200);
    expect(client.violations()).toEqual({});
    clock.advance(15_000);
    await rename('d');
    expect(client.violations()).toEqual({ 'rest-ignored-429': 1 });
    expect(timed.simulator.stats()).toMatchObject({
      notes: { 'rest-hidden-limit': 1 },
      rest: { limited: { hidden: 2 } },
    });
  });

  test('hold edits of messages older than an hour', async () => {
    await using timed = await timedSimulator();
    const { client, clock } = timed;
    const id = await client.message();
    clock.advance(3_700_000);
    const edit = () =>
      client.send('PATCH', `/channels/${client.channel}/messages/${id}`, { json: { content: 'new' } });
    for (let count = 0; count < 3; count += 1) expect((await edit()).status).toBe(200);
    expect(await edit()).toMatchObject({ status: 429, body: { code: 30_046 } });
  });

  test('hold emoji per guild, whatever the headers say', async () => {
    await using timed = await timedSimulator();
    const { client } = timed;
    const create = () =>
      client.send('POST', `/guilds/${client.guild}/emojis`, {
        json: { name: 'blob', image: 'data:image/png;base64,AAAA' },
      });
    for (let count = 0; count < 5; count += 1) expect((await create()).status).toBe(201);
    const refused = await create();
    expect(refused.status).toBe(429);
    expect(limitHeaders(refused)).toMatchObject({ limit: 50, remaining: 44 });
  });

  test('are of scope shared where all bots use them up, and cost no invalid request', async () => {
    await using timed = await timedSimulator({ subLimits: { crosspost: { limit: 1 } } });
    const { client } = timed;
    const ids = [await client.message(), await client.message()];
    const crosspost = (id = '') =>
      client.send('POST', `/channels/${client.channel}/messages/${id}/crosspost`);
    expect((await crosspost(ids[0])).status).toBe(200);
    const refused = await crosspost(ids[1]);
    expect(refused).toMatchObject({ status: 429, body: { message: 'The resource is being rate limited.' } });
    expect(refused.headers.get('x-ratelimit-scope')).toBe('shared');
    expect(timed.simulator.stats()).toMatchObject({ violationCount: 0, rest: { invalidRequests: 0 } });
  });
});

describe('the global limit', () => {
  test('is 50 in any second over all routes, and costs a violation each', async () => {
    await using timed = await timedSimulator({}, { guilds: 20 });
    const { client, clock, simulator } = timed;
    const channels = simulator.rest.channelIds(0);
    for (let count = 0; count < 50; count += 1) {
      clock.advance(10);
      expect((await client.say('x', channels[count % 20] ?? '')).status).toBe(200);
    }
    clock.advance(300);
    const refused = await client.send('GET', '/users/@me');
    expect(refused).toMatchObject({ status: 429, body: { global: true, retry_after: 0.21 } });
    expect(Object.fromEntries(refused.headers)).toMatchObject({
      'x-ratelimit-global': 'true',
      'x-ratelimit-scope': 'global',
    });
    expect(limitHeaders(refused).limit).toBeNull();
    expect(client.violations()).toEqual({ 'rest-global-limit': 1 });
    clock.advance(210);
    expect((await client.send('GET', '/users/@me')).status).toBe(200);
  });

  test('counts what has no token by its address, and interactions not at all', async () => {
    await using timed = await timedSimulator({ globalLimit: 2 });
    const { client, simulator } = timed;
    const answer = () => {
      const { id, token } = simulator.rest.createInteraction(client.channel);
      const json = { type: 4, data: { content: 'hi' } };
      return client.send('POST', `/interactions/${id}/${token}/callback`, { token: null, json });
    };
    for (let count = 0; count < 4; count += 1) expect((await answer()).status).toBe(204);
    const open = () => client.send('GET', '/gateway', { token: null });
    expect([(await open()).status, (await open()).status, (await open()).status]).toEqual([200, 200, 429]);
    expect((await client.send('GET', '/users/@me')).status).toBe(200);
  });
});
