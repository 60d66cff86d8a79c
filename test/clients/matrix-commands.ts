/** The part of the matrix in which clients ask for something: members, a presence, voice. */
import { expect, it } from 'vitest';
import type { Simulator } from '../../src/simulator/index.ts';
import { BOT_USER_ID } from '../../src/simulator/payloads/users.ts';
import { eventually } from '../support/eventually.ts';
import { expectTruth, expectUnharmed, heardUntil, type Library, startClient } from './checks.ts';
import type { Client } from './client.ts';
import type { Entity } from './compare.ts';
import { SETTLE_DEADLINE_MS, SHARDS, startDeployment } from './deployment.ts';

/** Of a guild whose members don't fit into one chunk. */
const LARGE_SIZE = { channels: 10, roles: 6, members: 1_200 };

/** https://discord.com/developers/docs/resources/channel#channel-object-channel-types */
const VOICE_CHANNEL = 2;

const shardIds = Array.from({ length: SHARDS }, (_, shard) => shard);

export function describeCommands(library: Library): void {
  it('gets the members that it asks for, and Discord is asked once for all', async () => {
    await using deployment = await startDeployment({ guilds: SHARDS, guildSize: LARGE_SIZE });
    const { simulator } = deployment;
    await using client = await startClient(library, deployment);
    await using other = await startClient(library, deployment);
    const guildId = anyGuildId(simulator);
    const users = listOf(simulator, guildId, 'members').map(({ user }) => user as Entity); // Members have one.
    const ids = users.map(({ id }) => String(id));
    for (const asking of [client, other]) {
      expect((await asking.ask('requestMembers', { guildId })).sort()).toEqual([...ids].sort());
    }
    const full = { op: 8, d: { guild_id: guildId, query: '' } };
    const asked = simulator.received.filter(({ op, d }) => op === 8 && (d as Entity)['guild_id'] === guildId);
    expect(asked).toMatchObject([full]);
    await expectUnharmed(library, deployment, client);
    await expectUnharmed(library, deployment, other);
  });

  it('gets members by id and by name, and no other worker does', async () => {
    await using deployment = await startDeployment({ guilds: SHARDS, guildSize: LARGE_SIZE });
    const { simulator } = deployment;
    await using client = await startClient(library, deployment);
    await using other = await startClient(library, deployment);
    const guildId = anyGuildId(simulator);
    const heardBefore = await chunksOf(other);
    const users = listOf(simulator, guildId, 'members').map(({ user }) => user as Entity); // Members have one.
    const ids = users.slice(10, 20).map(({ id }) => String(id));
    expect((await client.ask('requestMembers', { guildId, ids })).sort()).toEqual(ids.sort());
    const query = String(users[100]?.['username']);
    const [named] = await client.ask('requestMembers', { guildId, query, limit: 1 });
    expect(users.find(({ id }) => id === named)?.['username']).toMatch(new RegExp(`^${query}`));
    await heardUntil(other, 0, simulator.happen(0, 'GUILD_ROLE_CREATE', guildId));
    expect(await chunksOf(other)).toBe(heardBefore);
    await expectUnharmed(library, deployment, client);
  });

  it('sets its presence', async () => {
    await using deployment = await startDeployment({ guilds: SHARDS });
    await using client = await startClient(library, deployment);
    await client.ask('setPresence', { name: 'the matrix', status: 'idle' });
    await eventually(() => deployment.simulator.received.length >= SHARDS, SETTLE_DEADLINE_MS);
    const wanted = { op: 3, d: { status: 'idle', activities: [{ name: 'the matrix' }] } };
    for (const shard of shardIds) {
      const commands = deployment.simulator.received.filter((each) => each.shard === shard);
      expect(commands).toMatchObject([wanted]);
    }
    await expectUnharmed(library, deployment, client);
  });

  it('joins a voice channel and leaves it, and no other worker hears of it', async () => {
    await using deployment = await startDeployment({ guilds: SHARDS });
    const { simulator } = deployment;
    await using client = await startClient(library, deployment);
    await using other = await startClient(library, deployment);
    const guildId = await joinVoice(client, simulator);
    expect(isInVoice(simulator, guildId)).toBe(true);
    await expectTruth(library, deployment, client);
    await client.ask('leaveVoice', { guildId });
    await eventually(() => !isInVoice(simulator, guildId), SETTLE_DEADLINE_MS);
    await expectTruth(library, deployment, client);
    await expectUnharmed(library, deployment, client);
    const heard = await heardUntil(other, 0, simulator.happen(0, 'GUILD_ROLE_CREATE', guildId));
    expect(heard.filter(({ t }) => t.startsWith('VOICE_'))).toEqual([]);
  });

  it('knows the voice that its bot is in when its process begins anew', async () => {
    await using deployment = await startDeployment({ guilds: SHARDS });
    const { simulator } = deployment;
    await using first = await startClient(library, deployment);
    const guildId = await joinVoice(first, simulator);
    await first.kill();
    await using second = await startClient(library, deployment);
    expect(isInVoice(simulator, guildId)).toBe(true);
    await expectTruth(library, deployment, second, true);
    await expectUnharmed(library, deployment, second);
  });
}

/** Resolves when it has its voice server, with the guild. */
async function joinVoice(client: Client, simulator: Simulator): Promise<string> {
  const guildId = anyGuildId(simulator);
  const channel = listOf(simulator, guildId, 'channels').find(({ type }) => type === VOICE_CHANNEL);
  await client.ask('joinVoice', { guildId, channelId: String(channel?.['id']) });
  await eventually(async () => {
    const types = (await client.heard(0)).map(({ t }) => t);
    return types.includes('VOICE_STATE_UPDATE') && types.includes('VOICE_SERVER_UPDATE');
  }, SETTLE_DEADLINE_MS);
  return guildId;
}

async function chunksOf(client: Client): Promise<number> {
  return (await client.heard(0)).filter(({ t }) => t === 'GUILD_MEMBERS_CHUNK').length;
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
