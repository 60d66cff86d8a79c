/** Two bots in one deployment: two nodes, Redis and HAProxy. The facts are told in order; the last ones cost a node, and a bot. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RedisKeys } from '../../../src/cluster/redis/keys.ts';
import { eventually } from '../../support/eventually.ts';
import { type Haproxy, startHaproxy } from '../../support/haproxy.ts';
import type { NodeProcess } from '../../support/node.ts';
import { type RedisServer, startRedis } from '../../support/redis.ts';
import { connectWorker, type Worker } from '../../support/worker.ts';
import { clusterEnvironment } from './refused.ts';
import { type Bot, freePort, startTwoBots, type TwoBots } from './two-bots.ts';

const LEASE_TTL_MS = 2_000;

let bots: TwoBots;
let redis: RedisServer;
let haproxy: Haproxy;
let nodes: readonly [NodeProcess, NodeProcess];
/** The one at each shard of both bots, by its path. */
const workers = new Map<string, { readonly bot: Bot; readonly shard: number; worker: Worker }>();

beforeAll(async () => {
  bots = await startTwoBots();
  redis = await startRedis();
  // As if they had been there for long: the first IDENTIFYs need not wait for Discord's 5 s.
  for (const { id } of all()) await redis.command('HSET', new RedisKeys('shardmux', id).slots, 'since', '1');
  const [portA, portB] = [await freePort(), await freePort()];
  haproxy = await startHaproxy({
    nodeHost: '127.0.0.1',
    nodePort: portA,
    moreNodes: [`127.0.0.1:${portB}`],
  });
  nodes = [startNode('node-a', portA), startNode('node-b', portB)];
  for (const node of nodes) await (await node.listening()).ready();
}, 60_000);
afterAll(async () => {
  for (const { worker } of workers.values()) worker[Symbol.dispose]();
  await bots?.[Symbol.asyncDispose]();
  await haproxy?.[Symbol.asyncDispose]();
  await redis?.[Symbol.asyncDispose]();
});

function all(): readonly Bot[] {
  return [bots.first, bots.second];
}

function startNode(nodeId: string, port: number): NodeProcess {
  const { SHARDMUX_DISCORD_SHARD_COUNT: _, ...env } = clusterEnvironment(redis.port, nodeId);
  return bots.start({
    ...env,
    SHARDMUX_WORKERS_PORT: String(port),
    SHARDMUX_HAPROXY_SOCKETS: haproxy.socketPath,
    SHARDMUX_HAPROXY_SERVER_NAME: nodeId,
  });
}

async function connect(bot: Bot, shard: number, path: string): Promise<Worker> {
  const worker = await connectWorker(haproxy.workersUrl, { path });
  worker.identify({ token: bot.token, shard: [shard, bot.shards] });
  return worker;
}

/** One dispatch for each shard of the bot reaches its worker, and nobody else's. */
async function expectDelivery(bot: Bot, mark: string): Promise<void> {
  for (const { bot: of, shard, worker } of workers.values()) {
    if (of !== bot) continue;
    const sequence = bot.discord.dispatch(shard, 'TYPING_START', { bot: bot.id, mark });
    await worker.reached(sequence);
    expect(worker.dispatches.at(-1)?.d).toEqual({ bot: bot.id, mark });
  }
}

it('a worker at /apps/<id>/shards/<n> gets that shard of that bot, and is told to resume there', async () => {
  for (const bot of all()) {
    for (let shard = 0; shard < bot.shards; shard++) {
      const path = `/apps/${bot.id}/shards/${shard}`;
      const worker = await connect(bot, shard, path);
      workers.set(path, { bot, shard, worker });
      const { application, shard: served } = (await worker.next('READY')).d;
      expect([application.id, served]).toEqual([bot.id, [shard, bot.shards]]);
      expect(worker.resumeUrl).toBe(`${haproxy.workersUrl}${path}`);
    }
  }
  for (const bot of all()) await expectDelivery(bot, 'steady');
});

it.each(['/', '/shards/1'])('a worker at %s is given the bot of its token', async (path) => {
  for (const bot of all()) {
    using worker = await connect(bot, 1, path);
    expect((await worker.next('READY')).d.application.id).toBe(bot.id);
    expect(worker.resumeUrl).toBe(`${haproxy.workersUrl}/apps/${bot.id}/shards/1`);
    const sequence = bot.discord.dispatch(1, 'TYPING_START', { path });
    await worker.reached(sequence);
  }
});

it('GET /gateway/bot answers for the bot of the token', async () => {
  const ask = async (token: string) => {
    const url = `${haproxy.workersUrl.replace('ws', 'http')}/api/v10/gateway/bot`;
    const response = await fetch(url, { headers: { authorization: `Bot ${token}` } });
    return { status: response.status, body: await response.json() };
  };
  for (const { token, shards } of all()) {
    expect(await ask(token)).toMatchObject({
      status: 200,
      body: { url: haproxy.workersUrl, shards, session_start_limit: { max_concurrency: shards } },
    });
  }
  expect((await ask('of-nobody')).status).toBe(401);
});

it("one bot's token is refused at the other's path, and an id that is not served is not found", async () => {
  const path = `/apps/${bots.second.id}/shards/0`;
  using worker = await connect(bots.first, 0, path);
  expect(await worker.closed()).toBe(4004);
  expect(worker.closeReason).toBe(
    `the token may not be used for application ${bots.second.id}; see workers.tokens`,
  );
  const response = await fetch(
    `${haproxy.workersUrl.replace('ws', 'http')}/apps/300000000000000000/shards/0`,
  );
  expect(response.status).toBe(404);
});

it('metrics and /readyz tell the bots apart, and each has its share at each node', async () => {
  for (const { id, shards } of all()) {
    const held = await Promise.all(
      nodes.map((node) => node.metric('shardmux_cluster_shards_held', { application: id })),
    );
    expect(held.reduce<number>((sum, count) => sum + (count ?? 0), 0)).toBe(shards);
    expect(Math.min(...held.map((count) => count ?? 0))).toBeGreaterThan(0);
  }
  const { body } = await nodes[0].readyz();
  expect(Object.keys((body as { checks: object }).checks)).toEqual(
    expect.arrayContaining(all().flatMap(({ id }) => [`shards of ${id}`, `cluster of ${id}`])),
  );
});

it('the shards of both bots at a node that dies are taken over, and their workers resume', async () => {
  const [survivor, victim] = nodes;
  await victim.kill();
  await eventually(async () => {
    for (const { id, shards } of all())
      if ((await survivor.metric('shardmux_cluster_shards_held', { application: id })) !== shards)
        return false;
    return true;
  }, LEASE_TTL_MS + 5_000);
  for (const [path, { bot, shard, worker }] of workers) {
    if (worker.closeCode === undefined) continue;
    const next = await connectWorker(worker.resumeUrl);
    workers.set(path, { bot, shard, worker: next });
    next.resume({ sessionId: worker.sessionId, seq: worker.lastSequence, token: bot.token });
    await next.next('RESUMED');
  }
  await survivor.ready();
  for (const bot of all()) {
    await expectDelivery(bot, 'after the takeover');
    expect(bot.discord.stats()).toMatchObject({ identifies: bot.shards, resumesRefused: 0, violations: {} });
  }
});

it("a bot whose token Discord refuses stops alone: the other's workers notice nothing", async () => {
  const [node] = nodes;
  const { first, second } = bots;
  first.discord.inject({ kind: 'refuse-token' });
  first.discord.inject({ kind: 'disconnect', code: 4000 });
  const line = await node.logged(/application is stopped/);
  expect(line).toMatchObject({ level: 'error', application: first.id });
  for (const { bot, worker } of workers.values()) if (bot === first) expect(await worker.closed()).toBe(1013);
  await expectDelivery(second, 'while the first is stopped');
  expect([...workers.values()].filter(({ bot, worker }) => bot === second && worker.closeCode)).toEqual([]);
  const stopped = (bot: Bot) => node.metric('shardmux_upstream_application_stopped', { application: bot.id });
  expect([await stopped(first), await stopped(second)]).toEqual([1, 0]);
  const { status, body } = await node.readyz();
  expect([status, body]).toMatchObject([
    503,
    {
      checks: {
        [`shards of ${first.id}`]: { ok: false, wrong: line['reason'] },
        [`shards of ${second.id}`]: { ok: true },
      },
    },
  ]);
});

it('SIGTERM ends a node with a stopped bot in order', async () => {
  const [node] = nodes;
  expect(await node.stop()).toBe(0);
  expect(node.stderr).toBe('');
});
