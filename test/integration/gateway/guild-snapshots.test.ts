/** Guild state in memory: what a worker that IDENTIFYs gets, against what the simulated Discord knows. */
import { expect, it } from 'vitest';
import { startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { canonical } from '../../support/guild-truth.ts';
import { startNode } from '../../support/node.ts';
import { connectWorker, firstDifference, receivedLines, truthLines } from '../../support/worker.ts';
import { lastDispatch } from './live-shard.ts';

it('a worker that IDENTIFYs gets every guild as it is now, then what happens next, without a question to Discord', async () => {
  await using simulator = await startSimulator({
    shards: 1,
    guilds: 30,
    eventsPerSecond: 0,
    guildState: true,
  });
  await using node = await startNode({ discord: simulator, env: { SHARDMUX_GUILDS_STATE: 'memory' } });
  await node.ready();
  await eventually(() => simulator.stats().sessions[0]?.pendingGuilds === 0);
  await simulator.burst(0, 2_000);
  const truth = simulator.shardState(0);
  // READY is no dispatch to the node.
  await eventually(
    async () => (await node.metric('shardmux_upstream_dispatches_total')) === truth.sequence - 1,
  );
  using worker = await connectWorker(node.workersUrl);
  worker.identify();
  await worker.reached(truth.sequence);
  const guilds = Object.entries(truth.guilds);
  const ready = await worker.next('READY');
  expect(ready.s).toBe(truth.sequence - guilds.length);
  for (const [id, guild] of guilds) {
    const sent = worker.dispatches.find(({ t, d }) => t !== 'READY' && d?.id === id);
    expect(sent?.t).toBe(guild['unavailable'] === true ? 'GUILD_DELETE' : 'GUILD_CREATE');
    expect(canonical(sent?.d)).toEqual(canonical(guild));
  }
  simulator.setRate(500);
  await worker.reached(truth.sequence + 200);
  await worker.reached(await lastDispatch(simulator));
  const live = worker.dispatches.filter(({ s }) => (s ?? 0) > truth.sequence);
  const sent = truthLines(simulator.truth(0).sessions[0]?.dispatches ?? [], { after: truth.sequence });
  expect(firstDifference(receivedLines(live), sent)).toBeUndefined();
  expect(simulator.stats()).toMatchObject({ identifies: 1, violations: {} });
});

it('a worker that IDENTIFYs while guilds are still coming gets READY at once, the guilds that are there, and then those to come', async () => {
  await using simulator = await startSimulator({
    shards: 1,
    guilds: 400,
    eventsPerSecond: 0,
    guildState: true,
  });
  await using node = await startNode({ discord: simulator, env: { SHARDMUX_GUILDS_STATE: 'memory' } });
  await node.ready();
  using worker = await connectWorker(node.workersUrl);
  worker.identify();
  const ready = await worker.next('READY');
  await worker.reached(await lastDispatch(simulator));
  const guildIds = worker.dispatches.filter(({ t }) => t === 'GUILD_CREATE').map(({ d }) => d.id);
  expect(guildIds.sort()).toEqual(ready.d.guilds.map(({ id }: { id: string }) => id).sort());
  const sequences = worker.dispatches.map(({ s }) => s);
  expect(sequences).toEqual(sequences.map((_, index) => (ready.s ?? 0) + index));
});
