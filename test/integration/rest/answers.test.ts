/** What a worker gets of Discord's answer. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { askRaw, parseAnswer, RawClient, ScriptedApi } from '../../support/raw-http.ts';
import { startRest } from '../../support/rest-node.ts';
import { smallSimulator } from '../simulator/peer.ts';
import { RestClient } from '../simulator/rest/client.ts';

/** Answers each request with these bytes. */
function answering(bytes: string | Buffer, close = false): Promise<ScriptedApi> {
  return ScriptedApi.start(({ socket, text }) => {
    if (!text.endsWith('\r\n\r\n')) return;
    if (close) socket.end(bytes);
    else socket.write(bytes);
  });
}

async function answerTo(api: ScriptedApi, target = '/api/v10/channels/1') {
  await using node = await startRest({ discord: api });
  return await askRaw(
    node.restPort,
    `GET ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bot ${api.options.token}\r\nConnection: close\r\n\r\n`,
  );
}

const OWN = /^(connection|keep-alive):/i;

describe('an answer', () => {
  it('keeps its status line, and its headers in spelling, order and bytes', async () => {
    const body = gzipSync('{"compressed":true}');
    const headers = [
      'Date: Thu, 01 Jan 1970 00:00:00 GMT',
      'Content-TYPE: application/json',
      'Content-Encoding: gzip',
      'Set-Cookie: a=1; path=/',
      'set-cookie: b=2',
      'X-RateLimit-Bucket: abc',
      'X-Odd: caf\u00e9',
      'Via: 1.1 google',
      `Content-Length: ${body.length}`,
    ];
    const head = `HTTP/1.1 200 Fine\r\n${headers.join('\r\n')}\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nAlt-Svc: h3=":443"\r\n\r\n`;
    await using api = await answering(Buffer.concat([Buffer.from(head, 'latin1'), body]));
    const answer = await answerTo(api);
    expect(answer.lines.filter((line) => !OWN.test(line))).toEqual(headers);
    expect(answer.body).toEqual(body);
  });

  it.each([
    ['204 No Content', 'HTTP/1.1 204 No Content\r\nVia: 1.1 google\r\n\r\n', ''],
    ['304 Not Modified', 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n', ''],
    [
      'a redirect, which is not followed',
      'HTTP/1.1 302 Found\r\nLocation: http://evil/\r\nContent-Length: 2\r\n\r\nno',
      'no',
    ],
    [
      'a page of Cloudflare',
      'HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>',
      '<html>',
    ],
    ['a 500 without a body', 'HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n', ''],
    [
      'a 404',
      'HTTP/1.1 404 Not Found\r\nVia: 1.1 google\r\nContent-Length: 13\r\n\r\n{"code":10008}',
      '{"code":10008',
    ],
  ])('passes as it is: %s', async (name, bytes, body) => {
    await using api = await answering(bytes);
    const answer = await answerTo(api);
    expect([answer.status, answer.body.toString()]).toEqual([
      Number(/\d+/.exec(bytes.split(' ')[1] ?? '')?.[0]),
      body,
    ]);
    expect(name).not.toBe('');
  });

  it('of unknown length comes in chunks, and to its end', async () => {
    await using api = await answering(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
    );
    const answer = await answerTo(api);
    expect(answer.lines).toContain('Transfer-Encoding: chunked');
    expect(
      answer.body
        .toString()
        .replace(/\r\n[0-9a-f]*|^[0-9a-f]+\r\n/g, '')
        .replace(/0$/, ''),
    ).toContain('abc');
    expect(answer.body.toString()).toMatch(/0\r\n\r\n$/);
  });
});

describe('when Discord goes away', () => {
  it('in the midst of an answer with a length, the connection is cut short of it', async () => {
    await using api = await answering('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc', true);
    const answer = await answerTo(api);
    expect(answer.lines).toContain('Content-Length: 10');
    expect(answer.body.length).toBeLessThan(10);
  });

  it('in the midst of chunks, the last one never comes', async () => {
    await using api = await answering(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
      true,
    );
    const answer = await answerTo(api);
    expect(answer.body.toString()).not.toMatch(/0\r\n\r\n$/);
  });

  it('by a reset in the midst of an answer, the worker sees a connection that broke', async () => {
    await using simulator = await smallSimulator();
    await using node = await startRest({ discord: simulator });
    simulator.inject({ kind: 'rest-reset', when: 'mid-response', skip: 0, count: 1 });
    const answer = await answerOf(node.restUrl, simulator.options.token);
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow();
    expect(await node.metric('shardmux_rest_failed_total', { reason: 'cut' })).toBe(1);
  });

  it('in the midst of an answer that others come before, the connection breaks all the same', async () => {
    await using api = await ScriptedApi.start(({ socket, text }) => {
      if (text.includes('/channels/2')) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc');
    });
    await using node = await startRest({ discord: api });
    using worker = new RawClient(node.restPort);
    const get = (channel: number) =>
      `GET /api/v10/channels/${channel} HTTP/1.1\r\nHost: x\r\nAuthorization: Bot ${api.options.token}\r\n\r\n`;
    worker.write(get(1));
    await eventually(() => api.text.includes('/channels/1'));
    worker.write(get(2));
    await worker.closed();
  });

  it('before an answer, a POST gets a 502 and is not sent again', async () => {
    await using simulator = await smallSimulator();
    await using node = await startRest({ discord: simulator });
    const client = new RestClient(simulator);
    simulator.inject({ kind: 'rest-reset', when: 'after-read', skip: 0, count: 1 });
    const answer = await fetch(`${node.restUrl}/api/v10/channels/${client.channel}/messages`, {
      method: 'POST',
      headers: { authorization: `Bot ${simulator.options.token}`, 'content-type': 'application/json' },
      body: '{"content":"once"}',
    });
    expect([answer.status, await answer.json()]).toEqual([
      502,
      { message: expect.stringContaining('may have been executed'), code: 0 },
    ]);
    expect(answer.headers.get('via')).toBe('1.1 shardmux');
    expect(simulator.stats().rest.routes['POST /channels/:channel/messages']).toBe(1);
  });

  it.each(['GET', 'PUT', 'DELETE'])('before an answer, a %s is sent once more', async (method) => {
    let requests = 0;
    await using api = await ScriptedApi.start(({ socket, text }) => {
      if (!text.includes('\r\n\r\n')) return;
      requests++;
      if (requests === 1) socket.resetAndDestroy();
      else socket.write('HTTP/1.1 204 No Content\r\nVia: 1.1 google\r\n\r\n');
    });
    await using node = await startRest({ discord: api });
    const answer = await fetch(`${node.restUrl}/api/v10/guilds/1/bans/2`, {
      method,
      headers: { authorization: `Bot ${api.options.token}` },
    });
    expect([answer.status, requests]).toEqual([204, 2]);
    expect(await node.metric('shardmux_rest_resent_total')).toBe(1);
  });

  it('before each answer, a GET is sent twice and no more', async () => {
    let requests = 0;
    await using api = await ScriptedApi.start(({ socket }) => {
      requests++;
      socket.resetAndDestroy();
    });
    await using node = await startRest({ discord: api });
    const answer = await answerOf(node.restUrl, api.options.token);
    expect([answer.status, requests]).toEqual([502, 2]);
  });

  it('altogether, requests get a 502, and the log says so once each way', async () => {
    await using simulator = await smallSimulator();
    await using node = await startRest({
      discord: { url: 'http://127.0.0.1:1', options: simulator.options },
    });
    for (let n = 0; n < 3; n++) {
      const answer = await answerOf(node.restUrl, simulator.options.token);
      expect([answer.status, await answer.json()]).toEqual([
        502,
        { message: 'shardmux: Discord could not be reached', code: 0 },
      ]);
    }
    expect(node.logs().filter(({ level }) => level === 'warn')).toHaveLength(1);
    expect(await node.metric('shardmux_rest_discord_reachable')).toBe(0);
  });

  it('silently, requests get a 504', async () => {
    await using api = await ScriptedApi.start(() => undefined);
    await using node = await startRest({ discord: api, env: { SHARDMUX_REST_UPSTREAM_TIMEOUT_MS: '300' } });
    expect((await answerOf(node.restUrl, api.options.token)).status).toBe(504);
  });
});

function answerOf(restUrl: string, token: string): Promise<Response> {
  return fetch(`${restUrl}/api/v10/users/@me`, { headers: { authorization: `Bot ${token}` } });
}

describe('an answer flows', () => {
  it('as it comes: the worker has the head and the first of the body before the rest is there', async () => {
    let open: { socket: { write(text: string): unknown } } | undefined;
    await using api = await ScriptedApi.start((connection) => {
      open = connection;
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n');
    });
    await using node = await startRest({ discord: api });
    using client = new RawClient(node.restPort);
    client.write(
      `GET /api/v10/channels/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bot ${api.options.token}\r\n\r\n`,
    );
    await client.got('\r\n\r\n');
    open?.socket.write('abc');
    await client.got('\r\n\r\nabc');
    open?.socket.write('def');
    await client.got('\r\n\r\nabcdef');
  });

  it('no faster than the worker reads, and ends when that reads nothing for too long', async () => {
    const megabyte = Buffer.alloc(1024 * 1024, 'x');
    let written = 0;
    await using api = await ScriptedApi.start(({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      const more = () => {
        while (written < 200 && !socket.destroyed) {
          written++;
          socket.write('100000\r\n');
          socket.write(megabyte);
          if (!socket.write('\r\n')) return socket.once('drain', more);
        }
        return undefined;
      };
      more();
    });
    await using node = await startRest({ discord: api, env: { SHARDMUX_REST_STALL_TIMEOUT_MS: '1s' } });
    using client = new RawClient(node.restPort);
    client.socket.pause();
    client.write(
      `GET /api/v10/channels/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bot ${api.options.token}\r\n\r\n`,
    );
    await eventually(() => api.connections.length === 1 && api.connections[0]?.isClosed, 10_000);
    // What the sockets between hold, and no more.
    expect(written).toBeLessThan(100);
    expect(await node.metric('shardmux_rest_failed_total', { reason: 'worker-stalled' })).toBe(1);
  });
});

it('answers to one connection come in the order of its requests', async () => {
  await using simulator = await smallSimulator();
  await using node = await startRest({ discord: simulator });
  simulator.inject({ kind: 'rest-latency', ms: 200, jitterMs: 0, skip: 0, count: 1 });
  const own = `Host: x\r\nAuthorization: Bot ${simulator.options.token}\r\n`;
  using client = new RawClient(node.restPort);
  client.write(
    `GET /api/v10/users/@me HTTP/1.1\r\n${own}\r\nGET /api/v10/gateway HTTP/1.1\r\n${own}Connection: close\r\n\r\n`,
  );
  await client.closed();
  expect(parseAnswer(Buffer.from(client.received)).body.toString()).toMatch(
    /"username"[\s\S]*HTTP\/1\.1 200[\s\S]*"url"/,
  );
});
