/** Guilds of a node alone, which outlive it on disk. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { type Simulator, startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { guildDifference } from '../../support/guild-truth.ts';
import { type NodeProcess, startNode, stateDirectory } from '../../support/node.ts';
import { connectWorker } from '../../support/worker.ts';

/** Two processes, one after the other, and a comparison, where the machine is busy. */
vi.setConfig({ testTimeout: 60_000 });

const GUILDS = 40;

const STATE = { SHARDMUX_GUILDS_STATE: 'memory' };

async function simulate(): Promise<Simulator> {
  return startSimulator({
    shards: 1,
    guilds: GUILDS,
    eventsPerSecond: 0,
    guildState: true,
    replayBound: () => 5_000,
  });
}

async function introduced(node: NodeProcess, simulator: Simulator): Promise<void> {
  await node.ready();
  await eventually(() => simulator.stats().sessions[0]?.pendingGuilds === 0);
}

/** Waits for a round that is through. */
async function stored(node: NodeProcess): Promise<void> {
  await eventually(async () => ((await node.metric('shardmux_guilds_store_rounds_total')) ?? 0) > 0);
}

it.each([
  ['stopped', (node: NodeProcess) => node.stop()],
  ['killed', (node: NodeProcess) => node.kill()],
])('a worker that IDENTIFYs after the node was %s and started again gets every guild as it is', async (_, end) => {
  await using simulator = await simulate();
  using directory = stateDirectory();
  {
    await using node = await startNode({ discord: simulator, directory: directory.path, env: STATE });
    await introduced(node, simulator);
    await simulator.burst(0, 2_000);
    await stored(node);
    await simulator.burst(0, 500);
    await end(node);
  }
  await simulator.burst(0, 300);
  await using node = await startNode({ discord: simulator, directory: directory.path, env: STATE });
  await node.ready();
  expect(await guildDifference(node.workersUrl, simulator)).toBeUndefined();
  await simulator.burst(0, 300);
  expect(await guildDifference(node.workersUrl, simulator)).toBeUndefined();
  expect(simulator.stats()).toMatchObject({ identifies: 1, resumes: 1, violations: {} });
});

it('a worker that IDENTIFYs after the node was killed amid the first guilds gets every guild', async () => {
  await using simulator = await simulate();
  using directory = stateDirectory();
  {
    await using node = await startNode({ discord: simulator, directory: directory.path, env: STATE });
    await eventually(() => (simulator.stats().sessions[0]?.pendingGuilds ?? GUILDS) < GUILDS);
    await node.kill();
  }
  await using node = await startNode({ discord: simulator, directory: directory.path, env: STATE });
  await introduced(node, simulator);
  expect(await guildDifference(node.workersUrl, simulator)).toBeUndefined();
});

it('what was switched off when the session began stays out of its guilds, and what is switched off by now is left out', async () => {
  await using simulator = await simulate();
  using directory = stateDirectory();
  const start = (off: string) =>
    startNode({ discord: simulator, directory: directory.path, env: { ...STATE, SHARDMUX_GUILDS_OFF: off } });
  {
    await using node = await start('presences');
    await introduced(node, simulator);
    await simulator.burst(0, 500);
    await stored(node);
    expect(await node.stop()).toBe(0);
  }
  await using node = await start('emojis,stickers');
  await node.ready();
  await node.logged(/guilds\.off left out/);
  const without = { presences: [], emojis: [], stickers: [] };
  const expected = (guild: object) =>
    'unavailable' in guild && guild.unavailable ? guild : { ...guild, ...without };
  expect(await guildDifference(node.workersUrl, simulator, { expected })).toBeUndefined();
});

/** So little that a burst goes past it. */
const SMALL_TAIL = { SHARDMUX_TAIL_FLUSH_BYTES: '32KiB', SHARDMUX_TAIL_MAX_BYTES_PER_SHARD: '256KiB' };

describe('where a burst is larger than what the tail keeps', () => {
  const env = { ...STATE, ...SMALL_TAIL };

  async function afterBurst(simulator: Simulator, path: string): Promise<void> {
    await using node = await startNode({ discord: simulator, directory: path, env });
    await introduced(node, simulator);
    await simulator.burst(0, 20_000);
    await eventually(
      async () => ((await node.metric('shardmux_guilds_store_behind_ratio')) ?? 1) < 1,
      20_000,
    );
    await node.kill();
  }

  it('guilds are as they are once it was written', async () => {
    await using simulator = await simulate();
    using directory = stateDirectory();
    await afterBurst(simulator, directory.path);
    await using node = await startNode({ discord: simulator, directory: directory.path, env });
    await node.ready();
    expect(await guildDifference(node.workersUrl, simulator)).toBeUndefined();
  });

  it('and what is stored is gone, guilds come as unavailable until the next session', async () => {
    await using simulator = await simulate();
    using directory = stateDirectory();
    await afterBurst(simulator, directory.path);
    removeStoredGuilds(directory.path);
    await using node = await startNode({ discord: simulator, directory: directory.path, env });
    await node.ready();
    await node.logged(/the guilds are not known/);
    using worker = await connectWorker(node.workersUrl);
    worker.identify();
    const { s, d } = await worker.next('READY');
    const { guilds } = d;
    expect(guilds.length).toBeGreaterThan(GUILDS / 2);
    await worker.next('GUILD_DELETE', guilds.length);
    expect(worker.lastSequence).toBe((s ?? 0) + guilds.length);
    expect(await node.metric('shardmux_guilds_state', { state: 'unknown' })).toBe(1);
    simulator.inject({ kind: 'invalid-session', resumable: false });
    await eventually(
      async () => (await node.metric('shardmux_guilds_state', { state: 'kept' })) === 1,
      20_000,
    );
    await introduced(node, simulator);
    expect(await guildDifference(node.workersUrl, simulator)).toBeUndefined();
  });
});

function removeStoredGuilds(path: string): void {
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.includes('guilds'),
  );
  expect(files).not.toEqual([]);
  for (const file of files) rmSync(join(path, file), { recursive: true, force: true });
}
