/** Which dispatches the reducer listens to, and what it makes of those that are not as documented. */
import { describe, expect, it } from 'vitest';
import {
  guildIdKey,
  guildIdOf,
  type JsonObject,
  reduceGuild,
  reduceGuildAll,
  relevantEventTypes,
} from '../../../src/guilds/index.ts';
import { channel, GUILD_ID, guild, ids, member, OPTIONS, voiceState, withoutKinds } from './guild.ts';

describe('the guild of a dispatch', () => {
  it.each(['GUILD_CREATE', 'GUILD_UPDATE', 'GUILD_DELETE'])('is named by `id` in %s', (type) => {
    expect(guildIdKey(type)).toBe('id');
    expect(guildIdOf(type, { id: '1', guild_id: '2' })).toBe('1');
  });

  it.each([
    'GUILD_ROLE_CREATE',
    'CHANNEL_UPDATE',
    'MESSAGE_CREATE',
  ])('is named by `guild_id` in %s', (type) => {
    expect(guildIdKey(type)).toBe('guild_id');
    expect(guildIdOf(type, { id: '1', guild_id: '2' })).toBe('2');
  });

  it.each([undefined, null, 7, 'text', [], {}, { guild_id: 7 }, { guild_id: '' }])('is none in %j', (d) => {
    expect(guildIdOf('CHANNEL_UPDATE', d)).toBeUndefined();
  });
});

describe('the relevant event types', () => {
  it('leave out what changes no GUILD_CREATE', () => {
    const relevant = relevantEventTypes(OPTIONS);
    for (const type of [
      'TYPING_START',
      'GUILD_AUDIT_LOG_ENTRY_CREATE',
      'GUILD_BAN_ADD',
      'INTERACTION_CREATE',
    ]) {
      expect(relevant).not.toContain(type);
    }
    expect(relevant).toContain('GUILD_CREATE');
  });

  it('have MESSAGE_CREATE only where last message ids are asked for', () => {
    expect(relevantEventTypes(OPTIONS)).not.toContain('MESSAGE_CREATE');
    expect(relevantEventTypes({ ...OPTIONS, lastMessageIds: true })).toContain('MESSAGE_CREATE');
  });

  it('leave out what only changes kinds that are off', () => {
    const relevant = relevantEventTypes(withoutKinds('presences', 'threads', 'members'));
    expect(relevant).not.toContain('PRESENCE_UPDATE');
    expect(relevant).not.toContain('THREAD_LIST_SYNC');
    expect(relevant).not.toContain('GUILD_MEMBERS_CHUNK');
  });

  it("keep what can change the bot's own member, its voice state, and how many members there are", () => {
    const relevant = relevantEventTypes(withoutKinds('members', 'voiceStates'));
    for (const type of [
      'GUILD_MEMBER_ADD',
      'GUILD_MEMBER_UPDATE',
      'GUILD_MEMBER_REMOVE',
      'VOICE_STATE_UPDATE',
    ]) {
      expect(relevant).toContain(type);
    }
  });
});

describe('a dispatch that is not as documented changes nothing:', () => {
  const guildId = { guild_id: GUILD_ID };

  it.each<[string, unknown]>([
    ['CHANNEL_UPDATE', undefined],
    ['CHANNEL_UPDATE', null],
    ['CHANNEL_UPDATE', 'text'],
    ['CHANNEL_UPDATE', [guildId]],
    ['CHANNEL_UPDATE', channel('10', { name: 'of no guild' })],
    ['CHANNEL_UPDATE', { ...channel('10', { name: 'of another guild' }), guild_id: '2000' }],
    ['CHANNEL_UPDATE', { ...guildId, id: 10, name: 'a number for an id' }],
    ['CHANNEL_DELETE', { ...guildId, id: null }],
    ['CHANNEL_PINS_UPDATE', { ...guildId, channel_id: '10', last_pin_timestamp: 7 }],
    ['CHANNEL_INFO', { ...guildId, channels: 'all' }],
    ['VOICE_CHANNEL_STATUS_UPDATE', { ...guildId, id: '20', status: 7 }],
    ['THREAD_UPDATE', { ...guildId, name: 'no id' }],
    ['THREAD_MEMBERS_UPDATE', { ...guildId, member_count: 3 }],
    ['GUILD_CREATE', { name: 'no id' }],
    ['GUILD_CREATE', { ...guild(), id: '2000' }],
    ['GUILD_DELETE', {}],
    ['GUILD_DELETE', { id: '2000' }],
    ['GUILD_ROLE_CREATE', { ...guildId, role: null }],
    ['GUILD_ROLE_UPDATE', { ...guildId, role: { name: 'no id' } }],
    ['GUILD_ROLE_DELETE', { ...guildId, role_id: 50 }],
    ['GUILD_EMOJIS_UPDATE', { ...guildId, emojis: { id: '70' } }],
    ['GUILD_SOUNDBOARD_SOUND_CREATE', { ...guildId, id: '80' }],
    ['GUILD_SOUNDBOARD_SOUNDS_UPDATE', { ...guildId, soundboard_sounds: 7 }],
    ['GUILD_MEMBER_ADD', { ...guildId, ...member('3'), user: undefined }],
    ['GUILD_MEMBER_REMOVE', { ...guildId, user: { id: 1 } }],
    ['GUILD_MEMBERS_CHUNK', { ...guildId, members: 7, presences: [null, { user: null }] }],
    ['PRESENCE_UPDATE', { ...guildId, user: '1', status: 'online' }],
    ['PRESENCE_UPDATE', { ...guildId, user: { id: '2' }, status: 7 }],
    ['VOICE_STATE_UPDATE', { ...guildId, ...voiceState('1', '20'), channel_id: undefined }],
    ['VOICE_STATE_UPDATE', { ...guildId, ...voiceState('2', null), user_id: 2 }],
    ['STAGE_INSTANCE_CREATE', { ...guildId, topic: 'no id' }],
    ['GUILD_SCHEDULED_EVENT_USER_ADD', { ...guildId, guild_scheduled_event_id: 90, user_id: '1' }],
    ['constructor', guildId],
    ['AN_EVENT_OF_TOMORROW', { ...guildId, members: [], id: '10' }],
  ])('%s %j', (type, d) => {
    const before = guild();
    expect(reduceGuild(before, type, d, OPTIONS)).toBe(before);
  });

  it('and neither does any event of a guild that is not known', () => {
    expect(
      reduceGuild(undefined, 'CHANNEL_CREATE', { ...guildId, ...channel('10') }, OPTIONS),
    ).toBeUndefined();
  });
});

describe('what nobody here knows', () => {
  it('survives in the guild and in its parts', () => {
    const d = { guild_id: GUILD_ID, ...channel('10', { new_in_channels: [1] }) };
    const update = { id: GUILD_ID, new_in_guilds: { a: 1 } };
    const reduced = reduceGuildAll(
      guild(),
      [
        { t: 'CHANNEL_UPDATE', d },
        { t: 'GUILD_UPDATE', d: update },
      ],
      OPTIONS,
    );
    expect(reduced?.['new_in_guilds']).toEqual({ a: 1 });
    expect(reduced?.['a_field_of_tomorrow']).toEqual({ deep: [1, 2] });
    expect((reduced?.['channels'] as JsonObject[])[0]?.['new_in_channels']).toEqual([1]);
  });

  it('survives under a key named __proto__', () => {
    const update = JSON.parse(`{"id":"${GUILD_ID}","__proto__":{"polluted":true}}`);
    const reduced = reduceGuild(guild(), 'GUILD_UPDATE', update, OPTIONS);
    expect(JSON.stringify(reduced)).toContain('"__proto__":{"polluted":true}');
    expect(reduced).not.toHaveProperty('polluted');
  });

  it('stays in its list, elements without an id included', () => {
    const before = guild({ channels: [{ odd: true }, channel('10'), 'text', null] });
    const reduced = reduceGuild(before, 'CHANNEL_CREATE', { guild_id: GUILD_ID, ...channel('30') }, OPTIONS);
    expect(reduced?.['channels']).toEqual([...(before['channels'] as unknown[]), channel('30')]);
  });
});

describe('many dispatches', () => {
  it('cost one pass over the guild, not one each', () => {
    const count = 20_000;
    const members = Array.from({ length: count }, (_, index) => member(String(index)));
    const dispatches = members.map((each) => ({
      t: 'GUILD_MEMBER_UPDATE',
      d: { ...each, guild_id: GUILD_ID, nick: 'new' },
    }));
    const startedAt = performance.now();
    const reduced = reduceGuildAll(guild({ members }), dispatches, OPTIONS);
    // A pass each would be 400,000,000 steps: minutes, against some 20 ms.
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(ids(reduced as JsonObject, 'members')).toHaveLength(count);
  });
});
