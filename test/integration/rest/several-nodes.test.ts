/** Several `shardmux rest` processes that know the same Redis: Discord's limits are kept over all of them, whatever happens to one. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Simulator } from '../../../src/simulator/index.ts';
import type { RestOptions } from '../../../src/simulator/rest/options.ts';
import { eventually } from '../../support/eventually.ts';
import { type RedisServer, startRedis } from '../../support/redis.ts';
import { type RestProcess, startRest } from '../../support/rest-node.ts';
import { smallSimulator } from '../simulator/peer.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

let running: AsyncDisposableStack;
beforeEach(async () => {
  running = new AsyncDisposableStack();
  await redis.command('FLUSHALL');
});
afterEach(() => running.disposeAsync());

interface Deployment {
  readonly simulator: Simulator;
  startNode(env?: Readonly<Record<string, string>>): Promise<RestProcess>;
  /** Sends a message to a channel of that number, through that node; gives the status. */
  send(node: RestProcess, channel: number): Promise<number>;
}

/** `globalLimit`: of the nodes; the simulator has some more, so that a busy machine does not count as a fault. */
async function deploy(globalLimit: number, rest: RestOptions): Promise<Deployment> {
  const simulator = running.use(await smallSimulator({ guilds: 40, rest: { latencyMs: 5, ...rest } }));
  const channels = simulator.rest.channelIds(0);
  return {
    simulator,
    async startNode(env) {
      return running.use(
        await startRest({
          discord: simulator,
          env: {
            SHARDMUX_REDIS_HOSTS: `${redis.host}:${redis.port}`,
            SHARDMUX_CLUSTER_SECRET: 's'.repeat(32),
            SHARDMUX_REST_GLOBAL_LIMIT: String(globalLimit),
            SHARDMUX_REST_DEADLINE_MS: '30s',
            ...env,
          },
        }),
      );
    },
    async send(node, channel) {
      const answer = await fetch(`${node.restUrl}/api/v10/channels/${channels[channel]}/messages`, {
        method: 'POST',
        headers: { authorization: `Bot ${simulator.options.token}`, 'content-type': 'application/json' },
        body: '{"content":"hello"}',
      });
      await answer.text();
      return answer.status;
    },
  };
}

/** How many places of the application's global limit a node has. */
async function places(node: RestProcess): Promise<number> {
  return (await node.metric('shardmux_rest_share_places', { scope: 'application' })) ?? 0;
}

async function untilAlone(nodes: readonly RestProcess[], isAlone: 0 | 1): Promise<void> {
  const alone = (node: RestProcess) => node.metric('shardmux_rest_share_alone', { scope: 'application' });
  for (const node of nodes) await eventually(async () => (await alone(node)) === isAlone, 10_000);
}

/** The statuses of what was asked, each once. */
async function statuses(requests: readonly Promise<number>[]): Promise<number[]> {
  return [...new Set(await Promise.all(requests))];
}

const times = <Item>(count: number, make: (at: number) => Item) =>
  Array.from({ length: count }, (_, at) => make(at));

describe('the global limit', () => {
  it('is kept by all nodes together', async () => {
    const { simulator, startNode, send } = await deploy(20, { globalLimit: 30 });
    const nodes = await Promise.all([startNode(), startNode()]);
    const requests = nodes.flatMap((node, at) => times(20, (n) => send(node, at * 20 + n)));
    expect(await statuses(requests)).toEqual([200]);
    expect(simulator.stats().rest.limited.global).toBe(0);
    expect(simulator.stats().violations).toEqual({});
  });

  it('goes to where it is needed', async () => {
    const { startNode, send } = await deploy(20, { globalLimit: 30 });
    const [busy, idle] = await Promise.all([startNode(), startNode()]);
    await eventually(async () => (await places(busy)) === 10 && (await places(idle)) === 10);
    const requests = times(40, (n) => send(busy, n % 20));
    await eventually(async () => (await places(busy)) > 15);
    expect(await statuses(requests)).toEqual([200]);
  });

  it("of a node that is killed is the others' after a lease", async () => {
    const { simulator, startNode, send } = await deploy(20, { globalLimit: 30 });
    const [left, killed] = await Promise.all([startNode(), startNode()]);
    await eventually(async () => (await places(left)) === 10);
    const doomed = times(20, (n) => send(killed, 20 + n).catch(() => 0));
    const requests = times(50, (n) => send(left, n % 20));
    await eventually(() => simulator.stats().rest.requests > 25);
    await killed.kill();
    await eventually(async () => (await places(left)) === 20);
    expect(await statuses(requests)).toEqual([200]);
    await Promise.all(doomed);
    expect(simulator.stats().rest.limited.global).toBe(0);
  });
});

const strict = (windowMs: number) => ({
  globalLimit: 10_000,
  buckets: { 'create-message': { limit: 3, windowMs } },
});
/** Longer than it takes that another node has what one had. */
const STRICT = strict(1_500);

describe('a bucket', () => {
  it('is counted by one node at a time, whichever its requests come to', async () => {
    const { simulator, startNode, send } = await deploy(1_000, strict(500));
    const nodes = await Promise.all([startNode(), startNode()]);
    const requests = times(12, (n) => send(nodes[n % 2] as RestProcess, 0));
    expect(await statuses(requests)).toEqual([200]);
    expect(simulator.stats().rest.limited.user).toBe(0);
    expect(simulator.stats().violations).toEqual({});
  });

  it('goes on where another node has left it', async () => {
    const { simulator, startNode, send } = await deploy(1_000, STRICT);
    const [first, second] = await Promise.all([startNode(), startNode()]);
    expect(await statuses(times(3, () => send(first, 0)))).toEqual([200]);
    await first.stop();
    expect(await statuses(times(3, () => send(second, 0)))).toEqual([200]);
    expect(simulator.stats().rest.limited.user).toBe(0);
  });

  it('that a killed node may have used is used with care', async () => {
    const { simulator, startNode, send } = await deploy(1_000, STRICT);
    const [killed, other] = await Promise.all([startNode(), startNode()]);
    const doomed = times(9, (n) => send(killed, n % 3).catch(() => 0));
    await eventually(() => simulator.stats().rest.requests >= 5);
    await killed.kill();
    expect(await statuses(times(9, (n) => send(other, n % 3)))).toEqual([200]);
    await Promise.all(doomed);
    expect(simulator.stats().rest.limited.user).toBe(0);
    expect(simulator.stats().violations).toEqual({});
  });
});

describe('while Redis is away', () => {
  it('each node goes on with its part, and they come together again', async () => {
    const { simulator, startNode, send } = await deploy(20, { globalLimit: 30 });
    const nodes = await Promise.all([startNode(), startNode()]);
    await redis.stop();
    await untilAlone(nodes, 1);
    const requests = nodes.flatMap((node, at) => times(14, (n) => send(node, at * 20 + n)));
    expect(await statuses(requests)).toEqual([200]);
    await redis.start({ empty: true });
    await untilAlone(nodes, 0);
    expect(await statuses(nodes.flatMap((node, at) => times(10, (n) => send(node, at * 20 + n))))).toEqual([
      200,
    ]);
    expect(simulator.stats().rest.limited).toMatchObject({ global: 0, user: 0 });
  });
});

it('a node ends in a few seconds though Redis does not answer', async () => {
  const { startNode, send } = await deploy(20, { globalLimit: 30 });
  const node = await startNode();
  expect(await send(node, 0)).toBe(200);
  redis.pause();
  try {
    const askedMs = performance.now();
    expect(await node.stop()).toBe(0);
    expect(performance.now() - askedMs).toBeLessThan(5_000);
  } finally {
    redis.resume();
  }
});

it('invalid requests of all nodes count together', async () => {
  const { simulator, startNode, send } = await deploy(1_000, { globalLimit: 10_000 });
  const env = {
    SHARDMUX_REST_INVALID_REQUESTS_ALARM_AT: '2',
    SHARDMUX_REST_INVALID_REQUESTS_SHED_AT: '4',
    SHARDMUX_REST_INVALID_REQUESTS_STOP_AT: '8',
  };
  const [one, other] = await Promise.all([startNode(env), startNode(env)]);
  simulator.inject({ kind: 'rest-status', status: 403, skip: 0, count: 100 });
  expect([await send(one, 0), await send(one, 1)]).toEqual([403, 403]);
  await eventually(async () => (await other.metric('shardmux_rest_invalid_requests')) === 2);
  expect(await send(other, 2)).toBe(403);
  await eventually(async () => (await one.metric('shardmux_rest_invalid_requests')) === 3);
});

it('a bot token that one node has seen refused is not tried by the others', async () => {
  const { simulator, startNode, send } = await deploy(1_000, { globalLimit: 10_000 });
  const [one, other] = await Promise.all([startNode(), startNode()]);
  simulator.inject({ kind: 'rest-status', status: 401, skip: 0, count: 1 });
  await send(one, 0);
  await eventually(async () => (await other.metric('shardmux_rest_token_locked')) === 1);
  expect(await send(other, 0)).toBe(503);
  expect(simulator.stats().rest.requests).toBe(1);
});
