/** The way to Discord: TLS, HTTP/2, and one address as the only way out. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Simulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { RawClient, ScriptedApi } from '../../support/raw-http.ts';
import { makeCertificates } from '../../support/redis-certificates.ts';
import { type RestProcess, startRest } from '../../support/rest-node.ts';
import { smallSimulator } from '../simulator/peer.ts';

function ask(
  node: RestProcess,
  simulator: { options: { token: string } },
  path = '/users/@me',
): Promise<Response> {
  return fetch(`${node.restUrl}/api/v10${path}`, {
    headers: { authorization: `Bot ${simulator.options.token}` },
  });
}

describe('with TLS', () => {
  let directory: string;
  let simulator: Simulator;
  let env: Record<string, string>;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'rest-tls-'));
    const { key, cert } = await makeCertificates(directory);
    simulator = await smallSimulator({ tls: { key, cert }, guilds: 30 });
    env = { SHARDMUX_DISCORD_TLS_CA_FILE: join(directory, 'ca.pem') };
  });

  afterAll(async () => {
    await simulator[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  it('a certificate that nobody vouches for is not accepted', async () => {
    await using node = await startRest({ discord: simulator });
    expect((await ask(node, simulator)).status).toBe(502);
    const { reason } = await node.logged('Discord can not be reached; requests are answered with 502 or 503');
    expect(reason).toMatch(/certificate/);
  });

  it.each([
    ['http1', '1.1'],
    ['http2', '2.0'],
  ])('%s is spoken where it is configured', async (configured, spoken) => {
    await using node = await startRest({
      discord: simulator,
      env: { ...env, SHARDMUX_REST_PROTOCOL: configured },
    });
    const answer = await ask(node, simulator);
    expect([answer.status, await answer.json()]).toMatchObject([200, { bot: true }]);
    expect(answer.headers.get('via')).toBe('1.1 google');
    expect(simulator.rest.received.at(-1)?.httpVersion).toBe(spoken);
    expect(simulator.stats().violations).toEqual({});
  });

  it('over HTTP/2 bodies flow both ways, several at once', async () => {
    await using node = await startRest({
      discord: simulator,
      env: { ...env, SHARDMUX_REST_PROTOCOL: 'http2' },
    });
    const size = 3 * 1024 * 1024;
    const answers = await Promise.all(
      simulator.rest
        .channelIds(0)
        .slice(0, 5)
        .map(async (channel) => {
          const form = new FormData();
          form.set('files[0]', new Blob([Buffer.alloc(size, channel)]), 'f.bin');
          const answer = await fetch(`${node.restUrl}/api/v10/channels/${channel}/messages`, {
            method: 'POST',
            headers: { authorization: `Bot ${simulator.options.token}` },
            body: form,
          });
          return answer.json();
        }),
    );
    expect(answers.map((answer) => (answer as { attachments: unknown }).attachments)).toMatchObject(
      Array(5).fill([{ size }]),
    );
  });

  it('over HTTP/2 a worker that goes away takes back its request and no other', async () => {
    await using node = await startRest({
      discord: simulator,
      env: { ...env, SHARDMUX_REST_PROTOCOL: 'http2' },
    });
    simulator.inject({ kind: 'rest-latency', ms: 2_000, jitterMs: 0, skip: 0, count: 2 });
    let isAnswered = false;
    const stays = ask(node, simulator).finally(() => {
      isAnswered = true;
    });
    const client = new RawClient(node.restPort);
    client.write(
      `GET /api/v10/guilds/${simulator.guildIds(0)[0]} HTTP/1.1\r\nHost: x\r\nAuthorization: Bot ${simulator.options.token}\r\n\r\n`,
    );
    await eventually(() => simulator.stats().rest.inFlight === 2);
    client[Symbol.dispose]();
    await eventually(() => simulator.stats().rest.inFlight === 1);
    expect(isAnswered).toBe(false);
    expect((await stays).status).toBe(200);
  });

  it('over HTTP/2 an answer that breaks off cuts the connection of its worker', async () => {
    await using node = await startRest({
      discord: simulator,
      env: { ...env, SHARDMUX_REST_PROTOCOL: 'http2' },
    });
    simulator.inject({ kind: 'rest-reset', when: 'mid-response', skip: 0, count: 1 });
    const answer = await ask(node, simulator);
    await expect(answer.text()).rejects.toThrow();
  });
});

it('with discord.egressUrl everything goes there, under the name of Discord', async () => {
  await using egress = await ScriptedApi.start(({ socket, text }) => {
    if (text.endsWith('\r\n\r\n')) socket.write('HTTP/1.1 204 No Content\r\nVia: 1.1 google\r\n\r\n');
  });
  await using node = await startRest({
    discord: { url: 'https://discord.invalid', options: egress.options },
    env: { SHARDMUX_DISCORD_EGRESS_URL: egress.url },
  });
  expect((await ask(node, egress)).status).toBe(204);
  expect(egress.text).toMatch(/^GET \/api\/v10\/users\/@me HTTP\/1\.1\r\nhost: discord\.invalid\r\n/);
});
