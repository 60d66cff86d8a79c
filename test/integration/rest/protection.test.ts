/** The address is kept from a ban: who causes invalid requests is stopped before Discord stops everybody. */
import { describe, expect, it } from 'vitest';
import type { Simulator } from '../../../src/simulator/index.ts';
import { type RestProcess, startRest } from '../../support/rest-node.ts';
import { smallSimulator } from '../simulator/peer.ts';

const GOOD = 'good-worker-token-0123456789abcdef';
const BAD = 'bad-worker-token-0123456789abcdef';

/** With thresholds that a test can reach. */
function startGuarded(simulator: Simulator): Promise<RestProcess> {
  return startRest({
    discord: simulator,
    env: {
      SHARDMUX_WORKERS_TOKENS: `good:${GOOD},bad:${BAD}`,
      SHARDMUX_REST_INVALID_REQUESTS_ALARM_AT: '4',
      SHARDMUX_REST_INVALID_REQUESTS_SHED_AT: '8',
      SHARDMUX_REST_INVALID_REQUESTS_STOP_AT: '40',
    },
  });
}

function ask({ restUrl }: RestProcess, token: string, path = '/users/@me'): Promise<Response> {
  return fetch(`${restUrl}/api/v10${path}`, { headers: { authorization: `Bot ${token}` } });
}

describe('invalid requests', () => {
  it('raise an alarm, then stop the worker token that causes them and no other', async () => {
    await using simulator = await smallSimulator();
    await using node = await startGuarded(simulator);
    simulator.inject({ kind: 'rest-status', status: 403, body: 'json', skip: 0, count: 8 });
    for (let n = 0; n < 8; n++) expect((await ask(node, BAD)).status).toBe(403);
    const refused = await ask(node, BAD);
    expect([refused.status, refused.headers.get('via'), await refused.json()]).toEqual([
      429,
      '1.1 shardmux',
      {
        message: expect.stringContaining('too many invalid requests (401, 403, 429) of this worker token'),
        retry_after: expect.any(Number),
        global: false,
        code: 0,
      },
    ]);
    expect((await ask(node, GOOD)).status).toBe(200);
    expect(
      node.logs().flatMap(({ level, breaker }) => (breaker === undefined ? [] : [[level, breaker]])),
    ).toEqual([
      ['error', 'alarm'],
      ['error', 'shedding'],
    ]);
    expect(await node.metric('shardmux_rest_invalid_requests')).toBe(8);
  });

  it('are not those that shardmux itself answers: wrong worker tokens, wrong paths', async () => {
    await using simulator = await smallSimulator();
    await using node = await startGuarded(simulator);
    const before = simulator.stats().rest.requests;
    const statuses = await Promise.all(
      Array.from({ length: 200 }, (_, n) => ask(node, `wrong-token-${n}`).then(({ status }) => status)),
    );
    expect(new Set(statuses)).toEqual(new Set([401]));
    expect(simulator.stats().rest.requests).toBe(before);
    expect(await node.metric('shardmux_rest_invalid_requests')).toBe(0);
    expect((await ask(node, GOOD)).status).toBe(200);
  });
});
