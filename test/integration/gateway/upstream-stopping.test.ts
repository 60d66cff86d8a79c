import { expect, it } from 'vitest';
import { startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { startNode, stateDirectory } from '../../support/node.ts';
import { ScriptedDiscord } from './scripted-discord.ts';

/** Far less than any time-out of the connection to Discord. */
const PROMPTLY_MS = 8_000;

async function stopsPromptly(node: { stop(): Promise<number | null> }): Promise<void> {
  const started = performance.now();
  expect(await node.stop()).toBe(0);
  expect(performance.now() - started).toBeLessThan(PROMPTLY_MS);
}

it.each([
  ['waits for READY, so that the IDENTIFY is not wasted, and the next process RESUMEs', 1_500, 1],
  ['waits for READY no longer than some seconds', 60_000, 2],
] as const)('on its way out %s', async (_, readyDelayMs, identifies) => {
  using directory = stateDirectory();
  await using simulator = await startSimulator({ shards: 1, guilds: 1, eventsPerSecond: 0, readyDelayMs });
  const options = { discord: simulator, directory: directory.path };
  await using node = await startNode(options);
  await eventually(() => simulator.stats().identifies === 1);
  await stopsPromptly(node);
  expect(simulator.stats()).toMatchObject({ connections: 0, connectionsOpened: 1, violations: {} });
  await using next = await startNode(options);
  await next.logged(identifies === 1 ? 'RESUMED' : 'IDENTIFY', 15_000);
  // A node says that it IDENTIFYs before the simulator has it.
  await eventually(() => simulator.stats().identifies === identifies);
  expect(simulator.stats()).toMatchObject({ identifies, violations: {} });
});

it('stops promptly while it waits for the reply to its RESUME', async () => {
  await using discord = await new ScriptedDiscord().appear();
  await using node = await startNode({ discord, env: { SHARDMUX_DISCORD_COMPRESSION: 'none' } });
  const connection = await discord.ready();
  await node.ready();
  connection.close(4000);
  await (await discord.connection(2)).next(6);
  await stopsPromptly(node);
  expect(discord.connections.map(({ closeCode }) => closeCode)).toEqual([4000, 4200]);
});

it('stops promptly while Discord does not answer', async () => {
  await using simulator = await startSimulator({ shards: 1, guilds: 1, eventsPerSecond: 0 });
  await using node = await startNode({ discord: simulator });
  await node.ready();
  simulator.inject({ kind: 'silence', shard: 0 });
  await stopsPromptly(node);
});

it('stops promptly while Discord can not be reached', async () => {
  const discord = await new ScriptedDiscord().appear();
  await using _discord = discord;
  await discord.vanish();
  await using node = await startNode({ discord });
  await node.logged('Discord can not be asked how to connect');
  await stopsPromptly(node);
});

it('stops promptly while a shard waits for its turn to IDENTIFY', async () => {
  await using simulator = await startSimulator({ shards: 3, guilds: 1, eventsPerSecond: 0 });
  await using node = await startNode({ discord: simulator });
  await eventually(() => simulator.stats().identifies === 1);
  await stopsPromptly(node);
  expect(simulator.stats().violations).toEqual({});
});
