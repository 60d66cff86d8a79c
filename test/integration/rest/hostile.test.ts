/** What no honest worker sends: a clear answer, nothing forwarded, no crash. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import type { Simulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { askRaw, RawClient, sendRaw } from '../../support/raw-http.ts';
import { type RestProcess, startRest } from '../../support/rest-node.ts';
import { smallSimulator } from '../simulator/peer.ts';

let simulator: Simulator;
let node: RestProcess;
let own: string;
let post: string;

beforeAll(async () => {
  simulator = await smallSimulator();
  node = await startRest({
    discord: simulator,
    env: { SHARDMUX_REST_HEADERS_TIMEOUT_MS: '500', SHARDMUX_REST_STALL_TIMEOUT_MS: '500' },
  });
  own = `Host: x\r\nAuthorization: Bot ${simulator.options.token}\r\n`;
  post = `POST /api/v10/channels/${simulator.rest.channelIds(0)[0]}/messages`;
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await simulator[Symbol.asyncDispose]();
});

/** What is answered, while nothing reaches Discord. */
async function refusal(request: string) {
  const before = simulator.stats().rest.requests;
  const answer = await askRaw(node.restPort, request);
  expect(simulator.stats().rest.requests).toBe(before);
  return answer;
}

const SMUGGLED = 'GET /api/v10/users/@me/guilds HTTP/1.1\r\nHost: x\r\n\r\n';

describe('a request of which two readers could make different things is refused, and its connection closed', () => {
  const framed = (headers: string, body: string) => () =>
    `${post} HTTP/1.1\r\n${own}${headers}\r\n\r\n${body}`;
  test.each<[string, () => string]>([
    [
      'Content-Length and Transfer-Encoding',
      framed('Content-Length: 5\r\nTransfer-Encoding: chunked', `0\r\n\r\n${SMUGGLED}`),
    ],
    [
      'Transfer-Encoding and Content-Length',
      framed('Transfer-Encoding: chunked\r\nContent-Length: 5', `0\r\n\r\n${SMUGGLED}`),
    ],
    ['two lengths', framed('Content-Length: 2\r\nContent-Length: 3', `{}${SMUGGLED}`)],
    ['the same length twice', framed('Content-Length: 2\r\nContent-Length: 2', `{}${SMUGGLED}`)],
    ['a list of lengths', framed('Content-Length: 2, 2', `{}${SMUGGLED}`)],
    ['a length with a sign', framed('Content-Length: +2', `{}${SMUGGLED}`)],
    ['a length that is negative', framed('Content-Length: -2', `{}${SMUGGLED}`)],
    ['a length in hexadecimal', framed('Content-Length: 0x2', `{}${SMUGGLED}`)],
    ['another coding before chunked', framed('Transfer-Encoding: gzip, chunked', `0\r\n\r\n${SMUGGLED}`)],
    ['another coding', framed('Transfer-Encoding: identity', `0\r\n\r\n${SMUGGLED}`)],
    ['a coding that is almost chunked', framed('Transfer-Encoding: xchunked', `0\r\n\r\n${SMUGGLED}`)],
    [
      'chunked twice',
      framed('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', `0\r\n\r\n${SMUGGLED}`),
    ],
    ['a space before the colon', framed('Transfer-Encoding : chunked', `0\r\n\r\n${SMUGGLED}`)],
    [
      'a control character before chunked',
      framed('Transfer-Encoding: \u000bchunked', `0\r\n\r\n${SMUGGLED}`),
    ],
    ['a header that goes on in the next line', framed('X-A: b\r\n c', '')],
    ['a line that ends in LF', framed('X-A: b\nX-B: c', '')],
    ['a line that ends in CR', framed('X-A: b\rX-B: c', '')],
    ['a NUL in a header', framed('X-A: b\0c', '')],
    ['a chunk size that ends in LF', framed('Transfer-Encoding: chunked', `2\n{}\r\n0\r\n\r\n${SMUGGLED}`)],
    ['a chunk size beyond all numbers', framed('Transfer-Encoding: chunked', 'fffffffffffffffff\r\n{}')],
    ['a chunk longer than its size', framed('Transfer-Encoding: chunked', `1\r\n{}\r\n0\r\n\r\n${SMUGGLED}`)],
    [
      'chunks with HTTP/1.0',
      () => `${post} HTTP/1.0\r\n${own}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    ['a head of LFs', () => `GET /api/v10/users/@me HTTP/1.1\n${own.replaceAll('\r', '')}\n`],
    ['no host', () => `GET /api/v10/users/@me HTTP/1.1\r\n${own.replace('Host: x\r\n', '')}\r\n`],
    ['two hosts', () => `GET /api/v10/users/@me HTTP/1.1\r\nHost: y\r\n${own}\r\n`],
    ['two tokens', () => `GET /api/v10/users/@me HTTP/1.1\r\n${own}Authorization: Bot other\r\n\r\n`],
    [
      'a protocol to change to',
      () => `GET /api/v10/users/@me HTTP/1.1\r\n${own}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n`,
    ],
    [
      'HTTP/2 to change to',
      () => `GET /api/v10/users/@me HTTP/1.1\r\n${own}Connection: upgrade\r\nUpgrade: h2c\r\n\r\n`,
    ],
    ['HTTP/2 from the start', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['TLS', () => '\u0016\u0003\u0001\u0002\u0000\u0001\u0000'],
    ['nonsense', () => 'hello\r\n\r\n'],
  ])('%s', async (_name, request) => {
    const { status, lines, json } = await refusal(request());
    expect(status).toBe(400);
    expect(json).toMatchObject({ message: expect.stringMatching(/^shardmux: /), code: 0 });
    expect(lines.join('\n').toLowerCase()).toContain('connection: close');
  });
});

describe('a method that Discord does not have gets a 405', () => {
  it.each(['TRACE', 'OPTIONS', 'HEAD', 'CONNECT', 'PURGE', 'PROPFIND'])('%s', async (method) => {
    const target = method === 'CONNECT' ? 'discord.com:443' : '/api/v10/users/@me';
    const { status } = await refusal(`${method} ${target} HTTP/1.1\r\n${own}Connection: close\r\n\r\n`);
    expect(status).toBe(405);
  });
});

describe('a target that could lead elsewhere is refused', () => {
  it.each([
    ['http://169.254.169.254/api/v10/users/@me', 400],
    ['//evil.example/api/v10/users/@me', 400],
    ['/api/v10/../../users/@me', 400],
    ['/api/v10/%2e%2e/users', 400],
    ['/api/v10/channels/%2E./messages', 400],
    ['/api//v10/users/@me', 400],
    ['/api/v10/users/@me/', 400],
    ['/api/v10/channels%2f1/messages', 400],
    ['/api/v10/users/@me%00', 400],
    ['/api/v10/users\\@me', 400],
    ['/api/v10/users/@me;x', 400],
    ['/api/v99/users/@me', 400],
    ['/apps/1/../api/v10/users/@me', 400],
    ['/', 400],
    ['/oauth2/authorize', 404],
    ['/apiv10/users/@me', 404],
    ['/apps/42/api/v10/users/@me', 401],
    ['/readyz', 404],
    ['/metrics', 404],
    ['/limits', 404],
  ])('%s', async (target, status) => {
    const answer = await refusal(`GET ${target} HTTP/1.1\r\n${own}Connection: close\r\n\r\n`);
    expect(answer.status).toBe(status);
    expect(answer.json).toMatchObject({ message: expect.stringContaining('shardmux: ') });
  });
});

describe('a flood of headers gets a 431', () => {
  it.each([
    ['many', Array.from({ length: 150 }, (_, n) => `X-${n}: a\r\n`).join('')],
    ['one large', `X-A: ${'a'.repeat(40_000)}\r\n`],
  ])('%s', async (_name, headers) => {
    const { status } = await refusal(
      `GET /api/v10/users/@me HTTP/1.1\r\n${own}${headers}Connection: close\r\n\r\n`,
    );
    expect(status).toBe(431);
  });
});

it('refuses an Expect that is not 100-continue with 417', async () => {
  const { status } = await refusal(`${post} HTTP/1.1\r\n${own}Expect: magic\r\nContent-Length: 2\r\n\r\n`);
  expect(status).toBe(417);
});

describe('slow senders', () => {
  it('of a head get a 408', async () => {
    const answer = (
      await sendRaw(node.restPort, 'GET /api/v10/users/@me HTTP/1.1\r\nHost: x\r\n')
    ).toString();
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('of a small body get a 408, and nothing reaches Discord', async () => {
    const { status } = await refusal(
      `${post} HTTP/1.1\r\n${own}Connection: close\r\nContent-Length: 20\r\n\r\n{"content"`,
    );
    expect(status).toBe(408);
  });

  it('of a large body get a 408, and what was sent of it to Discord is taken back', async () => {
    using client = new RawClient(node.restPort);
    client.write(`${post} HTTP/1.1\r\n${own}Content-Length: 1000000\r\n\r\n{"content"`);
    await client.got('HTTP/1.1 408 ');
    await eventually(() => simulator.stats().rest.inFlight === 0);
    expect(simulator.rest.received.at(-1)?.body?.isComplete ?? false).toBe(false);
  });
});

it('gives a connection beyond the limit a 503', async () => {
  await using small = await startRest({ discord: simulator, env: { SHARDMUX_REST_MAX_CONNECTIONS: '2' } });
  using one = new RawClient(small.restPort);
  using two = new RawClient(small.restPort);
  await eventually(async () => (await small.metric('shardmux_rest_connections')) === 2);
  const { status, json } = await askRaw(small.restPort, '');
  expect([status, json['message']]).toEqual([503, 'shardmux: too many connections']);
  expect([one.isClosed, two.isClosed]).toEqual([false, false]);
});

it('is alive and well after all of it', async () => {
  const answer = await askRaw(
    node.restPort,
    `GET /api/v10/users/@me HTTP/1.1\r\n${own}Connection: close\r\n\r\n`,
  );
  expect(answer.status).toBe(200);
  expect(simulator.stats().violations).toEqual({});
  expect(node.logs().filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
});
