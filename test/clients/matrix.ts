/** The matrix: what each stock library must find at shardmux, from its start to its voice. docs/libraries.md has the results. */
import { describe, expect, inject, it } from 'vitest';
import type { Simulator } from '../../src/simulator/index.ts';
import { startCluster } from '../support/cluster.ts';
import {
  expectAllHeard,
  expectTruth,
  expectUnharmed,
  heardUntil,
  type Library,
  type Surroundings,
  startClient,
} from './checks.ts';
import type { Client } from './client.ts';
import { SHARDS, startDeployment, TYPICAL_SIZE } from './deployment.ts';
import { describeCommands } from './matrix-commands.ts';

/** A shard each. */
const LIVE_EVENTS = 600;
const EVENTS_PER_SECOND = 200;
/** Of a shard, in some half a second. */
const SOME_EVENTS = 50;

const shardIds = Array.from({ length: SHARDS }, (_, shard) => shard);

export function describeLibrary(library: Library): void {
  const isMissing = inject('unreachable').includes(library.registry);
  describe.skipIf(isMissing)(library.name, { timeout: 90_000 }, () => {
    describeSessions(library);
    describeRestarts(library);
    describeCommands(library);
  });
}

async function burst(simulator: Simulator): Promise<void> {
  await Promise.all(shardIds.map((shard) => simulator.burst(shard, LIVE_EVENTS)));
}

function describeSessions(library: Library): void {
  it('is ready at once, knows every guild as it is, and costs Discord nothing', async () => {
    await using deployment = await startDeployment();
    await burst(deployment.simulator);
    await using client = await startClient(library, deployment);
    await expectTruth(library, deployment, client, true);
    await expectUnharmed(library, deployment, client);
    expect(deployment.simulator.received).toEqual([]);
  });

  it('gets every event once and in order, and follows the guilds with them', async () => {
    await using deployment = await startDeployment();
    await using client = await startClient(library, deployment);
    await burst(deployment.simulator);
    await expectTruth(library, deployment, client);
    await expectUnharmed(library, deployment, client);
  });

  it('gets every event that happens while it starts', async () => {
    await using deployment = await startDeployment();
    deployment.simulator.setRate(EVENTS_PER_SECOND);
    await using client = await startClient(library, deployment);
    await hearsEvents(client, deployment.simulator);
    deployment.simulator.setRate(0);
    if (library.follows === 'from READY') await expectTruth(library, deployment, client);
    else await expectAllHeard(deployment, client);
    await expectUnharmed(library, deployment, client);
  });

  it('resumes when its connections break, and misses nothing', async () => {
    await using deployment = await startDeployment();
    await using client = await startClient(library, deployment);
    deployment.front.blackHole();
    await burst(deployment.simulator);
    await deployment.front.mend();
    await expectTruth(library, deployment, client);
    await expectUnharmed(library, deployment, client);
    expect(await client.resumes()).toBe(SHARDS);
  });

  it('knows every guild as it is when its process begins anew', async () => {
    await using deployment = await startDeployment();
    await using first = await startClient(library, deployment);
    await burst(deployment.simulator);
    await first.kill();
    await burst(deployment.simulator);
    await expectNewcomer(library, deployment);
  });
}

function describeRestarts(library: Library): void {
  it.each([
    ['is restarted', 'stop'],
    ['is killed', 'kill'],
  ] as const)('resumes when the node %s, and one that begins then knows every guild', async (_, how) => {
    await using deployment = await startDeployment();
    const { simulator } = deployment;
    await using client = await startClient(library, deployment);
    simulator.setRate(EVENTS_PER_SECOND);
    await hearsEvents(client, simulator);
    await deployment.restart(how);
    await hearsEvents(client, simulator);
    simulator.setRate(0);
    await expectTruth(library, deployment, client);
    await expectUnharmed(library, deployment, client);
    expect(await client.resumes()).toBe(SHARDS);
    await expectNewcomer(library, deployment);
  });

  it('goes on at another node when its own is killed, and one that begins there knows every guild', async () => {
    await using cluster = await startCluster({
      shards: SHARDS,
      nodes: 2,
      simulator: { guilds: 40, guildState: true, guildSize: TYPICAL_SIZE, eventsPerSecond: 0 },
      env: { SHARDMUX_GUILDS_STATE: 'memory' },
    });
    const { simulator } = cluster;
    const surroundings = {
      simulator,
      url: cluster.haproxy.workersUrl.replace('ws:', 'http:'),
      api: `${simulator.url}/api`,
      token: simulator.options.token,
    };
    await using client = await startClient(library, surroundings);
    simulator.setRate(EVENTS_PER_SECOND);
    await hearsEvents(client, simulator);
    await cluster.node('node-a').kill();
    await cluster.settled({ 'node-b': SHARDS });
    await hearsEvents(client, simulator);
    simulator.setRate(0);
    await expectTruth(library, surroundings, client);
    await expectUnharmed(library, surroundings, client);
    await expectNewcomer(library, surroundings);
  });
}

/** Resolves when it has a good many events from now. */
async function hearsEvents(client: Client, simulator: Simulator): Promise<void> {
  for (const shard of shardIds) {
    const { sequence = 0 } = simulator.stats().sessions[shard] ?? {};
    await heardUntil(client, shard, sequence + SOME_EVENTS);
  }
}

/** A process that begins now knows every guild as it is. */
async function expectNewcomer(library: Library, surroundings: Surroundings): Promise<void> {
  await using client = await startClient(library, surroundings);
  await expectTruth(library, surroundings, client, true);
  await expectUnharmed(library, surroundings, client);
}
