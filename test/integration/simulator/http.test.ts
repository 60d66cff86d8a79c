import { describe, expect, test } from 'vitest';
import type { Simulator } from '../../../src/simulator/index.ts';
import { readyPeer, smallSimulator } from './peer.ts';

async function get(simulator: Simulator, path: string, headers: Record<string, string> = {}) {
  const response = await fetch(simulator.url + path, { headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function post(simulator: Simulator, path: string, body: unknown) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(simulator.url + path, { method: 'POST', body: text });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('the HTTP side of the simulator', () => {
  test('gives the gateway with shards and session starts to who has the token', async () => {
    await using simulator = await smallSimulator({ shards: 3, maxConcurrency: 2 });
    const answer = await get(simulator, '/api/v10/gateway/bot', {
      authorization: `Bot ${simulator.options.token}`,
    });
    expect(answer).toMatchObject({
      status: 200,
      body: {
        url: simulator.gatewayUrl,
        shards: 3,
        session_start_limit: { total: 1000, remaining: 1000, max_concurrency: 2 },
      },
    });
    expect(await get(simulator, '/api/v9/gateway')).toEqual({
      status: 200,
      body: { url: simulator.gatewayUrl },
    });
  });

  test.each([
    {},
    { authorization: 'Bot wrong' },
    { authorization: 'MTAwMDAwMDAwMDAwMDAwMDAw.sim.token' },
  ])('answers 401 to %o', async (headers) => {
    await using simulator = await smallSimulator();
    expect((await get(simulator, '/api/v10/gateway/bot', headers as Record<string, string>)).status).toBe(
      401,
    );
  });

  test('fails as often as told', async () => {
    await using simulator = await smallSimulator();
    await post(simulator, '/simulator/inject', { kind: 'http-error', status: 502, count: 1 });
    const headers = { authorization: `Bot ${simulator.options.token}` };
    expect((await get(simulator, '/api/v10/gateway/bot', headers)).status).toBe(502);
    expect((await get(simulator, '/api/v10/gateway/bot', headers)).status).toBe(200);
  });

  test('dispatches, bursts, injects and tells the truth', async () => {
    await using simulator = await smallSimulator();
    using peer = await readyPeer(simulator);
    expect(await post(simulator, '/simulator/dispatch', { shard: 0, t: 'HELLO_THERE', d: { a: 1 } })).toEqual(
      {
        status: 200,
        body: { s: 4 },
      },
    );
    await post(simulator, '/simulator/burst', { shard: 0, count: 5 });
    await post(simulator, '/simulator/rate', { eventsPerSecond: 0 });
    await post(simulator, '/simulator/inject', { kind: 'disconnect', shard: 0, code: 4000 });
    expect(await peer.closed()).toBe(4000);
    expect((await get(simulator, '/simulator/stats')).body).toMatchObject({
      dispatched: 9,
      violationCount: 0,
    });
    const truth = await get(simulator, '/simulator/truth?shard=0');
    expect(truth.body).toEqual(JSON.parse(JSON.stringify(simulator.truth(0))));
  });

  test.each([
    ['/simulator/dispatch', '{', /not JSON/],
    ['/simulator/dispatch', { shard: 0, t: 'lower', d: {} }, /^t: /],
    ['/simulator/burst', { shard: 9, count: 1 }, /no shard 9/],
    ['/simulator/rate', { eventsPerSecond: -1 }, /^eventsPerSecond: /],
    ['/simulator/inject', { kind: 'nonsense' }, /^kind: /],
    ['/simulator/inject', { kind: 'silence', shard: 0, extra: 1 }, /extra/],
    ['/simulator/inject', { kind: 'silence', shard: 7 }, /no shard 7/],
  ])('refuses %s %o with 400 and the reason', async (path, body, reason) => {
    await using simulator = await smallSimulator();
    const answer = await post(simulator, path, body);
    expect(answer.status).toBe(400);
    expect(answer.body['error']).toMatch(reason);
  });

  test('answers 409 when a shard has no session to dispatch to', async () => {
    await using simulator = await smallSimulator();
    expect((await post(simulator, '/simulator/burst', { shard: 0, count: 1 })).status).toBe(409);
  });

  test('is refused when the port is taken', async () => {
    await using simulator = await smallSimulator();
    const port = Number(new URL(simulator.url).port);
    await expect(smallSimulator({ port })).rejects.toThrow(/EADDRINUSE/);
  });
});
