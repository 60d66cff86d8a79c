/** What haproxy/egress.cfg lets through to Discord, and what it does not. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Egress } from '../../support/egress.ts';
import { startNode } from '../../support/node.ts';
import { askRaw, RawClient, sendRaw } from '../../support/raw-http.ts';
import { startRest } from '../../support/rest-node.ts';
import { TRICKY_TARGETS } from '../../unit/rest/request-paths.ts';

let egress: Egress;

beforeAll(async () => {
  egress = await Egress.start();
});

afterAll(async () => {
  await egress[Symbol.asyncDispose]();
});

const PATH = '/api/v10/users/@me';
/** Where HAProxy takes it for a request of its own it is refused, and where it takes it for a body it must not be a request at Discord. */
const SMUGGLED = 'GET /api/v10/users/@me/guilds HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n';

const token = () => `Authorization: Bot ${egress.simulator.options.token}\r\n`;
const request = (target = PATH, host = 'discord.com', more = '') =>
  `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${token()}${more}Connection: close\r\n\r\n`;

/** What is answered while nothing gets to Discord. */
async function refusal(bytes: string) {
  const before = egress.simulator.stats().rest.requests;
  const answer = await askRaw(egress.port, bytes);
  expect(egress.simulator.stats().rest.requests).toBe(before);
  return answer;
}

describe('passes', () => {
  it('a request for the API, and the answer as it is', async () => {
    const answer = await askRaw(egress.port, request());
    expect([answer.status, answer.json]).toMatchObject([200, { bot: true }]);
    expect(answer.lines.map((line) => line.toLowerCase())).toEqual(
      expect.arrayContaining([
        'via: 1.1 google',
        expect.stringMatching(/^x-ratelimit-bucket: /),
        expect.stringMatching(/^x-ratelimit-remaining: /),
      ]),
    );
    expect(egress.simulator.rest.received.at(-1)).toMatchObject({ path: '/users/@me' });
  });

  it.each(['DISCORD.com', 'canary.discord.com'])('a request for %s', async (host) => {
    expect((await askRaw(egress.port, request(PATH, host))).status).toBe(200);
  });

  it('what Discord says of a limit', async () => {
    egress.simulator.inject({ kind: 'rest-429', scope: 'shared', retryAfterMs: 1_500, skip: 0, count: 1 });
    const answer = await askRaw(egress.port, request());
    expect([answer.status, answer.json]).toMatchObject([429, { retry_after: 1.5 }]);
    expect(answer.lines.map((line) => line.toLowerCase())).toEqual(
      expect.arrayContaining(['retry-after: 2', 'x-ratelimit-scope: shared']),
    );
  });

  it('nothing besides: no header of its own gets to Discord', () => {
    expect(egress.simulator.stats().violations).toEqual({});
  });
});

describe('is refused, with a reason in JSON:', () => {
  it.each([
    'example.com',
    'discord.com.example.com',
    'discord.com:443',
    'discord.com:8443',
    'discord.com.',
    'cdn.discordapp.com',
    '127.0.0.1',
    '[::1]',
    '',
  ])('the host %j', async (host) => {
    const { status, json } = await refusal(request(PATH, host));
    expect([status, json]).toEqual([
      421,
      { message: expect.stringMatching(/^shardmux egress: Host/), code: 0 },
    ]);
  });

  it('no host', async () => {
    const { status } = await refusal(`GET ${PATH} HTTP/1.0\r\n${token()}\r\n`);
    expect(status).toBe(421);
  });

  it.each([
    ...TRICKY_TARGETS.filter((target) => target.startsWith('/')),
    '/',
    '/api',
    '/api/',
    '/apis/v10/users/@me',
    '/API/v10/users/@me',
    '/login',
    '//api/v10/users/@me',
    '/api/v10/users/@me;x=1',
    '/api/v10/users/"@me"',
    '/api/v10/users/%00',
  ])('the path %s', async (target) => {
    const { status, json } = await refusal(request(target));
    expect([status, json]).toEqual([
      400,
      { message: expect.stringMatching(/^shardmux egress: the path /), code: 0 },
    ]);
  });

  it('an absolute URL', async () => {
    const { status, json } = await refusal(request(`http://discord.com${PATH}`));
    expect([status, json['message']]).toEqual([400, 'shardmux egress: the target is not a path']);
  });

  it.each(['OPTIONS', 'TRACE', 'HEAD', 'PROPFIND'])('the method %s', async (method) => {
    const { status } = await refusal(request().replace('GET', method));
    expect(status).toBe(405);
  });

  it('a tunnel', async () => {
    const { status } = await refusal(
      'CONNECT discord.com:443 HTTP/1.1\r\nHost: discord.com:443\r\nConnection: close\r\n\r\n',
    );
    expect(status).toBe(405);
  });

  it('another protocol', async () => {
    const upgrade =
      'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    using client = new RawClient(egress.port);
    client.write(`GET ${PATH} HTTP/1.1\r\nHost: discord.com\r\n${token()}${upgrade}\r\n`);
    const answer = await client.got('code');
    expect(answer).toContain('shardmux egress: no protocol but HTTP passes');
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  });

  it.each([
    [
      'an absolute URL of another host',
      `GET http://example.com${PATH} HTTP/1.1\r\nHost: discord.com\r\n\r\n`,
    ],
    [
      'a list of hosts',
      `GET ${PATH} HTTP/1.1\r\nHost: example.com, discord.com\r\nConnection: close\r\n\r\n`,
    ],
    ['two hosts', `GET ${PATH} HTTP/1.1\r\nHost: discord.com\r\nHost: example.com\r\n\r\n`],
    [
      'a header that is folded',
      `GET ${PATH} HTTP/1.1\r\nHost: discord.com\r\n X: y\r\nConnection: close\r\n\r\n`,
    ],
    ['a space before the colon', `GET ${PATH} HTTP/1.1\r\nHost : discord.com\r\n\r\n`],
    ['a line feed in a header', `GET ${PATH} HTTP/1.1\r\nHost: discord.com\r\nX: y\rz\r\n\r\n`],
    ['a fragment', `GET ${PATH}#x HTTP/1.1\r\nHost: discord.com\r\nConnection: close\r\n\r\n`],
    ['no HTTP', 'hello\r\n\r\n'],
  ])('%s, with a 4xx at least', async (_, bytes) => {
    const { status } = await refusal(bytes);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
  });
});

describe('a request within a request does not get through:', () => {
  const post = (headers: string, body: string) =>
    `POST /api/v10/channels/${egress.simulator.rest.channelIds(0)[0]}/typing HTTP/1.1\r\nHost: discord.com\r\n${token()}${headers}\r\n\r\n${body}`;

  it.each([
    ['Content-Length and Transfer-Encoding', 'Content-Length: 5\r\nTransfer-Encoding: chunked', '0\r\n\r\n'],
    ['Transfer-Encoding and Content-Length', 'Transfer-Encoding: chunked\r\nContent-Length: 5', '0\r\n\r\n'],
    ['two lengths', 'Content-Length: 2\r\nContent-Length: 3', '{}'],
    ['a length with a sign', 'Content-Length: +2', '{}'],
    ['a length in hexadecimal', 'Content-Length: 0x2', '{}'],
    ['a coding before chunked', 'Transfer-Encoding: gzip, chunked', '0\r\n\r\n'],
    ['another coding', 'Transfer-Encoding: identity', '0\r\n\r\n'],
    ['a coding that is almost chunked', 'Transfer-Encoding: xchunked', '0\r\n\r\n'],
    ['two codings', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', '0\r\n\r\n'],
    ['a space before the colon', 'Transfer-Encoding : chunked', '0\r\n\r\n'],
  ])('%s', async (_, headers, body) => {
    const before = egress.simulator.rest.received.length;
    const answers = (await sendRaw(egress.port, post(headers, body + SMUGGLED))).toString();
    // The end of a chunked body is clear, whatever length there is besides: then nothing more is read of the connection.
    expect(answers.match(/HTTP\/1\.1 \d+/g)).toHaveLength(1);
    const got = egress.simulator.rest.received.slice(before);
    expect(got.filter(({ path }) => !path.endsWith('/typing'))).toEqual([]);
  });
});

describe('only with a certificate of its own', () => {
  it('gets Discord a request', async () => {
    await using other = await Egress.start({ names: ['example.com'] });
    await other.cutOff();
    const answer = await askRaw(other.port, request());
    expect([answer.status, answer.json]).toEqual([
      503,
      { message: expect.stringMatching(/certificate/), retry_after: 2, code: 0 },
    ]);
    expect(answer.lines).toEqual(expect.arrayContaining(['retry-after: 2', 'via: 1.1 shardmux']));
    expect(other.simulator.stats().rest.requests).toBe(0);
  });

  it('of an authority that is trusted', async () => {
    await using other = await Egress.start({ environment: { HAPROXY_EGRESS_CA: '@system-ca' } });
    await other.cutOff();
    expect((await askRaw(other.port, request())).status).toBe(503);
    expect(other.simulator.stats().rest.requests).toBe(0);
  });

  it('of the very host that is asked, before a health check has looked too', async () => {
    const answer = await askRaw(egress.port, request(PATH, 'ptb.discord.com'));
    expect(answer.status).toBe(503);
  });
});

describe('with discord.egressUrl', () => {
  it('a REST node sends requests and files of 25 MB through', async () => {
    await using node = await startRest({ discord: egress.simulator, env: egress.nodeEnvironment });
    const headers = { authorization: `Bot ${egress.simulator.options.token}` };
    const me = await fetch(`${node.restUrl}${PATH}`, { headers });
    expect([me.status, await me.json()]).toMatchObject([200, { bot: true }]);
    const form = new FormData();
    const size = 25 * 1024 * 1024;
    form.set('files[0]', new Blob([Buffer.alloc(size, 7)]), 'large.bin');
    const channel = egress.simulator.rest.channelIds(0)[0];
    const sent = await fetch(`${node.restUrl}/api/v10/channels/${channel}/messages`, {
      method: 'POST',
      headers,
      body: form,
    });
    expect([sent.status, await sent.json()]).toMatchObject([200, { attachments: [{ size }] }]);
  });

  it('a REST node says so where the way out does not reach Discord', async () => {
    await using cutOff = await Egress.start({ names: ['example.com'] });
    await using node = await startRest({ discord: cutOff.simulator, env: cutOff.nodeEnvironment });
    await cutOff.cutOff();
    const headers = { authorization: `Bot ${cutOff.simulator.options.token}` };
    expect((await fetch(`${node.restUrl}${PATH}`, { headers })).status).toBe(503);
    const { reason } = await node.logged('Discord can not be reached; requests are answered with 502 or 503');
    expect(reason).toMatch(/discord\.egressUrl/);
    expect(await node.metric('shardmux_rest_discord_reachable')).toBe(0);
    expect(await node.metric('shardmux_rest_failed_total', { reason: 'unreachable' })).toBe(1);
    expect((await node.readyz()).status).toBe(503);
  });

  it('a gateway node asks for its gateway through it, and connects', async () => {
    await using discord = await Egress.start({ simulator: { shards: 1 } });
    const { simulator, nodeEnvironment } = discord;
    await using node = await startNode({
      discord: simulator,
      env: {
        ...nodeEnvironment,
        SHARDMUX_DISCORD_GATEWAY_URL: simulator.gatewayUrl,
        SHARDMUX_DISCORD_SHARD_COUNT: 'auto',
        NODE_EXTRA_CA_CERTS: discord.caPath,
      },
    });
    await node.ready();
    expect(simulator.rest.received.map(({ path }) => path)).toContain('/gateway/bot');
  });
});

it('health and metrics are on an address of their own', async () => {
  const { observabilityUrl } = egress.haproxy;
  expect((await fetch(`${observabilityUrl}/healthz`)).status).toBe(200);
  const metrics = await (await fetch(`${observabilityUrl}/metrics`)).text();
  expect(metrics).toContain('haproxy_server_status{proxy="discord",server="discord-1",state="UP"} 1');
});
