/** The part of the matrix in which requests have to wait, or are refused. */
import { expect, it } from 'vitest';
import { CHANGES, type RestDeployment } from './rest-deployment.ts';
import type { RestLibrary, Running } from './rest-matrix.ts';

const BURST = 40;
/** Of another worker, to the same channel. */
const ALONGSIDE = 20;
/** In flight at once. */
const LANES = 4;

export function describeLimits({ errors, isOrdered }: RestLibrary, now: () => Running): void {
  it('sends many messages at once, and reacts, while another worker uses the same channel', async () => {
    const { deployment, client } = now();
    const channelId = deployment.channel(9);
    const { id: messageId } = await client.ask('send', { channelId, content: 'before' });
    const contents = Array.from({ length: BURST }, (_, index) => `mine ${index}`);
    const [sent] = await Promise.all([
      client.ask('sendMany', { channelId, contents }),
      client.ask('react', { channelId, messageId, emojis: ['🔥', '🎉', '👍', '👎', '🙈'] }),
      sendAlong(deployment, channelId),
    ]);
    expect(sent.map(({ content }) => content)).toEqual(contents);
    const arrived = arrivedIn(deployment, channelId);
    const mine = arrived.filter((content) => content.startsWith('mine'));
    expect(isOrdered ? mine : mine.sort()).toEqual(isOrdered ? contents : contents.sort());
    expect(arrived).toHaveLength(BURST + ALONGSIDE + 1);
  });

  it('is not told of a 429 that Discord gives all the same', async () => {
    const { deployment, client } = now();
    const channelId = deployment.channel(10);
    await client.ask('send', { channelId, content: 'before' });
    const [repeated, refused] = await countsOf(deployment);
    const path = `/channels/${channelId}/messages`;
    deployment.simulator.inject({
      kind: 'rest-429',
      scope: 'shared',
      retryAfterMs: 300,
      path,
      body: 'json',
      skip: 0,
      count: 1,
    });
    await client.ask('send', { channelId, content: 'after' });
    expect(await countsOf(deployment)).toEqual([repeated + 1, refused]);
  });

  it('waits as long as a 429 of shardmux says, and is served then', async () => {
    const { deployment, client } = now();
    const channelId = deployment.channel(11);
    const path = `/channels/${channelId}`;
    for (let change = 0; change < CHANGES; change++) {
      expect((await deployment.asAnother('PATCH', path, { body: { nsfw: true } })).status).toBe(200);
    }
    const before = await deployment.rest.metric('shardmux_rest_refused_total', { reason: 'deadline' });
    expect(await client.ask('rename', { channelId, name: 'served', reason: 'patience' })).toBe('served');
    const after = await deployment.rest.metric('shardmux_rest_refused_total', { reason: 'deadline' });
    expect(after).toBe((before ?? 0) + 1);
  });

  it('gets a 503 where Discord does not take the bot token, and keeps its own', async () => {
    const { deployment, client } = now();
    const channelId = deployment.channel(7);
    const unavailable = { name: errors.unavailable, status: 503 };
    const unknown = { channelId, messageId: '1000000000000000000' };
    deployment.simulator.inject({ kind: 'rest-status', status: 401, body: 'json', skip: 0, count: 1 });
    expect(await client.ask('failure', { call: 'fetch', ...unknown })).toMatchObject(unavailable);
    // It has not given up its own token.
    expect(await client.ask('failure', { call: 'fetch', ...unknown })).toMatchObject(unavailable);
  });
}

async function sendAlong(deployment: RestDeployment, channelId: string): Promise<void> {
  const path = `/channels/${channelId}/messages`;
  const lane = async () => {
    for (let sent = 0; sent < ALONGSIDE / LANES; sent++) {
      const { status } = await deployment.asAnother('POST', path, { body: { content: 'of another' } });
      expect(status).toBe(200);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

/** What Discord was sent there, in order. */
function arrivedIn({ simulator }: RestDeployment, channelId: string): string[] {
  return simulator.rest.received
    .filter(({ method, path }) => method === 'POST' && path === `/channels/${channelId}/messages`)
    .map(({ body }) => String((body?.json as { content?: unknown }).content)); // Every message has a body.
}

/** Requests that were sent again, and answers to workers with 4xx. */
async function countsOf({ rest }: RestDeployment): Promise<[number, number]> {
  const repeated = await rest.metric('shardmux_rest_repeated_total');
  const refused = await rest.metric('shardmux_rest_requests_total', { status: '4xx' });
  return [repeated ?? 0, refused ?? 0];
}
