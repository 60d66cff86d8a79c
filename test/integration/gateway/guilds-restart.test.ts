/** Guilds of a node alone, which outlive it on disk. */
import { expect, it } from 'vitest';
import { type Simulator, startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { guildDifference } from '../../support/guild-truth.ts';
import { type NodeProcess, startNode, stateDirectory } from '../../support/node.ts';

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
