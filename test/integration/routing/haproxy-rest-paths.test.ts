/** To which REST node a request goes, and what does not get there. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Haproxy, startHaproxy } from '../../support/haproxy.ts';
import { askRaw, type RawAnswer } from '../../support/raw-http.ts';
import { COUNTED_PATHS, TRICKY_TARGETS } from '../../unit/rest/request-paths.ts';
import { GATEWAY_INFORMATION_PATHS, INVALID_PATHS } from '../../unit/routing/request-paths.ts';
import { type FakeNode, startFakeNode } from './fake-node.ts';

const NODES = ['rest-a', 'rest-b', 'rest-c', 'rest-d', 'rest-e', 'rest-f'];
/** So many that two paths that are not counted together hardly share a node for each of them. */
const IDS = Array.from({ length: 8 }, (_, index) => String(81384788765712384n + BigInt(index) * 7_919n));
const APPLICATION = '100000000000000000';
const BOT_TOKEN = `Bot ${btoa(APPLICATION)}.made.as-discord-does`;

/** Contradicts `Host`, which HAProxy takes for no request at all: its answer can't be changed. */
const ELSEWHERE = /^https?:\/\/(?!shardmux\/)/;

let gateway: FakeNode;
let rest: FakeNode[];
let haproxy: Haproxy;

beforeAll(async () => {
  gateway = await startFakeNode('gateway');
  rest = await Promise.all(NODES.map((name) => startFakeNode(name)));
  haproxy = await startHaproxy({
    nodeHost: gateway.host,
    nodePort: gateway.port,
    restNodes: rest.map(({ host, port }) => `${host}:${port}`),
  });
});

afterAll(async () => {
  await haproxy[Symbol.asyncDispose]();
  await Promise.all([gateway, ...rest].map((node) => node[Symbol.asyncDispose]()));
});

interface Ask {
  readonly method?: string | undefined;
  readonly authorization?: string | undefined;
}

function ask(target: string, { method = 'GET', authorization }: Ask = {}): Promise<RawAnswer> {
  const { port } = new URL(haproxy.restUrl);
  const token = authorization === undefined ? '' : `Authorization: ${authorization}\r\n`;
  const head = `${method} ${target} HTTP/1.1\r\nHost: shardmux\r\n${token}Content-Length: 0\r\nConnection: close\r\n\r\n`;
  return askRaw(Number(port), head);
}

/** The node that each id leads to. */
async function nodesOf(target: string, options: Ask = {}): Promise<unknown[]> {
  const targets = IDS.map((id) => target.replace(/%(?![0-9A-F]{2})/g, id));
  const answers = await Promise.all(targets.map((each) => ask(each, options)));
  return answers.map(({ json }) => json['node']);
}

describe('HAProxy takes', () => {
  it.each(COUNTED_PATHS)('$target where $sameAs goes', async ({ target, method, sameAs }) => {
    const nodes = await nodesOf(target, { method, authorization: BOT_TOKEN });
    expect(nodes).toEqual(await nodesOf(sameAs ?? '/api/v10/users/@me', { authorization: BOT_TOKEN }));
    expect(NODES).toEqual(expect.arrayContaining(nodes));
  });

  it('channels to all nodes, and what has none to one', async () => {
    const spread = async (target: string) => new Set(await nodesOf(target)).size;
    expect(await spread('/api/v10/channels/%')).toBeGreaterThan(3);
    expect(await spread('/api/v10/webhooks/8/token-%')).toBeGreaterThan(3);
    expect(await spread('/api/v10/users/%')).toBe(1);
  });

  it('a channel to one node, whoever asks', async () => {
    const nodes = await nodesOf('/api/v10/channels/%');
    for (const authorization of [BOT_TOKEN, 'Bot a-token-of-a-worker', 'Bearer x.y', '']) {
      expect(await nodesOf('/api/v10/channels/%', { authorization })).toEqual(nodes);
    }
  });

  it('the rest of an application to one node, whether the path or the token names it', async () => {
    const applications = IDS.map((id) => id.padEnd(18, '0'));
    const nodesBy = (path: (id: string) => string, token: (id: string) => string) =>
      Promise.all(
        applications.map(async (id) => (await ask(path(id), { authorization: token(id) })).json['node']),
      );
    const byPath = await nodesBy(
      (id) => `/apps/${id}/api/v10/users/@me`,
      () => 'Bot of-a-worker',
    );
    const unpadded = (id: string) => btoa(id).replace(/=+$/, '');
    expect(
      await nodesBy(
        () => '/api/v10/users/@me',
        (id) => `Bot ${unpadded(id)}.x.y`,
      ),
    ).toEqual(byPath);
    expect(
      await nodesBy(
        () => '/api/v9/invites/x',
        (id) => `bOT  ${unpadded(id)}.x.y`,
      ),
    ).toEqual(byPath);
    expect(new Set(byPath).size).toBeGreaterThan(2);
  });

  it('what is counted for a user of OAuth2 to one node, and users to all', async () => {
    const nodesBy = (path: string) =>
      Promise.all(
        IDS.map(async (id) => (await ask(path, { authorization: `Bearer of-${id}` })).json['node']),
      );
    const nodes = await nodesBy('/api/v10/users/@me');
    expect(new Set(nodes).size).toBeGreaterThan(2);
    expect(await nodesBy('/apps/100000000000000000/api/v9/users/@me/guilds')).toEqual(nodes);
  });

  it('tokens that name no application to the node of the one that is configured', async () => {
    await using other = await startHaproxy({
      restNodes: rest.map(({ host, port }) => `${host}:${port}`),
      environment: { HAPROXY_REST_APPLICATION: APPLICATION },
    });
    const path = '/api/v10/users/@me';
    const nodeOf = async (authorization: string) => {
      const answer = await fetch(`${other.restUrl}${path}`, { headers: { authorization } });
      return ((await answer.json()) as { node: string }).node;
    };
    const node = await nodeOf(BOT_TOKEN);
    expect([
      await nodeOf('Bot of-a-worker'),
      await nodeOf('Bot not.an.application'),
      await nodeOf(''),
    ]).toEqual([node, node, node]);
  });

  it.each(GATEWAY_INFORMATION_PATHS)('$target to a gateway node, to a REST node without one', async ({
    target,
  }) => {
    expect((await ask(target)).json['node']).toBe('gateway');
    await using other = await startHaproxy({ restNodes: rest.map(({ host, port }) => `${host}:${port}`) });
    const answer = await askRaw(
      Number(new URL(other.restUrl).port),
      `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    expect(NODES).toContain(answer.json['node']);
  });
});

describe('HAProxy answers by itself', () => {
  it.each(
    TRICKY_TARGETS.filter((target) => !ELSEWHERE.test(target)),
  )('400 to %s, in a form that libraries read', async (target) => {
    const { status, json, lines } = await ask(target);
    expect([status, json]).toEqual([
      400,
      { message: expect.stringMatching(/^shardmux: the (path|target) /), code: 0 },
    ]);
    expect(lines).toEqual(expect.arrayContaining(['via: 1.1 shardmux', 'content-type: application/json']));
  });

  it.each([
    ...INVALID_PATHS,
    { target: '/API/v10/users/@me' },
    { target: '//api/v10/users/@me' },
  ])('404 to $target, with REST nodes too', async ({ target }) => {
    expect((await ask(target)).status).toBe(404);
  });
});
