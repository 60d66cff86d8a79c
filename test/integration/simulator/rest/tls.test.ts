import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type ClientHttp2Session, connect } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { Simulator } from '../../../../src/simulator/index.ts';
import { makeCertificates } from '../../../support/redis-certificates.ts';
import { smallSimulator } from '../peer.ts';

describe('with a certificate', () => {
  let directory: string;
  let ca: string;
  let simulator: Simulator;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'simulator-tls-'));
    const made = await makeCertificates(directory);
    ca = made.ca;
    simulator = await smallSimulator({
      tls: { key: made.key, cert: made.cert },
      rest: { globalLimit: 10_000, buckets: { 'create-message': { windowMs: 3_600_000 } } },
    });
  });

  afterAll(async () => {
    await simulator[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  async function withHttp2<Outcome>(
    act: (session: ClientHttp2Session) => Promise<Outcome>,
  ): Promise<Outcome> {
    const session = connect(simulator.url, { ca });
    session.on('error', () => {});
    try {
      return await act(session);
    } finally {
      session.destroy();
    }
  }

  async function send(session: ClientHttp2Session, method: string, path: string, json?: unknown) {
    const stream = session.request({
      ':method': method,
      ':path': `/api/v10${path}`,
      authorization: `Bot ${simulator.options.token}`,
      'user-agent': 'test',
      'content-type': 'application/json',
    });
    let headers: Record<string, unknown> = {};
    stream.on('response', (each) => {
      headers = each;
    });
    let text = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    stream.on('error', () => {});
    if (json !== undefined) stream.end(JSON.stringify(json));
    await once(stream, 'close');
    return { headers, text };
  }

  test('it speaks HTTP/2, several requests at once on one connection', async () => {
    const channels = simulator.rest.channelIds(0);
    const answers = await withHttp2((session) =>
      Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          send(session, 'POST', `/channels/${channels[n % 2]}/messages`, { content: `${n}` }),
        ),
      ),
    );
    const statuses = answers.map(({ headers }) => headers[':status']);
    expect(statuses.filter((status) => status === 200)).toHaveLength(10);
    expect(statuses.filter((status) => status === 429)).toHaveLength(10);
    expect(answers.every(({ headers }) => headers['x-ratelimit-bucket'] !== undefined)).toBe(true);
    expect(simulator.rest.received.at(-1)?.httpVersion).toBe('2.0');
  });

  test('it resets HTTP/2 connections too', async () => {
    simulator.inject({ kind: 'rest-reset', when: 'after-read', route: 'GET /users/@me' });
    await withHttp2(async (session) => {
      const closed = once(session, 'close');
      expect((await send(session, 'GET', '/users/@me')).headers).toEqual({});
      await closed;
    });
    expect((await withHttp2((session) => send(session, 'GET', '/users/@me'))).headers[':status']).toBe(200);
  });

  test('it speaks HTTP/1.1 with whoever asks for that', async () => {
    const request = httpsRequest(`${simulator.url}/api/v10/gateway`, { ca, agent: false });
    request.end();
    const [response] = await once(request, 'response');
    expect([response.statusCode, response.httpVersion]).toEqual([200, '1.1']);
    let text = '';
    for await (const chunk of response) text += String(chunk);
    expect(JSON.parse(text)).toEqual({ url: simulator.gatewayUrl });
    expect(simulator.gatewayUrl).toMatch(/^wss:/);
  });

  test('its gateway is behind the same certificate', async () => {
    const socket = new WebSocket(`${simulator.gatewayUrl}/?v=10&encoding=json`, { ca });
    const [message] = await once(socket, 'message');
    expect(JSON.parse(String(message))).toMatchObject({ op: 10 });
    socket.terminate();
  });
});
