/** Who sends too many REST requests. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Haproxy, startHaproxy } from '../../support/haproxy.ts';
import { type FakeNode, startFakeNode } from './fake-node.ts';

const TOKEN_LIMIT = 20;
const SOURCE_LIMIT = 120;

let node: FakeNode;
let haproxy: Haproxy;

beforeAll(async () => {
  node = await startFakeNode('rest-a');
  haproxy = await startHaproxy({
    nodeHost: node.host,
    nodePort: node.port,
    restNodes: [`${node.host}:${node.port}`],
    environment: {
      HAPROXY_TOKEN_REQUESTS_PER_10S: String(TOKEN_LIMIT),
      HAPROXY_SOURCE_REQUESTS_PER_10S: String(SOURCE_LIMIT),
    },
  });
});

afterAll(async () => {
  await haproxy[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
});

async function statusesOf(count: number, headers: Record<string, string>): Promise<number[]> {
  const statuses: number[] = [];
  for (let one = 0; one < count; one += 1) {
    const answer = await fetch(`${haproxy.restUrl}/api/v10/channels/${one}`, { headers });
    await answer.arrayBuffer();
    statuses.push(answer.status);
  }
  return statuses;
}

it('a worker token gets 429 above its limit, and others go on', async () => {
  const one = { authorization: 'Bot of-one' };
  const statuses = await statusesOf(TOKEN_LIMIT + 5, one);
  expect(statuses).toEqual([...Array(TOKEN_LIMIT).fill(200), ...Array(5).fill(429)]);
  const answer = await fetch(`${haproxy.restUrl}/api/v10/users/@me`, { headers: one });
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    via: '1.1 shardmux',
    'retry-after': '5',
    'x-ratelimit-scope': 'shared',
    'x-ratelimit-bucket': expect.stringMatching(/^shardmux-\d+$/),
    'content-type': 'application/json',
  });
  expect(await answer.json()).toEqual({
    message: expect.stringMatching(/^shardmux: .*HAPROXY_TOKEN_REQUESTS_PER_10S/),
    retry_after: 5,
    global: false,
    code: 0,
  });
  expect(await statusesOf(2, { authorization: 'Bot of-another' })).toEqual([200, 200]);
  expect(await statusesOf(2, {})).toEqual([200, 200]);
});

it('in the name of OAuth2 users a worker is counted, not each of them', async () => {
  const statuses: number[] = [];
  for (let user = 0; user < TOKEN_LIMIT + 2; user += 1) {
    const headers = { authorization: `Bearer ${user}`, 'x-shardmux-authorization': 'Bot of-a-third' };
    statuses.push(...(await statusesOf(1, headers)));
  }
  expect(statuses).toEqual([...Array(TOKEN_LIMIT).fill(200), 429, 429]);
});

it('an address gets 429 above its limit, whatever the token; the gateway goes on', async () => {
  const statuses: number[] = [];
  for (let one = 0; statuses.at(-1) !== 429 && one <= SOURCE_LIMIT; one += 1) {
    statuses.push(...(await statusesOf(1, { authorization: `Bot ${one}` })));
  }
  const answer = await fetch(`${haproxy.restUrl}/api/v10/users/@me`);
  expect(await answer.json()).toMatchObject({
    message: expect.stringMatching(/^shardmux: .*HAPROXY_SOURCE_REQUESTS_PER_10S/),
    retry_after: 5,
  });
  expect((await fetch(`${haproxy.restUrl}/api/v10/gateway`)).status).toBe(200);
});

it('the log has no token of a path', async () => {
  await using talkative = await startHaproxy({
    nodeHost: node.host,
    nodePort: node.port,
    restNodes: [`${node.host}:${node.port}`],
    environment: { HAPROXY_LOG_LEVEL: 'info' },
  });
  await fetch(`${talkative.restUrl}/api/v10/webhooks/12/secret-1/messages/3?secret=2`);
  await fetch(`${talkative.restUrl}/apps/4/api/v10/interactions/13/secret-3/callback`);
  await fetch(`${talkative.restUrl}/api/v10/channels/14`);
  expect(talkative.output).toContain('GET "/api/v10/webhooks/12/-/messages/3"');
  expect(talkative.output).toContain('GET "/apps/4/api/v10/interactions/13/-/callback"');
  expect(talkative.output).not.toContain('secret');
});
