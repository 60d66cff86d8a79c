/** The stock REST client of discord.js, which is alone with the simulator and heeds what it is told. */
import { DiscordAPIError, REST, type RequestData, type RouteLike } from '@discordjs/rest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RestOptions, Simulator } from '../../../../src/simulator/index.ts';
import { smallSimulator } from '../peer.ts';

/** Quick, so that waiting for it is. */
const QUICK: RestOptions = {
  buckets: {
    'create-message': { limit: 5, windowMs: 250 },
    'edit-message': { limit: 3, windowMs: 200, kind: 'fixed' },
    'delete-young-message': { limit: 3, windowMs: 200 },
    'read-messages': { limit: 5, windowMs: 250 },
  },
};

type Body = Record<string, unknown>;

function clientOf(simulator: Simulator): REST {
  return new REST({ version: '10', api: `${simulator.url}/api`, offset: 0 }).setToken(
    simulator.options.token,
  );
}

/** Ends its timers. */
function stop(rest: REST): void {
  rest.clearHandlerSweeper();
  rest.clearHashSweeper();
}

describe('stock @discordjs/rest', () => {
  let simulator: Simulator;
  let rest: REST;
  let channel: RouteLike;

  beforeAll(async () => {
    simulator = await smallSimulator({ guilds: 10, rest: QUICK });
    rest = clientOf(simulator);
    channel = `/channels/${simulator.rest.channelIds(0)[0]}`;
  });

  afterAll(async () => {
    expect(simulator.stats().violations).toEqual({});
    expect(simulator.stats().rest.limited).toMatchObject({ user: 0, global: 0 });
    stop(rest);
    await simulator[Symbol.asyncDispose]();
  });

  const send = async (options: RequestData): Promise<Body> =>
    (await rest.post(`${channel}/messages`, options)) as Body;

  test('logs in', async () => {
    expect(await rest.get('/users/@me')).toMatchObject({ bot: true });
    expect(await rest.get('/gateway/bot')).toMatchObject({ shards: 1 });
  });

  test('sends, edits, reads and deletes over its limits, and never breaks one', async () => {
    const sent = await Promise.all(Array.from({ length: 12 }, (_, n) => send({ body: { content: `${n}` } })));
    expect(sent.map(({ content }) => content)).toEqual(sent.map((_, n) => `${n}`));
    const path = (message: Body): RouteLike => `${channel}/messages/${message['id']}`;
    const edit = (message: Body) => rest.patch(path(message), { body: { content: 'edited' } });
    await Promise.all(sent.slice(0, 7).map(edit));
    const page = (await rest.get(`${channel}/messages`, {
      query: new URLSearchParams({ limit: '7' }),
    })) as Body[];
    expect(page.map(({ id }) => id)).toEqual(
      sent
        .slice(5)
        .reverse()
        .map(({ id }) => id),
    );
    await Promise.all(sent.slice(0, 7).map((message) => rest.delete(path(message))));
    await expect(rest.get(path(sent[0] ?? {}))).rejects.toThrow(DiscordAPIError);
  });

  test('uploads with a reason for the audit log', async () => {
    const data = Buffer.alloc(300_000, 7);
    const answer = await send({
      body: { content: 'file' },
      files: [{ name: 'a.bin', data }],
      reason: 'why not?',
    });
    expect(answer['attachments']).toMatchObject([{ filename: 'a.bin', size: 300_000 }]);
    const received = simulator.rest.received.at(-1);
    expect(received).toMatchObject({ headers: { 'x-audit-log-reason': 'why%20not%3F' } });
  });

  test('executes a webhook and answers an interaction without the bot token', async () => {
    const hook = (await rest.post(`${channel}/webhooks`, { body: { name: 'hook' } })) as Body;
    const query = new URLSearchParams({ wait: 'true' });
    const body = { content: 'by hook' };
    const sent = await rest.post(`/webhooks/${hook['id']}/${hook['token']}`, { auth: false, query, body });
    expect(sent).toMatchObject({ content: 'by hook' });
    const { id, token } = simulator.rest.createInteraction(String(channel).split('/')[2] ?? '');
    const callback = { type: 4, data: { content: 'pong' } };
    await rest.post(`/interactions/${id}/${token}/callback`, { auth: false, body: callback });
    const own: RouteLike = `/webhooks/100000000000000000/${token}`;
    const edited = await rest.patch(`${own}/messages/@original`, { auth: false, body: { content: 'done' } });
    expect(edited).toMatchObject({ content: 'done' });
    await rest.post(own, { auth: false, body: { content: 'and more' } });
  });
});

test('stock @discordjs/rest reacts, and exceeds a bucket of one at most once: when it learns its name it begins anew', async () => {
  await using simulator = await smallSimulator();
  const rest = clientOf(simulator);
  const messages: RouteLike = `/channels/${simulator.rest.channelIds(0)[0]}/messages`;
  const { id } = (await rest.post(messages, { body: { content: 'react' } })) as Body;
  for (const emoji of ['🔥', '🎉', '👍', '😀']) {
    await rest.put(`${messages}/${id}/reactions/${encodeURIComponent(emoji)}/@me`);
  }
  const message = (await rest.get(`${messages}/${id}`)) as Body;
  stop(rest);
  expect(message['reactions']).toHaveLength(4);
  const { 'rest-avoidable-429': avoidable = 0, ...others } = simulator.stats().violations;
  expect(avoidable).toBeLessThanOrEqual(1);
  expect(others).toEqual({});
});
