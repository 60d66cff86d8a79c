/** Heads that are legal and strange, other protocols on the port, and what of all that gets to Discord: well-formed requests only. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { askRaw, RawClient, ScriptedApi } from '../../support/raw-http.ts';
import { type RestProcess, startRest } from '../../support/rest-node.ts';

const CHUNKED =
  'HTTP/1.1 200 OK\r\nVia: 1.1 google\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n';

let api: ScriptedApi;
let node: RestProcess;
let own: string;

beforeAll(async () => {
  api = await ScriptedApi.start(({ socket, text }) => {
    if (text.includes('\r\n\r\n') && !text.includes('/never')) socket.end(CHUNKED);
  });
  node = await startRest({ discord: api, env: { SHARDMUX_REST_HEADERS_TIMEOUT_MS: '500' } });
  own = `Host: x\r\nAuthorization: Bot ${api.options.token}\r\n`;
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

/** The answer, and the lines of each head that reached Discord for it. */
async function exchange(request: string) {
  const before = api.connections.length;
  const answer = await askRaw(node.restPort, Buffer.from(request, 'latin1'));
  const arrived = api.connections.slice(before).map(({ text }) => text);
  return { answer, arrived, lines: arrived.join('').split('\r\n') };
}

describe('nothing reaches Discord of', () => {
  it.each<[string, () => string, number]>([
    ['HTTP/0.9', () => 'GET /api/v10/users/@me\r\n\r\n', 505],
    ['HTTP/0.9 that says so', () => `GET /api/v10/users/@me HTTP/0.9\r\n${own}\r\n`, 505],
    ['HTTP/2 as a version', () => `GET /api/v10/users/@me HTTP/2.0\r\n${own}\r\n`, 505],
    ['HTTP/1.2', () => `GET /api/v10/users/@me HTTP/1.2\r\n${own}\r\n`, 400],
    ['lower-case http', () => `GET /api/v10/users/@me http/1.1\r\n${own}\r\n`, 400],
    ['a space in the target', () => `GET /api/v10/users/@me x HTTP/1.1\r\n${own}\r\n`, 400],
    ['a tab in place of a space', () => `GET\t/api/v10/users/@me HTTP/1.1\r\n${own}\r\n`, 400],
    ['a method in lower case', () => `get /api/v10/users/@me HTTP/1.1\r\n${own}\r\n`, 400],
    ['a method with a NUL', () => `GE\0T /api/v10/users/@me HTTP/1.1\r\n${own}\r\n`, 400],
    ['a NUL in the target', () => `GET /api/v10/users/\0 HTTP/1.1\r\n${own}\r\n`, 400],
    ['bytes that are no UTF-8', () => `GET /api/v10/users/\xff\xfe HTTP/1.1\r\n${own}\r\n`, 400],
    ['an overlong escape', () => `GET /api/v10/users/%c0%ae%c0%ae HTTP/1.1\r\n${own}\r\n`, 400],
    ['an escaped slash', () => `GET /api/v10/channels/1%2fmessages HTTP/1.1\r\n${own}\r\n`, 400],
    ['an escaped backslash', () => `GET /api/v10/channels/1%5cmessages HTTP/1.1\r\n${own}\r\n`, 400],
    ['an escape in an escape', () => `GET /api/v10/%252e%252e/users HTTP/1.1\r\n${own}\r\n`, 400],
    ['an escaped line break', () => `GET /api/v10/users/@me%0d%0aX:%20y HTTP/1.1\r\n${own}\r\n`, 400],
    ['a path parameter', () => `GET /api/v10/users/@me;jsessionid=1 HTTP/1.1\r\n${own}\r\n`, 400],
    ['dots with a parameter', () => `GET /api/v10/..;/users/@me HTTP/1.1\r\n${own}\r\n`, 400],
    ['a fragment', () => `GET /api/v10/users/@me#x HTTP/1.1\r\n${own}\r\n`, 400],
    ['an IIS escape', () => `GET /api/v10/%u002e%u002e/users HTTP/1.1\r\n${own}\r\n`, 400],
    [
      'an absolute URL of Discord',
      () => `GET https://discord.com/api/v10/gateway HTTP/1.1\r\n${own}\r\n`,
      400,
    ],
    ['an authority', () => `GET discord.com:443 HTTP/1.1\r\n${own}\r\n`, 400],
    ['everything', () => `GET * HTTP/1.1\r\n${own}\r\n`, 400],
    [
      'a version in capitals',
      () => `GET /api/V10/users/@me HTTP/1.1\r\n${own}Connection: close\r\n\r\n`,
      400,
    ],
    [
      'a control character in a header',
      () => `GET /api/v10/users/@me HTTP/1.1\r\n${own}X-A: a\x01b\r\n\r\n`,
      400,
    ],
    ['a DEL in a header', () => `GET /api/v10/users/@me HTTP/1.1\r\n${own}X-A: a\x7fb\r\n\r\n`, 400],
    ['a header without a name', () => `GET /api/v10/users/@me HTTP/1.1\r\n${own}: b\r\n\r\n`, 400],
    ['a header without a colon', () => `GET /api/v10/users/@me HTTP/1.1\r\n${own}X-A\r\n\r\n`, 400],
    ['a name with a space', () => `GET /api/v10/users/@me HTTP/1.1\r\n${own}X A: b\r\n\r\n`, 400],
    ['a name with a NUL', () => `GET /api/v10/users/@me HTTP/1.1\r\n${own}X\0A: b\r\n\r\n`, 400],
    [
      'a coding that is none, before the health check of a balancer',
      () => `GET /healthz HTTP/1.1\r\n${own}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
  ])('%s', async (_name, request, status) => {
    const { answer, arrived } = await exchange(
      request().replace('\r\nHost: x', '\r\nConnection: close\r\nHost: x'),
    );
    expect([answer.status, arrived]).toEqual([status, []]);
    expect(answer.json['message']).toContain('shardmux: ');
  });
});

describe('what is forwarded', () => {
  const get = (headers: string, first = 'GET /api/v10/channels/1 HTTP/1.1') =>
    exchange(
      `${first}\r\n${own}${headers}${headers.includes('Connection:') ? '' : 'Connection: close\r\n'}\r\n`,
    );

  it('has the bot token even where the worker calls Authorization a matter of this hop', async () => {
    const { lines } = await get('Connection: close, authorization, host\r\n');
    expect(lines).toContain(`authorization: Bot ${api.options.token}`);
    expect(lines).toContain(`host: ${new URL(api.url).host}`);
  });

  it('is framed by us even where the worker calls Content-Length a matter of this hop', async () => {
    const { lines, arrived } = await exchange(
      `POST /api/v10/channels/1/messages HTTP/1.1\r\n${own}Content-Length: 2\r\nConnection: close, content-length, transfer-encoding\r\n\r\n{}`,
    );
    expect(lines).toContain('content-length: 2');
    expect(arrived[0]).toMatch(/\r\n\r\n\{\}$/);
  });

  it.each([
    ['Content_Length: 5', 'content_length'],
    ['Transfer_Encoding: chunked', 'transfer_encoding'],
    ['X_Forwarded_For: 1.2.3.4', 'x_forwarded_for'],
    ['X_Shardmux_Priority: bulk', 'x_shardmux_priority'],
    ['Host_: y', undefined],
  ])('has no header that underscores make into one of those we write: %s', async (header, dropped) => {
    const { lines } = await get(`${header}\r\n`);
    const names = lines.map((line) => line.split(':', 1)[0]?.toLowerCase());
    if (dropped === undefined) expect(lines).toContain(header);
    else expect(names).not.toContain(dropped);
  });

  it('has the method that was judged, whatever other headers say of it', async () => {
    const { lines } = await get('X-HTTP-Method-Override: DELETE\r\nX-Original-URL: /api/v10/users/@me\r\n');
    expect(lines[0]).toBe('GET /api/v10/channels/1 HTTP/1.1');
  });

  it.each([
    'evil.example',
    'discord.com@evil.example',
    '',
    '[::1]',
    '169.254.169.254:80',
  ])("goes to Discord's host, not to the host %j", async (host) => {
    const request = `GET /api/v10/channels/1 HTTP/1.1\r\n${own.replace('Host: x', `Host: ${host}`)}Connection: close\r\n\r\n`;
    const { lines } = await exchange(request);
    expect(lines.filter((line) => /^host:/i.test(line))).toEqual([`host: ${new URL(api.url).host}`]);
  });

  it('has no trailers', async () => {
    const { arrived } = await exchange(
      `POST /api/v10/channels/1/messages HTTP/1.1\r\n${own}Connection: close\r\nTrailer: Authorization\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: Bot other\r\nX-A: other\r\n\r\n`,
    );
    expect(arrived[0]).not.toMatch(/other|trailer/i);
  });

  it('is asked for by HTTP/1.0 as well; then the end of the answer is that of the connection, not a chunk', async () => {
    const { answer, lines } = await get('Connection: keep-alive\r\n', 'GET /api/v10/channels/1 HTTP/1.0');
    expect(lines[0]).toBe('GET /api/v10/channels/1 HTTP/1.1');
    expect([answer.status, answer.body.toString()]).toEqual([200, '{}']);
    expect(answer.lines.join('\n').toLowerCase()).not.toContain('chunked');
  });
});

describe('a body that is sent with malice', () => {
  const post = () => `POST /api/v10/channels/1/messages HTTP/1.1\r\n${own}Transfer-Encoding: chunked\r\n\r\n`;

  it.each([
    ['an endless chunk extension', () => `2;${'a=b;'.repeat(10_000)}`],
    ['a length in its trailer', () => '2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n'],
    ['an endless trailer', () => `0\r\nX-A: ${'a'.repeat(100_000)}`],
    ['an endless number of trailers', () => `0\r\n${'X-A: a\r\n'.repeat(20_000)}`],
    ['a size with a sign', () => '-1\r\n'],
    ['a size in many zeroes and letters', () => `${'0'.repeat(30)}g\r\n`],
  ])('of %s is refused, and the connection closed', async (_name, body) => {
    const { answer } = await exchange(post() + body());
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(answer.lines.join('\n').toLowerCase()).toContain('connection: close');
  });
});

describe('what follows a request on its connection', () => {
  it('and is no request is not answered in the place of the one before it', async () => {
    const before = api.connections.length;
    using client = new RawClient(node.restPort);
    client.write(`GET /api/v10/channels/2/never HTTP/1.1\r\n${own}\r\nnonsense\r\n\r\n`);
    await eventually(() => api.connections.length > before);
    api.connections.at(-1)?.socket.end(CHUNKED);
    await client.closed();
    expect(client.received).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\nHTTP\/1\.1 400 Bad Request\r\n/);
  });

  it('and does not come to an end does not end the one before it', async () => {
    const malformed = async () =>
      (await node.metric('shardmux_rest_failed_total', { reason: 'malformed' })) ?? 0;
    const known = await malformed();
    const before = api.connections.length;
    using client = new RawClient(node.restPort);
    client.write(`GET /api/v10/channels/3/never HTTP/1.1\r\n${own}\r\nGET /api/v10/channels/4 HTTP/1.1\r\n`);
    await eventually(() => api.connections.length > before);
    await eventually(async () => (await malformed()) === known + 1);
    api.connections.at(-1)?.socket.end(CHUNKED);
    await client.got('HTTP/1.1 200 OK');
    expect(client.received).not.toMatch(/^HTTP\/1\.1 408/);
  });

  it('is counted; an idle connection that is cut is none', async () => {
    const metric = async (name: string, labels?: Record<string, string>) =>
      (await node.metric(name, labels)) ?? 0;
    const malformed = () => metric('shardmux_rest_failed_total', { reason: 'malformed' });
    const known = await malformed();
    using idle = new RawClient(node.restPort);
    idle.write(`GET /healthz HTTP/1.1\r\n${own}\r\n`);
    await idle.got('HTTP/1.1 200 OK');
    idle.socket.resetAndDestroy();
    using other = new RawClient(node.restPort);
    other.write('nonsense\r\n\r\n');
    await other.closed();
    expect(await malformed()).toBe(known + 1);
  });
});

it('a second request on a connection that is none is told so', async () => {
  using client = new RawClient(node.restPort);
  client.write(`GET /api/v10/gateway HTTP/1.1\r\n${own}\r\n`);
  await client.got('"url"');
  client.write('nonsense\r\n\r\n');
  await client.closed();
  expect(client.received).toMatch(/HTTP\/1\.1 400 Bad Request/);
});

describe('many connections', () => {
  it('that send their heads too slowly, or nothing at all, are closed, while others are served', async () => {
    const slow = Array.from({ length: 300 }, (_, n) => {
      const client = new RawClient(node.restPort);
      if (n % 2 === 0) client.write('GET /api/v10/channels/1 HTTP/1.1\r\nX-A: ');
      return client;
    });
    const { answer } = await exchange(`GET /api/v10/channels/1 HTTP/1.1\r\n${own}Connection: close\r\n\r\n`);
    expect(answer.status).toBe(200);
    await eventually(() => slow.every(({ isClosed }) => isClosed), 10_000);
    expect(slow.filter(({ received }) => received.startsWith('HTTP/1.1 408 ')).length).toBe(300);
  });
});

it.each([
  ['16,000 headers', () => Array.from({ length: 16_000 }, (_, n) => `a${n}:\r\n`).join('')],
  ['1 MB of headers', () => `X-A: ${'a'.repeat(1_000)}\r\n`.repeat(1_000)],
  ['a target of 1 MB', () => ''],
])('a head of %s gets a 431', async (name, headers) => {
  const target = name.startsWith('a target')
    ? `/api/v10/users/${'a'.repeat(1_000_000)}`
    : '/api/v10/users/@me';
  const { answer, arrived } = await exchange(`GET ${target} HTTP/1.1\r\n${own}${headers()}\r\n`);
  expect([answer.status, arrived]).toEqual([431, []]);
});

it('is alive and well after all of it', async () => {
  expect(
    (await exchange(`GET /api/v10/users/@me HTTP/1.1\r\n${own}Connection: close\r\n\r\n`)).answer.status,
  ).toBe(200);
  expect(node.logs().filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
});
