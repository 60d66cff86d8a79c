/** What of OAuth2 goes through shardmux: users' tokens as they are, and clients that get them. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { askRaw, ScriptedApi } from '../../support/raw-http.ts';
import { type RestProcess, startRest } from '../../support/rest-node.ts';

const WORKER_TOKEN = 'worker-token-0123456789abcdef0123456789';
const OWN = `X-Shardmux-Authorization: Bot ${WORKER_TOKEN}\r\n`;
const USER = 'Authorization: Bearer 6qrZcUqja7812RVdnEKjpzOL4CvHBFG\r\n';
const CLIENT = 'Authorization: Basic Y2xpZW50OnNlY3JldA==\r\n';

let api: ScriptedApi;
let node: RestProcess;
let status = '200 OK';

beforeAll(async () => {
  api = await ScriptedApi.start(({ socket, text }) => {
    if (!text.includes('\r\n\r\n')) return;
    socket.end(`HTTP/1.1 ${status}\r\nVia: 1.1 google\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`);
  });
  node = await startRest({ discord: api, env: { SHARDMUX_WORKERS_TOKENS: `production:${WORKER_TOKEN}` } });
});

beforeEach(() => {
  status = '200 OK';
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

/** What the worker is answered, and the `Authorization` that Discord got; `none` where it got no request. */
async function sent(first: string, headers: string) {
  const before = api.connections.length;
  const answer = await askRaw(
    node.restPort,
    `${first} HTTP/1.1\r\nHost: x\r\n${headers}Connection: close\r\nContent-Length: 0\r\n\r\n`,
  );
  const arrived = api.connections.slice(before);
  const authorization = /^authorization: (.*)\r$/im.exec(arrived[0]?.text ?? '')?.[1];
  return {
    status: answer.status,
    message: answer.json['message'],
    arrived: arrived.length,
    text: arrived.map(({ text }) => text).join(''),
    authorization,
  };
}

describe("a user's token", () => {
  it('passes as it is where the worker says who it is, and says nothing of that to Discord', async () => {
    const { status: answered, authorization, text } = await sent('GET /api/v10/users/@me', OWN + USER);
    expect([answered, authorization]).toEqual([200, 'Bearer 6qrZcUqja7812RVdnEKjpzOL4CvHBFG']);
    expect(text.toLowerCase()).not.toContain('shardmux');
    expect(text).not.toContain(WORKER_TOKEN);
  });

  it('without a worker token gets a 401 that says how to send it', async () => {
    const { status: answered, message, arrived } = await sent('GET /api/v10/users/@me', USER);
    expect([answered, arrived]).toEqual([401, 0]);
    expect(message).toContain('X-Shardmux-Authorization: Bot <worker token>');
  });

  it.each([
    ['a wrong worker token', `X-Shardmux-Authorization: Bot wrong\r\n${USER}`],
    ['two worker tokens', `${OWN}${OWN}${USER}`],
    ['a worker token that is no Bot', `X-Shardmux-Authorization: Bearer ${WORKER_TOKEN}\r\n${USER}`],
    ["a bot's token to pass on", `${OWN}Authorization: Bot other\r\n`],
    ['a scheme that Discord does not have', `${OWN}Authorization: Digest x\r\n`],
    ['two tokens in one', `${OWN}Authorization: Bearer a, Bearer b\r\n`],
  ])('with %s gets a 401', async (_name, headers) => {
    expect(await sent('GET /api/v10/users/@me', headers)).toMatchObject({ status: 401, arrived: 0 });
  });

  it('that Discord refuses leaves the bot token as it is', async () => {
    status = '401 Unauthorized';
    expect((await sent('GET /api/v10/users/@me', OWN + USER)).status).toBe(401);
    status = '200 OK';
    const { status: answered, authorization } = await sent('GET /api/v10/users/@me', OWN);
    expect([answered, authorization]).toEqual([200, `Bot ${api.options.token}`]);
    expect(await node.metric('shardmux_rest_token_locked')).toBe(0);
  });

  it('does not count for the global limit of the application', async () => {
    await using narrow = await startRest({
      discord: api,
      env: { SHARDMUX_WORKERS_TOKENS: `production:${WORKER_TOKEN}`, SHARDMUX_REST_GLOBAL_LIMIT: '1' },
    });
    // Who has to wait at all is refused.
    const ask = (at: number, headers: string) =>
      askRaw(
        narrow.restPort,
        `GET /api/v10/channels/${at} HTTP/1.1\r\nHost: x\r\n${headers}X-Shardmux-Deadline-Ms: 1\r\nConnection: close\r\n\r\n`,
      );
    expect((await ask(1, OWN)).status).toBe(200);
    const users = await Promise.all(
      Array.from({ length: 20 }, (_, n) => ask(2, `${OWN}Authorization: Bearer user-${n}\r\n`)),
    );
    expect(new Set(users.map((answer) => answer.status))).toEqual(new Set([200]));
    expect((await ask(3, OWN)).status).toBe(429);
  });
});

it('the worker token may be in X-Shardmux-Authorization alone: then the bot token is put in', async () => {
  expect(await sent('GET /api/v10/channels/1', OWN)).toMatchObject({
    status: 200,
    authorization: `Bot ${api.options.token}`,
  });
});

describe('a client that asks for tokens', () => {
  it.each([
    ['with its secret in Basic', CLIENT, 'Basic Y2xpZW50OnNlY3JldA=='],
    ['with its secret in the form', '', undefined],
    ['with a worker token', `Authorization: Bot ${WORKER_TOKEN}\r\n`, undefined],
    ['with a worker token beside Basic', OWN + CLIENT, 'Basic Y2xpZW50OnNlY3JldA=='],
  ])('%s is passed on, never with the bot token', async (_name, headers, authorization) => {
    for (const route of ['oauth2/token', 'oauth2/token/revoke']) {
      const answer = await sent(`POST /api/v10/${route}`, headers);
      expect([answer.status, answer.authorization]).toEqual([200, authorization]);
    }
  });

  it('and is refused by Discord does not stop the bot', async () => {
    status = '401 Unauthorized';
    expect((await sent('POST /api/v10/oauth2/token', CLIENT)).status).toBe(401);
    expect(await node.metric('shardmux_rest_token_locked')).toBe(0);
  });
});
