import { describe, expect, test } from 'vitest';
import { type RestClient, timedSimulator } from './client.ts';

/** So that what routes do is not told apart by what they are allowed. */
const GENEROUS = { limit: 1_000, windowMs: 1_000 };
const generous = {
  globalLimit: 10_000,
  buckets: {
    'create-message': GENEROUS,
    'read-messages': GENEROUS,
    'edit-message': GENEROUS,
    'delete-young-message': GENEROUS,
    'execute-webhook': GENEROUS,
    'webhook-message': GENEROUS,
    reactions: GENEROUS,
  },
};

const NOBODY = '120000000000000000';

function idsOf(body: unknown): string[] {
  return (body as { id: string }[]).map(({ id }) => id);
}

describe('messages', () => {
  test('are there after they were sent, change when edited, and are gone when deleted', async () => {
    await using timed = await timedSimulator(generous);
    const { client } = timed;
    const sent = await client.say('first');
    const path = `/channels/${client.channel}/messages/${sent.body['id']}`;
    expect(sent.body).toMatchObject({ content: 'first', channel_id: client.channel, edited_timestamp: null });
    const edited = await client.send('PATCH', path, { json: { content: 'second' } });
    expect(edited.body).toMatchObject({
      id: sent.body['id'],
      content: 'second',
      timestamp: sent.body['timestamp'],
    });
    expect(edited.body['edited_timestamp']).not.toBeNull();
    expect((await client.send('GET', path)).body).toEqual(edited.body);
    expect((await client.send('DELETE', path)).status).toBe(204);
    expect(await client.send('GET', path)).toMatchObject({ status: 404, body: { code: 10_008 } });
  });

  test('are listed page by page, the newest first', async () => {
    await using timed = await timedSimulator(generous);
    const { client } = timed;
    const ids: string[] = [];
    for (let count = 0; count < 120; count += 1) ids.push(await client.message(String(count)));
    const newestFirst = ids.toReversed();
    const page = async (query: string) =>
      idsOf((await client.send('GET', `/channels/${client.channel}/messages${query}`)).body);
    expect(await page('')).toEqual(newestFirst.slice(0, 50));
    expect(await page('?limit=100')).toEqual(newestFirst.slice(0, 100));
    expect(await page(`?limit=100&before=${newestFirst[99]}`)).toEqual(newestFirst.slice(100));
    expect(await page(`?limit=3&after=${ids[9]}`)).toEqual([ids[12], ids[11], ids[10]]);
    expect(await page(`?limit=3&around=${ids[50]}`)).toEqual([ids[51], ids[50], ids[49]]);
  });

  test('are deleted in bulk', async () => {
    await using timed = await timedSimulator(generous);
    const { client } = timed;
    const ids = [await client.message(), await client.message(), await client.message()];
    const path = `/channels/${client.channel}/messages`;
    // As discord.py writes them: numbers, too large for one.
    const body = `{"messages":[${ids[0]}, ${ids[1]}]}`;
    expect((await client.send('POST', `${path}/bulk-delete`, { body })).status).toBe(204);
    expect(idsOf((await client.send('GET', path)).body)).toEqual([ids[2]]);
  });

  test('take reactions', async () => {
    await using timed = await timedSimulator(generous);
    const { client } = timed;
    const path = `/channels/${client.channel}/messages/${await client.message()}`;
    const emoji = encodeURIComponent('🔥');
    expect((await client.send('PUT', `${path}/reactions/${emoji}/@me`)).status).toBe(204);
    expect((await client.send('GET', path)).body['reactions']).toMatchObject([
      { emoji: { name: '🔥' }, me: true },
    ]);
    expect((await client.send('DELETE', `${path}/reactions/${emoji}/@me`)).status).toBe(204);
    expect((await client.send('GET', path)).body['reactions']).toEqual([]);
    expect((await client.send('PUT', `${path}/reactions/fire/@me`)).body['code']).toBe(10_014);
  });

  test('of others cannot be edited', async () => {
    await using timed = await timedSimulator(generous);
    const { client } = timed;
    const hook = await webhook(client);
    const { body } = await client.send('POST', `${hook}?wait=true`, { token: null, json: { content: 'x' } });
    const path = `/channels/${client.channel}/messages/${body['id']}`;
    expect(await client.send('PATCH', path, { json: { content: 'y' } })).toMatchObject({
      status: 403,
      body: { code: 50_005 },
    });
  });
});

describe('a wrong request', () => {
  const cases: [string, string, string, unknown, number, number][] = [
    ['an unknown channel', 'GET', `/channels/${NOBODY}`, undefined, 404, 10_003],
    ['an unknown guild', 'GET', `/guilds/${NOBODY}`, undefined, 404, 10_004],
    ['an unknown webhook', 'GET', `/webhooks/${NOBODY}`, undefined, 404, 10_015],
    ['an id that is none', 'GET', '/channels/abc', undefined, 400, 50_035],
    ['a route that is not there', 'GET', '/nowhere', undefined, 404, 0],
    ['a method that is not there', 'PUT', '/users/@me', undefined, 405, 0],
    ['an empty message', 'POST', '/channels/:channel/messages', { content: '' }, 400, 50_006],
    [
      'too long a message',
      'POST',
      '/channels/:channel/messages',
      { content: 'x'.repeat(2_001) },
      400,
      50_035,
    ],
    ['a message of the wrong type', 'POST', '/channels/:channel/messages', { content: 1 }, 400, 50_035],
    ['a page too large', 'GET', '/channels/:channel/messages?limit=101', undefined, 400, 50_035],
    ['an unknown interaction', 'POST', `/interactions/${NOBODY}/a/callback`, { type: 1 }, 404, 10_062],
  ];
  test.each(cases)('gets for %s what Discord says', async (_, method, path, json, status, code) => {
    await using timed = await timedSimulator();
    const { client } = timed;
    const token = path.startsWith('/interactions') ? null : client.simulator.options.token;
    const answer = await client.send(method, path.replace(':channel', client.channel), { json, token });
    expect(answer).toMatchObject({ status, body: { code } });
  });

  test('names the field that is wrong', async () => {
    await using timed = await timedSimulator();
    const answer = await timed.client.say('x'.repeat(2_001));
    expect(answer.body).toMatchObject({
      message: 'Invalid Form Body',
      errors: { content: { _errors: [{ code: 'BASE_TYPE_BAD_LENGTH' }] } },
    });
  });

  test('is one whose body is no JSON', async () => {
    await using timed = await timedSimulator();
    const { client } = timed;
    const answer = await client.send('POST', `/channels/${client.channel}/messages`, { body: '{' });
    expect(answer).toMatchObject({ status: 400, body: { code: 50_109 } });
  });

  test.each(['v3', 'v11'])('is one of version %s', async (version) => {
    await using timed = await timedSimulator();
    const response = await fetch(`${timed.simulator.url}/api/${version}/gateway`);
    expect([response.status, await response.json()]).toMatchObject([400, { code: 50_041 }]);
  });
});

/** Its path, token and all. */
async function webhook(client: RestClient): Promise<string> {
  const json = { name: 'hook' };
  const { body } = await client.send('POST', `/channels/${client.channel}/webhooks`, { json });
  return `/webhooks/${body['id']}/${body['token']}`;
}

describe('webhooks', () => {
  test('send, edit and delete messages by their token alone', async () => {
    await using timed = await timedSimulator(generous);
    const { client } = timed;
    const hook = await webhook(client);
    // As discord.py writes it.
    const sent = await client.send('POST', `${hook}?wait=1`, { token: null, json: { content: 'a' } });
    expect(sent.body).toMatchObject({ content: 'a', webhook_id: hook.split('/')[2] });
    const path = `${hook}/messages/${sent.body['id']}`;
    expect((await client.send('PATCH', path, { token: null, json: { content: 'b' } })).body['content']).toBe(
      'b',
    );
    expect((await client.send('DELETE', path, { token: null })).status).toBe(204);
    expect((await client.send('DELETE', hook, { token: null })).status).toBe(204);
    expect((await client.send('GET', hook, { token: null })).body['code']).toBe(10_015);
  });

  test('refuse a wrong token as an invalid request', async () => {
    await using timed = await timedSimulator();
    const { client } = timed;
    const hook = await webhook(client);
    const answer = await client.send('POST', `${hook}x`, { token: null, json: { content: 'a' } });
    expect(answer).toMatchObject({ status: 401, body: { code: 50_027 } });
    expect(timed.simulator.stats().rest.invalidRequests).toBe(1);
  });
});

describe('interactions', () => {
  async function begun() {
    const timed = await timedSimulator();
    const { id, token } = timed.simulator.rest.createInteraction(timed.client.channel);
    const own = `/webhooks/${Buffer.from('MTAwMDAwMDAwMDAwMDAwMDAw', 'base64')}/${token}`;
    const send = (method: string, path: string, json?: unknown) =>
      timed.client.send(method, path, { token: null, json });
    return { ...timed, own, send, callback: `/interactions/${id}/${token}/callback` };
  }

  test('are answered, and the answer is edited, followed up and deleted', async () => {
    const { own, send, callback, ...timed } = await begun();
    await using _ = timed;
    const answered = await send('POST', `${callback}?with_response=true`, {
      type: 4,
      data: { content: 'a' },
    });
    expect(answered.body).toMatchObject({ resource: { message: { content: 'a' } } });
    // As discord.js writes it.
    const edited = await send('PATCH', `${own}/messages/%40original`, { content: 'b' });
    expect(edited.body['content']).toBe('b');
    expect((await send('POST', own, { content: 'more' })).body).toMatchObject({ content: 'more' });
    expect((await send('DELETE', `${own}/messages/@original`)).status).toBe(204);
    expect((await send('GET', `${own}/messages/@original`)).body['code']).toBe(10_008);
  });

  test('that were deferred get their answer by editing it', async () => {
    const { own, send, callback, ...timed } = await begun();
    await using _ = timed;
    expect((await send('POST', callback, { type: 5 })).status).toBe(204);
    expect((await send('PATCH', `${own}/messages/@original`, { content: 'late' })).body['content']).toBe(
      'late',
    );
    expect((await send('GET', `${own}/messages/@original`)).body['content']).toBe('late');
  });

  test('are answered once, within three seconds, and followed up only then', async () => {
    const { own, send, callback, ...timed } = await begun();
    await using _ = timed;
    expect((await send('POST', own, { content: 'too early' })).body['code']).toBe(10_015);
    await send('POST', callback, { type: 1 });
    expect((await send('POST', callback, { type: 1 })).body['code']).toBe(40_060);
    timed.clock.advance(3_001);
    expect((await send('POST', callback, { type: 1 })).body['code']).toBe(10_062);
  });
});

describe('what a bot asks for', () => {
  test.each([
    '/users/@me',
    '/applications/@me',
    '/oauth2/applications/@me',
    '/guilds/:guild',
    '/guilds/:guild/channels',
    '/guilds/:guild/roles',
    '/guilds/:guild/members?limit=10',
    '/guilds/:guild/members/100000000000000001',
    '/guilds/:guild/audit-logs',
    '/channels/:channel',
    '/channels/:channel/webhooks',
  ])('is at %s', async (path) => {
    await using timed = await timedSimulator();
    const { client } = timed;
    const real = path.replace(':guild', client.guild).replace(':channel', client.channel);
    expect((await client.send('GET', real)).status).toBe(200);
    expect((await client.send('GET', real, { token: null })).status).toBe(401);
  });

  test('is the same guild whether its channels or it were asked for first', async () => {
    await using timed = await timedSimulator({}, { guilds: 20 });
    const { client, simulator } = timed;
    for (const [index, guild] of simulator.guildIds(0).slice(0, 8).entries()) {
      const channel = await client.send('GET', `/channels/${simulator.rest.channelIds(0)[index]}`);
      const { body } = await client.send('GET', `/guilds/${guild}/channels`);
      expect((body as unknown as unknown[])[0]).toEqual(channel.body);
      const { body: roles } = await client.send('GET', `/guilds/${guild}/roles`);
      expect(idsOf(roles)[0]).toBe(guild);
      timed.clock.advance(10_000);
    }
  });

  test('is what the gateway tells too, where guilds have a state', async () => {
    await using timed = await timedSimulator({}, { guildState: true });
    const { client, simulator } = timed;
    const told = simulator.guild(client.guild) as { channels: { id: string; name: string }[]; name: string };
    const guild = await client.send('GET', `/guilds/${client.guild}`);
    expect(guild.body['name']).toBe(told.name);
    const channels = await client.send('GET', `/guilds/${client.guild}/channels`);
    expect(idsOf(channels.body)).toEqual(told.channels.map(({ id }) => id));
  });

  test('is kept as it was sent, for the test to see', async () => {
    await using timed = await timedSimulator();
    const { client, simulator } = timed;
    await client.send('PUT', `/guilds/${client.guild}/bans/${NOBODY}?a=1&b=%20`, {
      json: { delete_message_seconds: 1 },
      headers: { 'x-audit-log-reason': 'too%20loud' },
    });
    expect(simulator.rest.received.at(-1)).toMatchObject({
      method: 'PUT',
      route: 'PUT /guilds/:guild/bans/:user',
      path: `/guilds/${client.guild}/bans/${NOBODY}`,
      query: 'a=1&b=%20',
      status: 204,
      authorization: 'bot',
      headers: { 'x-audit-log-reason': 'too%20loud' },
      body: { json: { delete_message_seconds: 1 }, isComplete: true },
    });
    expect(JSON.stringify(simulator.rest.received)).not.toContain(simulator.options.token);
  });
});
