/** Commands to a simulator that knows the true state of its guilds. */
import { describe, expect, test } from 'vitest';
import { ALL_INTENTS, INTENTS } from '../../../src/protocol/intents.ts';
import type { Simulator, SimulatorOptions } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { Peer, readyPeer, smallSimulator } from './peer.ts';

const BOT = '100000000000000001';
type Body = Record<string, unknown>;

function stateful(options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
  return smallSimulator({ guildState: true, guilds: 1, ...options });
}

function guildOf(simulator: Simulator): Body & { id: string; members: Body[]; presences: Body[] } {
  return simulator.guild(simulator.guildIds(0)[0]!) as ReturnType<typeof guildOf>;
}

function channelOf(simulator: Simulator, type: number): string {
  const channels = guildOf(simulator)['channels'] as Body[];
  return String(channels.find((channel) => channel['type'] === type)?.['id']);
}

describe('a request for members', () => {
  test('of a whole guild brings them all in chunks of 1000, in order, with the nonce', async () => {
    await using simulator = await stateful({ guildSize: { channels: 3, roles: 3, members: 2_345 } });
    using peer = await readyPeer(simulator);
    const guild = guildOf(simulator);
    peer.send(8, { guild_id: guild.id, query: '', limit: 0, presences: true, nonce: 'n1' });
    await peer.next('GUILD_MEMBERS_CHUNK', 3);
    const chunks = peer.dispatches.filter(({ t }) => t === 'GUILD_MEMBERS_CHUNK').map(({ d }) => d);
    expect(chunks.map(({ chunk_index, chunk_count, nonce }) => [chunk_index, chunk_count, nonce])).toEqual([
      [0, 3, 'n1'],
      [1, 3, 'n1'],
      [2, 3, 'n1'],
    ]);
    expect(chunks.map(({ members }) => (members as Body[]).length)).toEqual([1000, 1000, 345]);
    expect(chunks.flatMap(({ members }) => members)).toEqual(guild.members);
    expect(chunks.flatMap(({ presences }) => presences)).toEqual(guild.presences);
    expect(simulator.stats().violationCount).toBe(0);
  });

  test('by id brings those there are, and names the others', async () => {
    await using simulator = await stateful();
    using peer = await readyPeer(simulator);
    const guild = guildOf(simulator);
    peer.send(8, { guild_id: guild.id, user_ids: [BOT, BOT, '999999999999999999'] });
    const { d } = await peer.next('GUILD_MEMBERS_CHUNK');
    expect(d).toMatchObject({ members: [guild.members[0]], not_found: ['999999999999999999'] });
    expect(d).not.toHaveProperty('presences');
  });

  test('by name brings up to as many as it says, whatever the case', async () => {
    await using simulator = await stateful();
    using peer = await readyPeer(simulator);
    peer.send(8, { guild_id: guildOf(simulator).id, query: 'SIMUL', limit: 1 });
    expect((await peer.next('GUILD_MEMBERS_CHUNK')).d['members']).toEqual([guildOf(simulator).members[0]]);
  });

  test('knows who came and went meanwhile', async () => {
    await using simulator = await stateful();
    using peer = await readyPeer(simulator);
    simulator.happen(0, 'GUILD_MEMBER_REMOVE');
    const { user } = (await peer.next('GUILD_MEMBER_REMOVE')).d;
    const { id } = user as Body;
    peer.send(8, { guild_id: guildOf(simulator).id, user_ids: [id] });
    expect((await peer.next('GUILD_MEMBERS_CHUNK')).d).toMatchObject({ members: [], not_found: [id] });
  });

  test('has no presences without their intent, and no list of members without theirs', async () => {
    await using simulator = await stateful();
    using peer = await new Peer(simulator).opened();
    peer.identify({ intents: ALL_INTENTS & ~INTENTS.GUILD_PRESENCES & ~INTENTS.GUILD_MEMBERS });
    const guild_id = String((await peer.next('GUILD_CREATE')).d['id']);
    peer.send(8, { guild_id, user_ids: [BOT], presences: true });
    expect((await peer.next('GUILD_MEMBERS_CHUNK')).d).not.toHaveProperty('presences');
    peer.send(8, { guild_id, query: '', limit: 5 });
    await eventually(() => simulator.stats().violations['member-request-intents'] === 1);
  });

  test('of a whole guild inside the interval is a violation and gets RATE_LIMITED', async () => {
    await using simulator = await stateful();
    using peer = await readyPeer(simulator);
    const { id } = guildOf(simulator);
    peer.send(8, { guild_id: id, query: '', limit: 0 });
    peer.send(8, { guild_id: id, query: '', limit: 0, nonce: 'again' });
    const { d } = await peer.next('RATE_LIMITED');
    expect(d).toMatchObject({ opcode: 8, meta: { guild_id: id, nonce: 'again' } });
    expect(d['retry_after']).toBeGreaterThan(29);
    expect(simulator.stats().violations).toEqual({ 'member-request-rate': 1 });
  });

  test('is no violation the first time where the limit was injected, and is one when it comes again', async () => {
    await using simulator = await stateful();
    using peer = await readyPeer(simulator);
    const { id } = guildOf(simulator);
    simulator.inject({ kind: 'limit-member-requests', guild: id, ms: 60_000 });
    peer.send(8, { guild_id: id, query: '', limit: 0 });
    expect((await peer.next('RATE_LIMITED')).d['retry_after']).toBeGreaterThan(59);
    expect(simulator.stats().violationCount).toBe(0);
    peer.send(8, { guild_id: id, query: '', limit: 0 });
    await peer.next('RATE_LIMITED', 2);
    expect(simulator.stats().violations).toEqual({ 'member-request-rate': 1 });
  });
});

describe('voice', () => {
  const join = (simulator: Simulator, channel_id: string | null, self_mute = false) => ({
    guild_id: simulator.guildIds(0)[0],
    channel_id,
    self_mute,
    self_deaf: false,
  });
  const botVoice = (simulator: Simulator) =>
    (guildOf(simulator)['voice_states'] as Body[]).find((state) => state['user_id'] === BOT);

  test('is joined, moved in and left, and the guild knows', async () => {
    await using simulator = await stateful();
    using peer = await readyPeer(simulator);
    const [voice, stage] = [channelOf(simulator, 2), channelOf(simulator, 13)];
    peer.send(4, join(simulator, voice));
    await peer.next('VOICE_SERVER_UPDATE');
    expect(botVoice(simulator)).toMatchObject({ channel_id: voice, session_id: peer.sessionId });
    peer.send(4, join(simulator, stage));
    await peer.next('VOICE_SERVER_UPDATE', 2);
    expect(botVoice(simulator)).toMatchObject({ channel_id: stage });
    peer.send(4, join(simulator, null));
    expect((await peer.next('VOICE_STATE_UPDATE', 3)).d).toMatchObject({ user_id: BOT, channel_id: null });
    expect(botVoice(simulator)).toBeUndefined();
  });

  test('has no new server where only the mute changes', async () => {
    await using simulator = await stateful();
    using peer = await readyPeer(simulator);
    const voice = channelOf(simulator, 2);
    peer.send(4, join(simulator, voice));
    peer.send(4, join(simulator, voice, true));
    peer.send(31, { guild_ids: simulator.guildIds(0) });
    await peer.next('SOUNDBOARD_SOUNDS');
    expect(peer.dispatches.filter(({ t }) => t === 'VOICE_SERVER_UPDATE')).toHaveLength(1);
    expect(botVoice(simulator)).toMatchObject({ self_mute: true });
  });

  test('is not joined in a channel that is none of voice', async () => {
    await using simulator = await stateful();
    using peer = await readyPeer(simulator);
    peer.send(4, join(simulator, channelOf(simulator, 0)));
    peer.send(31, { guild_ids: simulator.guildIds(0) });
    await peer.next('SOUNDBOARD_SOUNDS');
    expect(botVoice(simulator)).toBeUndefined();
  });

  test('is over when the session is', async () => {
    await using simulator = await stateful({ identifyIntervalMs: 0 });
    using first = await readyPeer(simulator);
    first.send(4, join(simulator, channelOf(simulator, 2)));
    await first.next('VOICE_SERVER_UPDATE');
    using second = await readyPeer(simulator);
    expect(botVoice(simulator)).toBeUndefined();
    const created = (await second.next('GUILD_CREATE')).d['voice_states'] as Body[];
    expect(created.some((state) => state['user_id'] === BOT)).toBe(false);
  });
});

describe('a request', () => {
  test('for sounds brings those of each guild', async () => {
    await using simulator = await stateful({ guilds: 2 });
    using peer = await readyPeer(simulator);
    simulator.happen(0, 'GUILD_SOUNDBOARD_SOUND_UPDATE');
    const guild_ids = simulator.guildIds(0);
    peer.send(31, { guild_ids });
    await peer.next('SOUNDBOARD_SOUNDS', 2);
    const answers = peer.dispatches.filter(({ t }) => t === 'SOUNDBOARD_SOUNDS').map(({ d }) => d);
    expect(answers).toEqual(
      guild_ids.map((guild_id) => ({
        guild_id,
        soundboard_sounds: simulator.guild(guild_id)?.['soundboard_sounds'],
      })),
    );
  });

  test('for channel information brings the fields that it asks for, of each voice channel', async () => {
    await using simulator = await stateful();
    using peer = await readyPeer(simulator);
    const { id: guild_id } = guildOf(simulator);
    const id = channelOf(simulator, 13);
    simulator.dispatch(0, 'VOICE_CHANNEL_STATUS_UPDATE', { id, guild_id, status: 'busy' });
    simulator.dispatch(0, 'VOICE_CHANNEL_START_TIME_UPDATE', { id, guild_id, voice_start_time: 5 });
    for (const fields of [['status'], ['voice_start_time']]) peer.send(43, { guild_id, fields });
    await peer.next('CHANNEL_INFO', 2);
    const [first, second] = peer.dispatches.filter(({ t }) => t === 'CHANNEL_INFO').map(({ d }) => d);
    expect(first).toEqual({ guild_id, channels: expect.arrayContaining([{ id, status: 'busy' }]) });
    expect(second).toEqual({ guild_id, channels: expect.arrayContaining([{ id, voice_start_time: 5 }]) });
  });

  test('of a guild that is out goes unanswered', async () => {
    await using simulator = await stateful({ guilds: 2 });
    using peer = await readyPeer(simulator);
    const [out, other] = simulator.guildIds(0) as [string, string];
    simulator.happen(0, 'outage', out);
    peer.send(31, { guild_ids: [out, other] });
    expect((await peer.next('SOUNDBOARD_SOUNDS')).d['guild_id']).toBe(other);
    expect(simulator.stats().violationCount).toBe(0);
  });
});
