/** Where no token may be: answers of shardmux itself, logs, metrics, what is kept on disk, what the person on call sees. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stateDirectory } from '../../support/node.ts';
import { sendRaw } from '../../support/raw-http.ts';
import { startRest } from '../../support/rest-node.ts';
import { smallSimulator } from '../simulator/peer.ts';

const WORKER = 'worker-token-0123456789abcdef0123456789';
const WEBHOOK = 'd2ViaG9vay10b2tlbi1vZi1ub2JvZHk';
const LOWERCASE = 'webhooktokenofsmallletters';
const USER = 'dXNlci10b2tlbi1vZi1hZGE';
const WRONG = 'wrong-token-0123456789abcdef';

it('tokens are in none of them, whatever is asked', async () => {
  await using simulator = await smallSimulator();
  using directory = stateDirectory();
  await using node = await startRest({
    discord: simulator,
    directory: directory.path,
    env: { SHARDMUX_WORKERS_TOKENS: `production:${WORKER}`, SHARDMUX_LOGGING_LEVEL: 'trace' },
  });
  const { id, token } = simulator.rest.createInteraction(simulator.rest.channelIds(0)[0] ?? '');
  const secrets = [simulator.options.token, WORKER, WEBHOOK, LOWERCASE, USER, WRONG, token];
  const bodies: string[] = [];
  const ask = async (path: string, headers: string, version = 'HTTP/1.1') => {
    const request = `POST /api/v10${path} ${version}\r\nHost: x\r\n${headers}Connection: close\r\nContent-Length: 2\r\n\r\n{}`;
    const answer = (await sendRaw(node.restPort, request)).toString('latin1');
    if (answer.includes('1.1 shardmux')) bodies.push(answer);
  };
  const own = `Authorization: Bot ${WORKER}\r\n`;
  const paths = [
    `/interactions/${id}/${token}/callback`,
    `/interactions/${id}/${token}/callback`,
    `/webhooks/123456789012345678/${WEBHOOK}`,
    `/webhooks/123456789012345678/${WEBHOOK}`,
    `/webhooks/123456789012345678/${LOWERCASE}/unheard-of`,
    `/webhooks/123456789012345678/${WEBHOOK}/../x`,
    `/webhooks//${WEBHOOK}`,
  ];
  for (const path of paths) await ask(path, own);
  await ask('/users/@me', `Authorization: Bot ${WRONG}\r\n`);
  await ask('/users/@me', `Authorization: Bearer ${USER}\r\n`);
  await ask('/users/@me', `${own.replace('Auth', 'X-Shardmux-Auth')}Authorization: Bearer ${USER}\r\n`);
  await ask('/users/@me', `${own}${own}`);
  await ask('/users/@me', `${own}X-Shardmux-Priority: ${USER}\r\nX-Shardmux-Deadline-Ms: ${USER}\r\n`);
  await ask(`/webhooks/1/${WEBHOOK}`, own, 'HTTP/2.0');
  await ask(`/webhooks/1/${WEBHOOK} x`, own);
  await ask('/users/@me', `${own}${USER}\r\n`);
  expect(bodies.length).toBeGreaterThan(8);
  const shown = await (await fetch(`${node.statusUrl}/limits`)).text();
  const metrics = await node.metrics();
  expect(await node.stop()).toBe(0);
  const kept = await readFile(join(directory.path, 'limits.json'), 'utf8');
  expect(kept).toContain('123456789012345678');
  const places = {
    bodies: bodies.join(),
    shown,
    metrics,
    kept,
    logs: JSON.stringify(node.logs()),
    said: node.stderr,
  };
  for (const [place, text] of Object.entries(places)) {
    expect([place, secrets.filter((secret) => text.includes(secret))]).toEqual([place, []]);
  }
});

it('metrics have no more series for many channels, webhooks and paths that nobody knows', async () => {
  await using simulator = await smallSimulator();
  await using node = await startRest({
    discord: simulator,
    env: { SHARDMUX_WORKERS_TOKENS: `production:${WORKER}`, SHARDMUX_REST_GLOBAL_LIMIT: '10000' },
  });
  const askAll = async (from: number) => {
    const paths = Array.from({ length: 40 }, (_, n) => from + n).flatMap((n) => [
      `/channels/${n}/messages`,
      `/webhooks/${n}/token-${n}`,
      `/word${n}/of-${n}`,
      `/guilds/${n}/word${n}`,
    ]);
    const headers = { authorization: `Bot ${WORKER}` };
    await Promise.all(
      paths.map(async (path) => (await fetch(`${node.restUrl}/api/v10${path}`, { headers })).arrayBuffer()),
    );
    return (await node.metrics()).split('\n').filter((line) => line.startsWith('shardmux_rest_')).length;
  };
  const first = await askAll(1_000);
  expect(await askAll(2_000)).toBe(first);
});
