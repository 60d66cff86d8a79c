/** What workers are told where the limiter lets nothing go, and that Discord's limits are kept. */
import { describe, expect, it } from 'vitest';
import type { Simulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { type RestProcess, startRest } from '../../support/rest-node.ts';
import { smallSimulator } from '../simulator/peer.ts';

function send(
  node: RestProcess,
  simulator: Simulator,
  path: string,
  {
    method = 'POST',
    headers = {},
    signal,
  }: { method?: string; headers?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<Response> {
  return fetch(`${node.restUrl}/api/v10${path}`, {
    method,
    headers: {
      authorization: `Bot ${simulator.options.token}`,
      'content-type': 'application/json',
      ...headers,
    },
    ...(method === 'GET' ? {} : { body: '{"content":"hello"}' }),
    ...(signal ? { signal } : {}),
  });
}

function messages(simulator: Simulator): string {
  return `/channels/${simulator.rest.channelIds(0)[0]}/messages`;
}

const SLOW = { buckets: { 'create-message': { limit: 1, windowMs: 60_000 } } };

describe('a request that would wait too long', () => {
  it('gets a 429 at once, in the form that libraries heed', async () => {
    await using simulator = await smallSimulator({ rest: SLOW });
    await using node = await startRest({ discord: simulator });
    expect((await send(node, simulator, messages(simulator))).status).toBe(200);
    const answer = await send(node, simulator, messages(simulator), {
      headers: { 'x-shardmux-deadline-ms': '500' },
    });
    expect(answer.status).toBe(429);
    expect(answer.headers.get('via')).toBe('1.1 shardmux');
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('x-ratelimit-scope')).toBe('shared');
    const body = (await answer.json()) as { retry_after: number };
    expect(body).toEqual({
      message: 'shardmux: its turn would come after its deadline',
      retry_after: expect.any(Number),
      global: false,
      code: 0,
    });
    expect(body.retry_after).toBeGreaterThan(30);
    expect(Number(answer.headers.get('retry-after'))).toBe(Math.ceil(body.retry_after));
    expect(simulator.stats().rest.requests).toBe(1);
    expect(await node.metric('shardmux_rest_refused_total', { reason: 'deadline' })).toBe(1);
  });

  it('waits no longer than it says, where its turn was not known before', async () => {
    await using simulator = await smallSimulator();
    await using node = await startRest({ discord: simulator });
    simulator.inject({ kind: 'rest-latency', ms: 5_000, jitterMs: 0, skip: 0, count: 1 });
    const first = send(node, simulator, messages(simulator));
    await eventually(() => simulator.stats().rest.inFlight === 1);
    // One at a time goes to a bucket of which nothing is known.
    const answer = await send(node, simulator, messages(simulator), {
      headers: { 'x-shardmux-deadline-ms': '300' },
    });
    expect(answer.status).toBe(429);
    expect((await first).status).toBe(200);
  });
});

it('a full queue gives a 429, and who gives up makes room', async () => {
  await using simulator = await smallSimulator({ rest: SLOW });
  await using node = await startRest({
    discord: simulator,
    env: { SHARDMUX_REST_MAX_QUEUED_PER_BUCKET: '4', SHARDMUX_REST_DEADLINE_MS: '10m' },
  });
  const path = messages(simulator);
  expect((await send(node, simulator, path)).status).toBe(200);
  const leave = new AbortController();
  const waiting = [1, 2].map(() => send(node, simulator, path, { signal: leave.signal }).catch(() => 'left'));
  await eventually(async () => (await node.metric('shardmux_rest_queued')) === 2);
  const answer = await send(node, simulator, path);
  expect([answer.status, await answer.json()]).toMatchObject([
    429,
    { message: 'shardmux: too many requests wait for the same bucket', global: false },
  ]);
  leave.abort();
  expect(await Promise.all(waiting)).toEqual(['left', 'left']);
  await eventually(async () => (await node.metric('shardmux_rest_queued')) === 0);
  expect(simulator.stats().rest.requests).toBe(1);
});

it('a 429 of the global limit, which nobody has who sends alone, is told of once', async () => {
  await using simulator = await smallSimulator();
  await using node = await startRest({ discord: simulator });
  const fault = { kind: 'rest-429', scope: 'global', retryAfterMs: 10, skip: 0, count: 1 } as const;
  for (const _ of [1, 2]) {
    simulator.inject(fault);
    expect((await send(node, simulator, messages(simulator))).status).toBe(200);
  }
  expect(await node.metric('shardmux_rest_limited_total', { scope: 'global' })).toBe(2);
  expect(node.logs().filter(({ msg }) => /global limit is used up/.test(String(msg)))).toHaveLength(1);
});

it('a bot token that Discord refuses is used once; workers get a 503 that says so, not the 401', async () => {
  await using simulator = await smallSimulator();
  await using node = await startRest({
    discord: { url: simulator.url, options: { token: 'MTAwMDAwMDAwMDAwMDAwMDAw.old.token' } },
  });
  const ask = () =>
    fetch(`${node.restUrl}/api/v10/users/@me`, {
      headers: { authorization: 'Bot MTAwMDAwMDAwMDAwMDAwMDAw.old.token' },
    });
  for (const answer of [await ask(), await ask()]) {
    expect([answer.status, await answer.json()]).toEqual([
      503,
      { message: 'shardmux: Discord does not accept the bot token of this application', code: 0 },
    ]);
  }
  expect(simulator.stats().rest.statuses[401]).toBe(1);
  expect((await node.readyz()).status).toBe(503);
});

it('a webhook that does not exist is asked for once; then the same answer comes from here', async () => {
  await using simulator = await smallSimulator();
  await using node = await startRest({ discord: simulator });
  const before = simulator.stats().rest.requests;
  const path = '/webhooks/123456789012345678/c2VjcmV0';
  for (const via of ['1.1 google', '1.1 shardmux']) {
    const answer = await send(node, simulator, path, { headers: {} });
    expect([answer.status, answer.headers.get('via')]).toEqual([404, via]);
    expect(await answer.json()).toMatchObject({ code: 10_015 });
  }
  expect(simulator.stats().rest.requests - before).toBe(1);
});

async function sendToAll(node: RestProcess, simulator: Simulator, each: number): Promise<number[]> {
  const requests = simulator.rest
    .channelIds(0)
    .flatMap((channel) =>
      Array.from({ length: each }, () => send(node, simulator, `/channels/${channel}/messages`)),
    );
  return (await Promise.all(requests)).map(({ status }) => status);
}

describe('many requests at once', () => {
  it('go within the limits of their buckets, and none gets a 429', async () => {
    await using simulator = await smallSimulator({
      guilds: 10,
      rest: {
        globalLimit: 10_000,
        buckets: { 'create-message': { limit: 5, windowMs: 2_000 } },
        latencyMs: 10,
        jitterMs: 10,
      },
    });
    await using node = await startRest({ discord: simulator, env: { SHARDMUX_REST_GLOBAL_LIMIT: '10000' } });
    expect((await sendToAll(node, simulator, 9)).filter((status) => status !== 200)).toEqual([]);
    expect(simulator.stats().violations).toEqual({});
    expect(simulator.stats().rest.limited.user).toBe(0);
  });

  it('go within the global limit', async () => {
    // Below the simulator's own, so that a busy machine does not count as a fault: what was sent in time may be read late.
    await using simulator = await smallSimulator({ guilds: 40, rest: { globalLimit: 30 } });
    await using node = await startRest({ discord: simulator, env: { SHARDMUX_REST_GLOBAL_LIMIT: '20' } });
    expect((await sendToAll(node, simulator, 2)).filter((status) => status !== 200)).toEqual([]);
    expect(simulator.stats().rest.limited.global).toBe(0);
  });

  it('leave room for what the node itself asks Discord', async () => {
    await using simulator = await smallSimulator({ guilds: 10, rest: { globalLimit: 2 } });
    const env = { SHARDMUX_REST_GLOBAL_LIMIT: '2', SHARDMUX_DISCORD_SHARD_COUNT: 'auto' };
    await using node = await startRest({ discord: simulator, env });
    const channels = simulator.rest.channelIds(0).slice(0, 4);
    const answers = await Promise.all(
      channels.map((channel) => send(node, simulator, `/channels/${channel}/messages`)),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(simulator.stats().rest.routes).toMatchObject({ 'GET /gateway/bot': 1 });
    expect(simulator.stats().rest.limited.global).toBe(0);
  });
});
