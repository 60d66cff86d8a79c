/** A process from start to end: what it keeps, how it ends, and what it never tells. */
import { describe, expect, it } from 'vitest';
import type { Simulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { stateDirectory } from '../../support/node.ts';
import { type RestProcess, startRest } from '../../support/rest-node.ts';
import { smallSimulator } from '../simulator/peer.ts';

function send(
  node: RestProcess,
  simulator: Simulator,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${node.restUrl}/api/v10/channels/${simulator.rest.channelIds(0)[0]}/messages`, {
    method: 'POST',
    headers: {
      authorization: `Bot ${simulator.options.token}`,
      'content-type': 'application/json',
      ...headers,
    },
    body: '{"content":"hello"}',
  });
}

const SLOW = { buckets: { 'create-message': { limit: 2, windowMs: 120_000, kind: 'fixed' } } } as const;

describe('SIGTERM', () => {
  it('ends a process that does nothing at once, with 0', async () => {
    await using simulator = await smallSimulator();
    await using node = await startRest({ discord: simulator });
    expect(await node.stop()).toBe(0);
  });

  it('lets what is in flight end; nobody is connected any more, and /readyz says so', async () => {
    await using simulator = await smallSimulator();
    await using node = await startRest({ discord: simulator });
    simulator.inject({ kind: 'rest-latency', ms: 1_500, jitterMs: 0, skip: 0, count: 1 });
    const answer = send(node, simulator);
    await eventually(() => simulator.stats().rest.inFlight === 1);
    const stopped = node.stop();
    await node.logged('draining');
    expect((await node.readyz()).status).toBe(503);
    await expect(send(node, simulator)).rejects.toThrow();
    const { status, headers } = await answer;
    expect([status, headers.get('connection')]).toEqual([200, 'close']);
    expect(await stopped).toBe(0);
  });

  it('is said to a balancer that looks at /healthz, before the port is closed', async () => {
    await using simulator = await smallSimulator();
    await using node = await startRest({ discord: simulator });
    const health = () => fetch(`${node.restUrl}/healthz`);
    expect((await health()).status).toBe(200);
    const stopped = node.stop();
    await node.logged('draining');
    const told = await health();
    expect([told.status, await told.json()]).toEqual([503, { status: 'draining' }]);
    const { status, headers } = await send(node, simulator);
    expect([status, headers.get('connection')]).toEqual([200, 'close']);
    expect(await stopped).toBe(0);
    await expect(health()).rejects.toThrow();
  });

  it('gives those that wait a 503 when the time for it is over', async () => {
    await using simulator = await smallSimulator({ rest: SLOW });
    await using node = await startRest({
      discord: simulator,
      env: { SHARDMUX_REST_DRAIN_TIMEOUT_MS: '200', SHARDMUX_REST_DEADLINE_MS: '10m' },
    });
    await send(node, simulator);
    await send(node, simulator);
    const waiting = send(node, simulator);
    await eventually(async () => (await node.metric('shardmux_rest_queued')) === 1);
    const stopped = node.stop();
    const answer = await waiting;
    expect([answer.status, answer.headers.get('retry-after'), await answer.json()]).toEqual([
      503,
      '1',
      { message: 'shardmux: it is being restarted', code: 0 },
    ]);
    expect(await stopped).toBe(0);
  });
});

describe('a restart', () => {
  it('does not forget how far a limit is used', async () => {
    await using simulator = await smallSimulator({ rest: SLOW });
    using directory = stateDirectory();
    const options = { discord: simulator, directory: directory.path };
    await using first = await startRest(options);
    expect([(await send(first, simulator)).status, (await send(first, simulator)).status]).toEqual([
      200, 200,
    ]);
    expect(await first.stop()).toBe(0);
    await using second = await startRest(options);
    const answer = await send(second, simulator, { 'x-shardmux-deadline-ms': '1000' });
    expect([answer.status, answer.headers.get('via')]).toEqual([429, '1.1 shardmux']);
    expect(simulator.stats().rest.limited.user).toBe(0);
  });

  it('goes on without what it kept, where that can not be read', async () => {
    await using simulator = await smallSimulator();
    using directory = stateDirectory();
    const { writeFile } = await import('node:fs/promises');
    await writeFile(`${directory.path}/limits.json`, '{"egress":{"invalid":{"slots":[[');
    await using node = await startRest({ discord: simulator, directory: directory.path });
    expect((await send(node, simulator)).status).toBe(200);
    expect(node.logs().filter(({ level }) => level === 'warn')).toHaveLength(1);
  });
});

describe('where it can not start', () => {
  it('it says which setting to change', async () => {
    await using simulator = await smallSimulator();
    await using node = await startRest({ discord: simulator });
    const port = String(node.restPort);
    await expect(startRest({ discord: simulator, env: { SHARDMUX_REST_PORT: port } })).rejects.toThrow(
      /rest\.port \(SHARDMUX_REST_PORT\)/,
    );
    await expect(
      startRest({ discord: simulator, env: { SHARDMUX_DISCORD_TLS_CA_FILE: '/does/not/exist' } }),
    ).rejects.toThrow(/discord\.tlsCaFile \(SHARDMUX_DISCORD_TLS_CA_FILE\)/);
    await expect(
      startRest({ discord: simulator, env: { SHARDMUX_DISCORD_TLS_CA_FILE: '/dev/null' } }),
    ).rejects.toThrow(/no certificate in \/dev\/null/);
    const statusPort = new URL(node.statusUrl).port;
    await expect(
      startRest({ discord: simulator, env: { SHARDMUX_REST_STATUS_PORT: statusPort } }),
    ).rejects.toThrow(/rest\.statusPort \(SHARDMUX_REST_STATUS_PORT\)/);
  });
});

it('no token is in its logs or metrics, whatever happens', async () => {
  await using simulator = await smallSimulator();
  const workerToken = 'worker-token-0123456789abcdef0123456789';
  await using node = await startRest({
    discord: simulator,
    env: { SHARDMUX_WORKERS_TOKENS: `production:${workerToken}`, SHARDMUX_LOGGING_LEVEL: 'trace' },
  });
  const { id, token } = simulator.rest.createInteraction(simulator.rest.channelIds(0)[0] ?? '');
  const webhookToken = 'd2ViaG9vay10b2tlbi1vZi1ub2JvZHk';
  const ask = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${node.restUrl}/api/v10${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: '{"type":4,"data":{"content":"x"}}',
    }).then((answer) => answer.status, String);
  const paths = [`/interactions/${id}/${token}/callback`, `/webhooks/123456789012345678/${webhookToken}`];
  for (const path of paths) await ask(path, { authorization: `Bot ${workerToken}` });
  for (const kind of ['after-read', 'mid-response', 'before-read'] as const) {
    for (const path of paths) {
      simulator.inject({ kind: 'rest-reset', when: kind, skip: 0, count: 1 });
      await ask(path);
    }
  }
  await ask('/users/@me', { authorization: `Bot ${webhookToken}` });
  await ask(`/webhooks/../${webhookToken}`);
  await simulator[Symbol.asyncDispose]();
  for (const path of paths) await ask(path);
  const told = `${JSON.stringify(node.logs())}${node.stderr}${await node.metrics()}`;
  expect(told).toContain('/interactions/:interaction/:token/callback');
  for (const secret of [token, webhookToken, workerToken, simulator.options.token]) {
    expect(told.includes(secret)).toBe(false);
  }
});

it('metrics tell of requests by method, route and status', async () => {
  await using simulator = await smallSimulator();
  await using node = await startRest({ discord: simulator });
  await send(node, simulator);
  await fetch(`${node.restUrl}/elsewhere`);
  const count = (labels: Record<string, string>) => node.metric('shardmux_rest_requests_total', labels);
  expect(await count({ method: 'POST', route: '/channels/:channel/messages', status: '2xx' })).toBe(1);
  expect(await count({ route: '-', status: '4xx' })).toBe(1);
  expect(await node.metric('shardmux_rest_queue_seconds_count')).toBe(1);
  expect(await node.metric('shardmux_rest_upstream_seconds_count')).toBe(1);
  expect(await node.metric('shardmux_rest_buckets')).toBeGreaterThan(0);
  expect(await node.metric('shardmux_rest_upstream_connections')).toBe(1);
});
