/** What of a guild's true state a session gets: by its intents, and where the guild is large. */
import { describe, expect, test } from 'vitest';
import { ALL_INTENTS, INTENTS } from '../../../src/protocol/intents.ts';
import { caughtUp, peerWith, stateful } from './stateful-peer.ts';

type Body = Record<string, unknown>;

describe('intents', () => {
  test('decide what is sent', async () => {
    await using simulator = await stateful();
    using peer = await peerWith(simulator, INTENTS.GUILDS | INTENTS.GUILD_VOICE_STATES);
    await simulator.burst(0, 2_000);
    const types = new Set((await caughtUp(simulator, peer)).map(({ t }) => t));
    expect(
      [...types].filter((t) => /^(MESSAGE|GUILD_MEMBER_(ADD|REMOVE)|PRESENCE|GUILD_SOUND)/.test(t!)),
    ).toEqual([]);
    expect(types.has('VOICE_STATE_UPDATE') && types.has('CHANNEL_UPDATE')).toBe(true);
  });

  test('decide what GUILD_CREATE has', async () => {
    await using simulator = await stateful({ guilds: 1 });
    using peer = await peerWith(simulator, INTENTS.GUILDS | INTENTS.GUILD_VOICE_STATES);
    const { d } = await peer.next('GUILD_CREATE');
    const inVoice = (d['voice_states'] as Body[]).map((state) => state['user_id']);
    const members = (d['members'] as Body[]).map(({ user }) => (user as Body)['id']);
    expect(inVoice).toHaveLength(3);
    expect(new Set(members)).toEqual(new Set(['100000000000000001', ...inVoice]));
    expect(d).toMatchObject({ presences: [], guild_scheduled_events: [], member_count: 20 });
    const view = { intents: INTENTS.GUILDS | INTENTS.GUILD_VOICE_STATES };
    expect(simulator.guild(String(d['id']), view)).toEqual(d);
  });

  test('without GUILDS bring no guilds', async () => {
    await using simulator = await stateful();
    using peer = await peerWith(simulator, INTENTS.GUILD_MESSAGES);
    await simulator.burst(0, 20);
    const types = (await caughtUp(simulator, peer)).map(({ t }) => t);
    expect(types).not.toContain('GUILD_CREATE');
    expect(types).toContain('MESSAGE_CREATE');
  });
});

describe('a large guild', () => {
  const guildSize = { channels: 4, roles: 4, members: 120 };

  test('comes with those who are online, have a role or a nickname, or are in voice', async () => {
    await using simulator = await stateful({ guilds: 1, guildSize });
    using peer = await peerWith(simulator, ALL_INTENTS);
    const { d } = await peer.next('GUILD_CREATE');
    expect(d).toMatchObject({ large: true, member_count: 120 });
    expect((d['members'] as unknown[]).length).toBeLessThan(120);
    expect(simulator.guild(String(d['id']))?.['members']).toHaveLength(120);
    expect(simulator.guild(String(d['id']), { intents: ALL_INTENTS })).toEqual(d);
  });

  test('is not large for a client with a higher threshold', async () => {
    await using simulator = await stateful({ guilds: 1, guildSize });
    using peer = await peerWith(simulator, ALL_INTENTS, { large_threshold: 250 });
    const { d } = await peer.next('GUILD_CREATE');
    expect(d['large']).toBe(false);
    expect(d['members']).toHaveLength(120);
  });
});
