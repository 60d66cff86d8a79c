import { expect, it } from 'vitest';
import { ALL_INTENTS } from '../../../src/protocol/intents.ts';
import { startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { startNode } from '../../support/node.ts';
import { stays } from '../../support/stays.ts';
import { connectWorker } from '../../support/worker.ts';
import { counts, expectComplete } from './live-shard.ts';
import { ScriptedDiscord } from './scripted-discord.ts';

const quiet = { shards: 1, guilds: 3, eventsPerSecond: 0 };

/** Longer than the first back-off: who tries again would have done so. */
const RETRY_WOULD_COME_MS = 1_500;

function wrongOf(body: unknown): string {
  return (body as { checks: { shards: { wrong: string } } }).checks.shards.wrong;
}

it('a token that is refused while connected (4004) stops the application: said once, never tried again', async () => {
  await using simulator = await startSimulator({ ...quiet, shards: 2, maxConcurrency: 2 });
  await using node = await startNode({ discord: simulator });
  await node.ready();
  using worker = await connectWorker(node.workersUrl);
  worker.identify({ shard: [0, 2] });
  await worker.next('READY');
  const { connectionsOpened } = simulator.stats();
  simulator.inject({ kind: 'refuse-token' });
  simulator.inject({ kind: 'disconnect', shard: 0 });
  const { reason } = await node.logged(/application is stopped/);
  expect(reason).toMatch(/4004.*discord\.token/);
  expect(await worker.closed()).toBe(1013);
  expect(worker.closeReason).toMatch(/4004/);
  const { status, body } = await node.readyz();
  expect([status, wrongOf(body)]).toEqual([503, reason]);
  expect(await node.healthz()).toBe(200);
  expect(await node.metric('shardmux_upstream_application_stopped')).toBe(1);
  await eventually(() => simulator.stats().connections === 0);
  await stays(() => simulator.stats().connectionsOpened === connectionsOpened + 1, RETRY_WOULD_COME_MS);
  expect(counts(simulator.stats())).toMatchObject({ identifies: 2, violations: {} });
  expect(node.hasEnded).toBe(false);
  expect(await node.stop()).toBe(0);
});

it('a token that GET /gateway/bot refuses (401) stops the application without a connection', async () => {
  await using simulator = await startSimulator(quiet);
  simulator.inject({ kind: 'refuse-token' });
  await using node = await startNode({ discord: simulator });
  const { reason } = await node.logged(/application is stopped/);
  expect(reason).toMatch(/401.*discord\.token/);
  const { status, body } = await node.readyz();
  expect([status, wrongOf(body)]).toEqual([503, reason]);
  expect(await node.healthz()).toBe(200);
  expect(simulator.stats().connectionsOpened).toBe(0);
  using worker = await connectWorker(node.workersUrl);
  worker.identify();
  expect(await worker.closed()).toBe(1013);
  expect(worker.closeReason).toMatch(/401/);
  expect(await node.stop()).toBe(0);
});

it('a token that is refused at the first IDENTIFY (4004) stops the application', async () => {
  await using simulator = await startSimulator(quiet);
  await using discord = await new ScriptedDiscord().appear();
  simulator.inject({ kind: 'refuse-token' });
  // GET /gateway/bot is answered elsewhere: there a bad token would be refused first.
  await using node = await startNode({
    discord,
    env: { SHARDMUX_DISCORD_GATEWAY_URL: simulator.gatewayUrl },
  });
  const { reason } = await node.logged(/application is stopped/);
  expect(reason).toMatch(/4004/);
  expect((await node.readyz()).status).toBe(503);
  expect(await node.healthz()).toBe(200);
  expect(simulator.stats().connectionsOpened).toBe(1);
  expect(await node.stop()).toBe(0);
});

it('intents that are not allowed (4014) stop the application and are named', async () => {
  await using simulator = await startSimulator({ ...quiet, allowedIntents: ALL_INTENTS & ~2 });
  await using node = await startNode({ discord: simulator });
  const { reason } = await node.logged(/application is stopped/);
  expect(reason).toMatch(/4014.*discord\.intents/);
  const { status, body } = await node.readyz();
  expect([status, wrongOf(body)]).toEqual([503, reason]);
  await stays(() => simulator.stats().connectionsOpened === 1, RETRY_WOULD_COME_MS);
  expect(node.hasEnded).toBe(false);
});

it('a Discord that can not be reached is asked again, with back-off, until it comes up', async () => {
  const discord = await new ScriptedDiscord().appear();
  await using _discord = discord;
  await discord.vanish();
  await using node = await startNode({ discord, env: { SHARDMUX_DISCORD_COMPRESSION: 'none' } });
  const { reason, retryInMs } = await node.logged('Discord can not be asked how to connect');
  expect(reason).toBe(
    `${discord.url}/api/v10/gateway/bot could not be reached: connect ECONNREFUSED 127.0.0.1:${discord.port}`,
  );
  expect(retryInMs).toBeGreaterThan(500);
  const { status, body } = await node.readyz();
  expect([status, wrongOf(body)]).toEqual([503, reason]);
  expect(await node.healthz()).toBe(200);
  await discord.appear();
  await discord.ready();
  await node.ready();
});

it('a Discord that answers with an error is asked again', async () => {
  await using simulator = await startSimulator(quiet);
  simulator.inject({ kind: 'http-error', status: 503, count: 1 });
  await using node = await startNode({ discord: simulator });
  const { reason } = await node.logged('Discord can not be asked how to connect');
  expect(reason).toMatch(/answered 503$/);
  await node.ready();
  using worker = await connectWorker(node.workersUrl);
  worker.identify();
  await expectComplete({ simulator, worker, first: (await worker.next('READY')).s ?? 0 });
});

it('sends no IDENTIFY into the reserve of the budget, says so, and goes on after the reset', async () => {
  await using discord = await new ScriptedDiscord().appear();
  discord.remaining = 10;
  discord.resetAfterMs = 1_500;
  await using node = await startNode({
    discord,
    env: { SHARDMUX_DISCORD_COMPRESSION: 'none', SHARDMUX_DISCORD_IDENTIFY_RESERVE: '10' },
  });
  const line = await node.logged(/down to the reserve/);
  expect(line).toMatchObject({ level: 'error', remaining: 10, reserve: 10 });
  expect(await node.metric('shardmux_upstream_identify_budget_held')).toBe(1);
  const connection = await discord.connection(1);
  expect(connection.received).toEqual([]);
  discord.remaining = 1_000;
  await discord.ready();
  await node.ready();
  expect(await node.metric('shardmux_upstream_identify_budget_held')).toBe(0);
  expect(await node.metric('shardmux_upstream_identify_budget_remaining')).toBe(999);
});

it('starts every shard with one IDENTIFY, each bucket in its own time', async () => {
  await using simulator = await startSimulator({
    shards: 4,
    guilds: 4,
    eventsPerSecond: 0,
    maxConcurrency: 2,
  });
  await using node = await startNode({ discord: simulator });
  await node.ready(20_000);
  const { identifyTimes, ...stats } = simulator.stats();
  expect(counts({ identifyTimes, ...stats })).toMatchObject({ identifies: 4, violations: {} });
  for (const [a = 0, b = 0] of Object.values(identifyTimes)) expect(b - a).toBeGreaterThanOrEqual(5_000);
});
