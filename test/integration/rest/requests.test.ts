/** What Discord gets of a worker's request. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Simulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { stateDirectory } from '../../support/node.ts';
import { askRaw, RawClient, ScriptedApi } from '../../support/raw-http.ts';
import { type RestProcess, startRest } from '../../support/rest-node.ts';
import { smallSimulator } from '../simulator/peer.ts';

const WORKER_TOKEN = 'worker-token-0123456789abcdef0123456789';
const WORKER = `Authorization: Bot ${WORKER_TOKEN}\r\n`;
const EMPTY_ANSWER = 'HTTP/1.1 204 No Content\r\nVia: 1.1 google\r\n\r\n';

describe('byte for byte', () => {
  let api: ScriptedApi;
  let node: RestProcess;

  beforeAll(async () => {
    api = await ScriptedApi.start(({ socket, text }) => {
      if (isWhole(text)) socket.end(EMPTY_ANSWER);
    });
    node = await startRest({ discord: api, env: { SHARDMUX_WORKERS_TOKENS: `production:${WORKER_TOKEN}` } });
  });

  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
  });

  /** What arrives at Discord of what a worker sends. */
  async function forwarded(request: string): Promise<{ first: string; headers: string[]; body: string }> {
    const before = api.connections.length;
    const answer = await askRaw(node.restPort, Buffer.from(request, 'latin1'));
    expect(answer.status).toBe(204);
    const [head = '', body = ''] = api.connections
      .slice(before)
      .map(({ text }) => text)
      .join('')
      .split('\r\n\r\n', 2);
    const [first = '', ...headers] = head.split('\r\n');
    return { first, headers, body };
  }

  it('headers keep their spelling, order and bytes', async () => {
    const { headers } = await forwarded(
      `GET /api/v10/channels/1 HTTP/1.1\r\nHost: shardmux:7780\r\nuser-AGENT: DiscordBot (x, 1)\r\n${WORKER}` +
        'X-Audit-Log-Reason: caf\u00e9 %20 \u00ff\r\nAccept-Encoding: gzip, br;q=0.5\r\nX-Twice: 1\r\nx-twice: 2\r\nConnection: close\r\n\r\n',
    );
    expect(headers.filter((line) => !/^(host|connection|authorization):/i.test(line))).toEqual([
      'user-AGENT: DiscordBot (x, 1)',
      'X-Audit-Log-Reason: caf\u00e9 %20 \u00ff',
      'Accept-Encoding: gzip, br;q=0.5',
      'X-Twice: 1',
      'x-twice: 2',
    ]);
    expect(headers).toContain(`host: ${new URL(api.url).host}`);
  });

  it('the query stays as it was written', async () => {
    const query = '?limit=50&before=1%20&a=%2F..%2e&&b[]=1&c=+';
    const { first } = await forwarded(
      `GET /api/v10/channels/2/messages${query} HTTP/1.1\r\nHost: x\r\n${WORKER}Connection: close\r\n\r\n`,
    );
    expect(first).toBe(`GET /api/v10/channels/2/messages${query} HTTP/1.1`);
  });

  it('headers of one hop, of proxies and of shardmux stay here', async () => {
    const { headers } = await forwarded(
      `GET /api/v10/channels/3 HTTP/1.1\r\nHost: x\r\n${WORKER}Connection: close, X-Listed\r\nX-Listed: 1\r\nKeep-Alive: timeout=5\r\n` +
        'TE: trailers\r\nTrailer: X-T\r\nProxy-Authorization: Basic x\r\nProxy-Connection: keep-alive\r\nForwarded: for=1.2.3.4\r\n' +
        'X-Forwarded-For: 1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nVia: 1.1 haproxy\r\nX-Shardmux-Priority: bulk\r\nX-Shardmux-Deadline-Ms: 5000\r\n\r\n',
    );
    expect(headers.map((line) => line.split(':', 1)[0])).toEqual(['host', 'connection', 'authorization']);
  });

  it('the bot token takes the place of the worker token', async () => {
    const { headers } = await forwarded(
      `GET /api/v10/channels/4 HTTP/1.1\r\nHost: x\r\n${WORKER}Connection: close\r\n\r\n`,
    );
    expect(headers).toContain(`authorization: Bot ${api.options.token}`);
  });

  it.each([
    ['an answer to an interaction', 'POST /api/v10/interactions/1/aW50ZXJhY3Rpb24/callback'],
    ['a webhook with its token', 'POST /api/v10/webhooks/2/d2ViaG9vaw'],
    ['an edit of what a webhook sent', 'PATCH /api/v10/webhooks/3/d2ViaG9vaw/messages/@original'],
  ])('%s goes without any token, with or without a worker token', async (_name, first) => {
    for (const token of ['', WORKER]) {
      const { headers, body } = await forwarded(
        `${first} HTTP/1.1\r\nHost: x\r\n${token}Connection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
      );
      expect(headers.filter((line) => /^authorization/i.test(line))).toEqual([]);
      expect(body).toBe('{}');
    }
  });

  it('a webhook without its token gets the bot token', async () => {
    const { headers } = await forwarded(
      `GET /api/v10/webhooks/5 HTTP/1.1\r\nHost: x\r\n${WORKER}Connection: close\r\n\r\n`,
    );
    expect(headers).toContain(`authorization: Bot ${api.options.token}`);
  });

  it('a form keeps its boundary and its bytes', async () => {
    const body =
      '--bou"nd\r\nContent-Disposition: form-data; name="a"\r\n\r\n\u0000\u00ff\r\n--bou"nd--\r\n'.replaceAll(
        '\r\n\r\n',
        '\r\nX: y\r\n',
      );
    const sent = await forwarded(
      `POST /api/v10/channels/6/messages HTTP/1.1\r\nHost: x\r\n${WORKER}Connection: close\r\nContent-Type: multipart/form-data; boundary="bou\\"nd"\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(sent.headers).toContain('Content-Type: multipart/form-data; boundary="bou\\"nd"');
    expect(sent.headers).toContain(`content-length: ${body.length}`);
    expect(sent.body).toBe(body);
  });

  it('a small body in chunks is sent with its length', async () => {
    const { headers, body } = await forwarded(
      `POST /api/v10/channels/7/messages HTTP/1.1\r\nHost: x\r\n${WORKER}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n1;ext=1\r\n{\r\n1\r\n}\r\n0\r\nX-Trailer: 1\r\n\r\n`,
    );
    expect(headers).toContain('content-length: 2');
    expect(body).toBe('{}');
  });

  it('whoever waits for 100-continue gets it when it is its turn', async () => {
    using client = new RawClient(node.restPort);
    client.write(
      `POST /api/v10/channels/8/messages HTTP/1.1\r\nHost: x\r\n${WORKER}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`,
    );
    await client.got('HTTP/1.1 100 Continue\r\n\r\n');
    expect(api.text).not.toContain('/channels/8/');
    client.write('{}');
    await client.got('HTTP/1.1 204 ');
    expect(api.text).toMatch(/POST \/api\/v10\/channels\/8\/messages HTTP\/1\.1[\s\S]*\r\n\r\n\{\}$/);
  });
});

function isWhole(text: string): boolean {
  const [head = '', body] = text.split(/\r\n\r\n([\s\S]*)/, 2);
  if (body === undefined) return false;
  return body.length >= Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
}

describe('whose request it is', () => {
  let simulator: Simulator;
  const ask = (node: RestProcess, target: string, headers: Record<string, string> = {}) =>
    fetch(`${node.restUrl}${target}`, { headers });
  const status = async (node: RestProcess, target: string, headers: Record<string, string> = {}) =>
    (await ask(node, target, headers)).status;
  const bot = (token: string) => ({ authorization: `Bot ${token}` });

  beforeAll(async () => {
    simulator = await smallSimulator();
  });

  afterAll(async () => {
    await simulator[Symbol.asyncDispose]();
  });

  it('says the token: a configured one, or without those the bot token', async () => {
    await using plain = await startRest({ discord: simulator });
    await using configured = await startRest({
      discord: simulator,
      env: { SHARDMUX_WORKERS_TOKENS: `production:${WORKER_TOKEN}` },
    });
    const { token } = simulator.options;
    expect(await status(plain, '/api/v10/users/@me', bot(token))).toBe(200);
    expect(await status(plain, '/api/v10/users/@me', bot(WORKER_TOKEN))).toBe(401);
    expect(await status(configured, '/api/v10/users/@me', bot(WORKER_TOKEN))).toBe(200);
    expect(await status(configured, '/api/v10/users/@me', bot(token))).toBe(401);
    expect(await status(configured, '/api/v10/users/@me')).toBe(401);
    expect(await status(configured, '/api/v10/users/@me', { authorization: WORKER_TOKEN })).toBe(401);
    expect(await status(configured, '/api/v10/users/@me', { authorization: `Bearer ${WORKER_TOKEN}` })).toBe(
      401,
    );
    expect(simulator.stats().rest.statuses[401]).toBeUndefined();
  });

  it('says the path or the token, where there are several applications', async () => {
    const [first, second] = ['100000000000000000', '200000000000000000'];
    using directory = stateDirectory();
    const config = join(directory.path, 'shardmux.yaml');
    await writeFile(
      config,
      JSON.stringify({
        applications: [
          { token: simulator.options.token },
          { token: `${Buffer.from(second).toString('base64')}.other.bot` },
        ],
        workers: {
          tokens: [
            { name: 'one', token: `${WORKER_TOKEN}1`, application: first },
            { name: 'all', token: WORKER_TOKEN },
          ],
        },
      }),
    );
    await using node = await startRest({ discord: simulator, env: { SHARDMUX_CONFIG: config } });
    const one = bot(`${WORKER_TOKEN}1`);
    const all = bot(WORKER_TOKEN);
    expect(await status(node, '/api/v10/users/@me', one)).toBe(200);
    expect(await status(node, `/apps/${first}/api/v10/users/@me`, all)).toBe(200);
    const ambiguous = await ask(node, '/api/v10/users/@me', all);
    expect([ambiguous.status, await ambiguous.json()]).toEqual([
      400,
      { message: expect.stringContaining('there are 2 applications here'), code: 0 },
    ]);
    expect(await status(node, `/apps/${second}/api/v10/users/@me`, one)).toBe(401);
    expect(await status(node, '/apps/3/api/v10/users/@me', all)).toBe(404);
    expect(simulator.stats().rest.statuses[401]).toBeUndefined();
    // The simulator knows the first bot only: that it refuses the second shows which token was sent.
    expect(await status(node, `/apps/${second}/api/v10/users/@me`, all)).toBe(503);
    expect(simulator.stats().rest.statuses[401]).toBe(1);
  });
});

describe('GET /gateway and /gateway/bot', () => {
  it('tell of our own gateway', async () => {
    await using simulator = await smallSimulator({ shards: 6 });
    await using node = await startRest({
      discord: simulator,
      env: { SHARDMUX_DISCORD_SHARD_COUNT: '4', SHARDMUX_WORKERS_PUBLIC_URL: 'wss://bots.example/gw/' },
    });
    const headers = { authorization: `Bot ${simulator.options.token}` };
    const gateway = await fetch(`${node.restUrl}/api/v10/gateway`);
    expect(await gateway.json()).toEqual({ url: 'wss://bots.example/gw' });
    const full = await fetch(`${node.restUrl}/api/v10/gateway/bot`, { headers });
    expect(await full.json()).toEqual({
      url: 'wss://bots.example/gw',
      shards: 4,
      session_start_limit: { total: 1000, remaining: 1000, reset_after: 86_400_000, max_concurrency: 4 },
    });
    expect((await fetch(`${node.restUrl}/api/v10/gateway/bot`)).status).toBe(401);
    expect(simulator.stats().rest.requests).toBe(0);
  });

  it('name the host that was asked, and the number of shards that Discord recommends', async () => {
    await using simulator = await smallSimulator({ shards: 6 });
    await using node = await startRest({ discord: simulator, env: { SHARDMUX_DISCORD_SHARD_COUNT: 'auto' } });
    const headers = { authorization: `Bot ${simulator.options.token}` };
    // Until Discord has said it there is a 503.
    await eventually(async () => {
      const answer = await fetch(`${node.restUrl}/api/v10/gateway/bot`, { headers });
      expect(await answer.json()).toMatchObject({ url: 'ws://127.0.0.1:7777', shards: 6 });
      return true;
    });
  });

  it("are Discord's where it is configured so", async () => {
    await using simulator = await smallSimulator();
    await using node = await startRest({
      discord: simulator,
      env: { SHARDMUX_REST_GATEWAY_ROUTES: 'discord' },
    });
    const headers = { authorization: `Bot ${simulator.options.token}` };
    const answer = await (await fetch(`${node.restUrl}/api/v10/gateway/bot`, { headers })).json();
    expect(answer).toMatchObject({ url: simulator.gatewayUrl });
  });
});
