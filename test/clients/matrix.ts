/** The matrix: what each stock library must find at shardmux, from its start to its voice. docs/libraries.md has the results. */
import { describe, expect, inject, it } from 'vitest';
import type { Simulator } from '../../src/simulator/index.ts';
import { BOT_USER_ID } from '../../src/simulator/payloads/users.ts';
import { startCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { expectTruth, expectUnharmed, type Library, type Surroundings, startClient } from './checks.ts';
import type { Entity } from './compare.ts';
import { SHARDS, startDeployment, TYPICAL_SIZE } from './deployment.ts';
import { startRest } from './rest.ts';

/** A shard each. */
const LIVE_EVENTS = 600;
/** Only once a client is ready: discord.js handles what comes before in another order, wherever it is connected. */
const EVENTS_PER_SECOND = 200;

/** Of a guild whose members don't fit into one chunk. */
const LARGE_SIZE = { channels: 10, roles: 6, members: 1_200 };

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
  ] as const)('resumes when the node %s, and misses nothing', async (_, how) => {
    await using deployment = await startDeployment();
    const { simulator } = deployment;
    await using client = await startClient(library, deployment);
    simulator.setRate(EVENTS_PER_SECOND);
    await deployment.restart(how);
    await eventually(async () => (await client.resumes()) >= SHARDS, 20_000);
    simulator.setRate(0);
    await expectTruth(library, deployment, client);
    await expectUnharmed(library, deployment, client);
  });

  it('goes on at another node when its own is killed, and misses nothing', async () => {
    await using rest = await startRest();
    await using cluster = await startCluster({
      shards: SHARDS,
      nodes: 2,
      simulator: { guilds: 40, guildState: true, guildSize: TYPICAL_SIZE, eventsPerSecond: 0 },
      env: { SHARDMUX_GUILDS_STATE: 'memory' },
    });
    const { simulator } = cluster;
    const surroundings = { simulator, rest, url: cluster.haproxy.workersUrl.replace('ws:', 'http:') };
    await using client = await startClient(library, surroundings);
    simulator.setRate(EVENTS_PER_SECOND);
    await cluster.node('node-a').kill();
    await cluster.settled({ 'node-b': SHARDS });
    simulator.setRate(0);
    await expectTruth(library, surroundings, client);
    await expectUnharmed(library, surroundings, client);
  });
}

/** A process that begins now knows every guild as it is. */
async function expectNewcomer(library: Library, surroundings: Surroundings): Promise<void> {
  await using client = await startClient(library, surroundings);
  await expectTruth(library, surroundings, client, true);
  await expectUnharmed(library, surroundings, client);
}

function describeCommands(library: Library): void {
  it('gets the members that it asks for', async () => {
    await using deployment = await startDeployment({ guilds: 4, guildSize: LARGE_SIZE });
    const { simulator } = deployment;
    await using client = await startClient(library, deployment);
    const guildId = anyGuildId(simulator);
    const users = listOf(simulator, guildId, 'members').map(({ user }) => user as Entity); // Members have one.
    const ids = users.map(({ id }) => String(id));
    expect((await client.ask('requestMembers', { guildId })).sort()).toEqual(ids.sort());
    const some = ids.slice(10, 20);
    expect((await client.ask('requestMembers', { guildId, ids: some })).sort()).toEqual(some);
    const query = String(users[100]?.['username']);
    const [named] = await client.ask('requestMembers', { guildId, query, limit: 1 });
    expect(users.find(({ id }) => id === named)?.['username']).toMatch(new RegExp(`^${query}`));
    await expectUnharmed(library, deployment, client);
  });

  it('sets its presence', async () => {
    await using deployment = await startDeployment({ guilds: 4 });
    await using client = await startClient(library, deployment);
    await client.ask('setPresence', { name: 'the matrix', status: 'idle' });
    await eventually(() => deployment.simulator.received.length >= SHARDS);
    const wanted = { op: 3, d: { status: 'idle', activities: [{ name: 'the matrix' }] } };
    for (const shard of shardIds) {
      const commands = deployment.simulator.received.filter((each) => each.shard === shard);
      expect(commands).toMatchObject([wanted]);
    }
    await expectUnharmed(library, deployment, client);
  });

  it('joins a voice channel and leaves it', async () => {
    await using deployment = await startDeployment({ guilds: 4 });
    const { simulator } = deployment;
    await using client = await startClient(library, deployment);
    const guildId = anyGuildId(simulator);
    const channel = listOf(simulator, guildId, 'channels').find(({ type }) => type === 2);
    await client.ask('joinVoice', { guildId, channelId: String(channel?.['id']) });
    await eventually(async () => {
      const types = (await client.heard(0)).map(({ t }) => t);
      return types.includes('VOICE_STATE_UPDATE') && types.includes('VOICE_SERVER_UPDATE');
    });
    expect(isInVoice(simulator, guildId)).toBe(true);
    await expectTruth(library, deployment, client);
    await client.ask('leaveVoice', { guildId });
    await eventually(() => !isInVoice(simulator, guildId));
    await expectTruth(library, deployment, client);
    await expectUnharmed(library, deployment, client);
  });
}

function anyGuildId(simulator: Simulator): string {
  const [guildId] = simulator.guildIds(0);
  if (guildId === undefined) throw new Error('shard 0 has no guild');
  return guildId;
}

function listOf(simulator: Simulator, guildId: string, name: string): Entity[] {
  return simulator.guild(guildId)?.[name] as Entity[]; // The lists of a guild that is not out.
}

function isInVoice(simulator: Simulator, guildId: string): boolean {
  return listOf(simulator, guildId, 'voice_states').some(({ user_id }) => user_id === BOT_USER_ID);
}
