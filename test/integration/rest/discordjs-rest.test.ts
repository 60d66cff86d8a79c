/** The stock REST client of discord.js, through shardmux, with nothing changed but the address and the token. */
import { DiscordAPIError, REST, type RequestData, type RouteLike } from '@discordjs/rest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Simulator } from '../../../src/simulator/index.ts';
import { type RestProcess, startRest } from '../../support/rest-node.ts';
import { smallSimulator } from '../simulator/peer.ts';

type Body = Record<string, unknown>;

const WORKER_TOKEN = 'worker-token-0123456789abcdef0123456789';

describe('stock @discordjs/rest', () => {
  let simulator: Simulator;
  let node: RestProcess;
  let rest: REST;
  let channel: RouteLike;

  beforeAll(async () => {
    simulator = await smallSimulator({
      guilds: 10,
      rest: {
        buckets: {
          'create-message': { limit: 5, windowMs: 1_500 },
          'edit-message': { limit: 3, windowMs: 500, kind: 'fixed' },
          'delete-young-message': { limit: 3, windowMs: 500 },
          'read-messages': { limit: 1, windowMs: 2_000 },
        },
      },
    });
    node = await startRest({
      discord: simulator,
      env: { SHARDMUX_WORKERS_TOKENS: `production:${WORKER_TOKEN}` },
    });
    rest = new REST({ version: '10', api: `${node.restUrl}/api` }).setToken(WORKER_TOKEN);
    channel = `/channels/${simulator.rest.channelIds(0)[0]}`;
  });

  afterAll(async () => {
    rest.clearHandlerSweeper();
    rest.clearHashSweeper();
    await node[Symbol.asyncDispose]();
    await simulator[Symbol.asyncDispose]();
  });

  const send = async (options: RequestData): Promise<Body> =>
    (await rest.post(`${channel}/messages`, options)) as Body;

  test('logs in, and is told of our gateway', async () => {
    expect(await rest.get('/users/@me')).toMatchObject({ bot: true });
    expect(await rest.get('/gateway/bot')).toMatchObject({ shards: 1, url: 'ws://127.0.0.1:7777' });
  });

  test('sends, edits, reacts, pages and deletes', async () => {
    const sent = await Promise.all(Array.from({ length: 12 }, (_, n) => send({ body: { content: `${n}` } })));
    expect(sent.map(({ content }) => content)).toEqual(sent.map((_, n) => `${n}`));
    const path = (message: Body | undefined): RouteLike => `${channel}/messages/${message?.['id']}`;
    await Promise.all(
      sent.slice(0, 7).map((message) => rest.patch(path(message), { body: { content: 'edited' } })),
    );
    for (const emoji of ['🔥', '🎉'])
      await rest.put(`${path(sent[0])}/reactions/${encodeURIComponent(emoji)}/@me`);
    expect(((await rest.get(path(sent[0]))) as Body)['reactions']).toHaveLength(2);
    const query = new URLSearchParams({ limit: '7', before: String(sent[9]?.['id']) });
    const page = (await rest.get(`${channel}/messages`, { query })) as Body[];
    expect(page.map(({ id }) => id)).toEqual(
      sent
        .slice(2, 9)
        .reverse()
        .map(({ id }) => id),
    );
    await Promise.all(sent.slice(0, 7).map((message) => rest.delete(path(message))));
    await expect(rest.get(path(sent[0]))).rejects.toThrow(DiscordAPIError);
  });

  test('uploads 25 MB with a reason for the audit log', async () => {
    const data = Buffer.alloc(25 * 1024 * 1024, 7);
    const answer = await send({
      body: { content: 'file' },
      files: [{ name: 'a.bin', data }],
      reason: 'why not?',
    });
    expect(answer['attachments']).toMatchObject([{ filename: 'a.bin', size: data.length }]);
    expect(simulator.rest.received.at(-1)?.headers).toMatchObject({ 'x-audit-log-reason': 'why%20not%3F' });
  });

  test('executes a webhook and answers an interaction, without any token', async () => {
    const hook = (await rest.post(`${channel}/webhooks`, { body: { name: 'hook' } })) as Body;
    const query = new URLSearchParams({ wait: 'true' });
    const body = { content: 'by hook' };
    const sent = await rest.post(`/webhooks/${hook['id']}/${hook['token']}`, { auth: false, query, body });
    expect(sent).toMatchObject({ content: 'by hook' });
    const { id, token } = simulator.rest.createInteraction(String(channel).split('/')[2] ?? '');
    const callback = { type: 4, data: { content: 'pong' } };
    await rest.post(`/interactions/${id}/${token}/callback`, { auth: false, body: callback });
    const own: RouteLike = `/webhooks/100000000000000000/${token}`;
    expect(
      await rest.patch(`${own}/messages/@original`, { auth: false, body: { content: 'done' } }),
    ).toMatchObject({
      content: 'done',
    });
  });

  test('waits as long as a 429 of ours says, and is served then', async () => {
    const other = `/channels/${simulator.rest.channelIds(0)[1]}/messages` as const;
    // Another worker has used the bucket up, which this one can't know.
    const before = await fetch(`${node.restUrl}/api/v10${other}`, {
      headers: { authorization: `Bot ${WORKER_TOKEN}` },
    });
    expect(before.status).toBe(200);
    expect(await rest.get(other, { headers: { 'x-shardmux-deadline-ms': '300' } })).toEqual([]);
    expect(await node.metric('shardmux_rest_refused_total', { reason: 'deadline' })).toBeGreaterThan(0);
  });

  test('breaks no limit of Discord with all of that', () => {
    const { violations, rest: stats } = simulator.stats();
    expect(violations).toEqual({});
    expect(stats.limited).toMatchObject({ user: 0, global: 0 });
  });
});
