/** What the person on call sees of a node that runs. */
import { describe, expect, it } from 'vitest';
import type { Simulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { type RestProcess, startRest } from '../../support/rest-node.ts';
import { smallSimulator } from '../simulator/peer.ts';

const ONE = 'one-worker-token-0123456789abcdef';
const TWO = 'two-worker-token-0123456789abcdef';

function startTwo(simulator: Simulator, env: Record<string, string> = {}): Promise<RestProcess> {
  return startRest({
    discord: simulator,
    env: { SHARDMUX_WORKERS_TOKENS: `one:${ONE},two:${TWO}`, SHARDMUX_REST_DEADLINE_MS: '10m', ...env },
  });
}

function post({ restUrl }: RestProcess, path: string, token?: string, signal?: AbortSignal): Promise<number> {
  return fetch(`${restUrl}/api/v10${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bot ${token}` }),
    },
    body: '{"content":"hello"}',
    ...(signal ? { signal } : {}),
  }).then(
    ({ status }) => status,
    () => 0,
  );
}

async function limits({ statusUrl }: RestProcess) {
  const text = await (await fetch(`${statusUrl}/limits`)).text();
  // The reason for the cast: it is looked at below.
  return { text, json: JSON.parse(text) as { applications: [{ buckets: unknown[] }] } };
}

describe('GET /limits on the status port', () => {
  it('tells which buckets have requests waiting, of whom, and until when', async () => {
    await using simulator = await smallSimulator({
      rest: { buckets: { 'create-message': { limit: 1, windowMs: 60_000 } } },
    });
    await using node = await startTwo(simulator);
    const [channel = ''] = simulator.rest.channelIds(0);
    const path = `/channels/${channel}/messages`;
    expect(await post(node, path, ONE)).toBe(200);
    const leave = new AbortController();
    const waiting = [ONE, ONE, TWO].map((token) => post(node, path, token, leave.signal));
    const application = await eventually(async () => {
      const { json } = await limits(node);
      expect(json.applications[0]).toMatchObject({ queued: 3 });
      return json.applications[0];
    });
    expect(application).toMatchObject({
      isTokenLocked: false,
      globalWaitMs: 0,
      accounts: [
        { account: 'one', queued: 2 },
        { account: 'two', queued: 1 },
      ],
      bucketsInUse: 1,
      buckets: [
        {
          routes: ['POST /channels/:channel/messages'],
          major: channel,
          queued: 3,
          inFlight: 0,
          limit: 1,
          remaining: 0,
          resetAfterMs: expect.any(Number),
          accounts: [
            { account: 'one', queued: 2 },
            { account: 'two', queued: 1 },
          ],
        },
      ],
    });
    leave.abort();
    await Promise.all(waiting);
    await eventually(async () => (await limits(node)).json.applications[0].buckets.length === 0);
  });

  it('tells who causes invalid requests, and what is locked', async () => {
    await using simulator = await smallSimulator();
    await using node = await startTwo(simulator, {
      SHARDMUX_REST_INVALID_REQUESTS_ALARM_AT: '1',
      SHARDMUX_REST_INVALID_REQUESTS_SHED_AT: '2',
    });
    simulator.inject({ kind: 'rest-status', status: 403, body: 'json', skip: 0, count: 2 });
    for (let n = 0; n < 2; n++) await post(node, '/users/@me/channels', TWO);
    expect(await post(node, '/webhooks/123456789012345678/c2VjcmV0', ONE)).toBe(404);
    expect((await limits(node)).json).toMatchObject({
      egress: {
        breaker: 'shedding',
        invalidRequests: 2,
        accounts: [{ account: 'two', invalid: 2, isRefused: true }],
      },
      applications: [{ lockedWebhooks: ['123456789012345678'] }],
    });
  });

  it('tells of the busiest only, and of no token', async () => {
    await using simulator = await smallSimulator({ guilds: 1 });
    await using node = await startTwo(simulator);
    simulator.inject({ kind: 'rest-latency', ms: 20_000, jitterMs: 0, skip: 0, count: 200 });
    const leave = new AbortController();
    const secret = 'aW50ZXJhY3Rpb246c2VjcmV0';
    const paths = [
      `/interactions/123456789012345678/${secret}/callback`,
      `/webhooks/123456789012345678/${secret}`,
      `/webhooks/123456789012345678/secretinlowercase/unheard-of`,
      ...Array.from({ length: 120 }, (_, n) => `/channels/${1_000 + n}/messages`),
    ];
    const requests = paths.map((path) => post(node, path, ONE, leave.signal));
    const { text } = await eventually(async () => {
      const seen = await limits(node);
      expect(seen.json.applications[0]).toMatchObject({ bucketsInUse: expect.any(Number) });
      expect(seen.json.applications[0].buckets.length).toBe(50);
      return seen;
    });
    expect(text.length).toBeLessThan(100_000);
    for (const token of [secret, 'secretinlowercase', ONE, TWO, simulator.options.token]) {
      expect(text).not.toContain(token);
    }
    leave.abort();
    await Promise.all(requests);
  });
});
