/** What each event changes in a guild of the simulator's, as Discord documents it. */
import { describe, expect, test } from 'vitest';
import { GuildSet } from '../../../src/simulator/payloads/guilds.ts';
import { BOT_USER_ID, createUsers } from '../../../src/simulator/payloads/users.ts';
import { Random } from '../../../src/simulator/random.ts';
import { applyEvent } from '../../../src/simulator/state/changes.ts';
import type { Entity, ListName, LiveGuild } from '../../../src/simulator/state/entities.ts';
import { firstState } from '../../../src/simulator/state/first-state.ts';
import { People } from '../../../src/simulator/state/people.ts';
import { guildCreateBody } from '../../../src/simulator/state/view.ts';

const people = new People(createUsers(new Random(1)));
const size = { channels: 10, roles: 6, members: 20 };

function someGuild(): LiveGuild {
  return firstState(new GuildSet(0, 1, 1).all()[0]!, size, people);
}

function first(guild: LiveGuild, list: ListName, passes: (one: Entity) => boolean = () => true): Entity {
  return [...guild.lists[list].values()].find(passes)!;
}

/** The guild's bodies before and after an event, made from the guild as it was. */
function around(t: string, make: (guild: LiveGuild) => Entity): { before: Entity; after: Entity } {
  const guild = someGuild();
  const before = structuredClone(guildCreateBody(guild));
  applyEvent(guild, t, make(guild));
  return { before, after: guildCreateBody(guild) };
}

function listOf(body: Entity, list: string): Entity[] {
  return body[list] as Entity[];
}

const isHuman = (member: Entity) => (member['user'] as Entity)['id'] !== BOT_USER_ID;

describe('an event that adds something', () => {
  test.each<[string, string, (guild: LiveGuild) => Entity, Entity]>([
    ['CHANNEL_CREATE', 'channels', () => ({ id: '1', guild_id: 'g', type: 0 }), { id: '1', type: 0 }],
    ['GUILD_ROLE_CREATE', 'roles', () => ({ guild_id: 'g', role: { id: '1' } }), { id: '1' }],
    ['THREAD_CREATE', 'threads', () => ({ id: '1', guild_id: 'g', newly_created: true }), { id: '1' }],
    [
      'GUILD_MEMBER_ADD',
      'members',
      () => ({ guild_id: 'g', user: { id: '1' }, roles: [] }),
      { user: { id: '1' }, roles: [] },
    ],
    [
      'PRESENCE_UPDATE',
      'presences',
      () => ({ guild_id: 'g', user: { id: '1' }, status: 'idle' }),
      { user: { id: '1' }, status: 'idle' },
    ],
    [
      'VOICE_STATE_UPDATE',
      'voice_states',
      () => ({ guild_id: 'g', member: {}, user_id: '1', channel_id: '2' }),
      { user_id: '1', channel_id: '2' },
    ],
    [
      'STAGE_INSTANCE_CREATE',
      'stage_instances',
      () => ({ id: '1', guild_id: 'g' }),
      { id: '1', guild_id: 'g' },
    ],
    [
      'GUILD_SCHEDULED_EVENT_CREATE',
      'guild_scheduled_events',
      () => ({ id: '1', guild_id: 'g' }),
      { id: '1', guild_id: 'g' },
    ],
    [
      'GUILD_SOUNDBOARD_SOUND_CREATE',
      'soundboard_sounds',
      () => ({ sound_id: '1', guild_id: 'g' }),
      { sound_id: '1', guild_id: 'g' },
    ],
  ])('%s: to %s, as GUILD_CREATE has it', (t, list, make, added) => {
    const { before, after } = around(t, make);
    expect(listOf(after, list)).toEqual([...listOf(before, list), added]);
  });
});

describe('an event that takes something away', () => {
  test.each<[string, ListName, (one: Entity) => Entity]>([
    ['CHANNEL_DELETE', 'channels', ({ id }) => ({ id })],
    ['GUILD_ROLE_DELETE', 'roles', ({ id }) => ({ role_id: id })],
    ['THREAD_DELETE', 'threads', ({ id }) => ({ id })],
    ['GUILD_MEMBER_REMOVE', 'members', ({ user }) => ({ user })],
    ['PRESENCE_UPDATE', 'presences', ({ user }) => ({ user, status: 'offline' })],
    ['VOICE_STATE_UPDATE', 'voice_states', ({ user_id }) => ({ user_id, channel_id: null })],
    ['STAGE_INSTANCE_DELETE', 'stage_instances', ({ id }) => ({ id })],
    ['GUILD_SCHEDULED_EVENT_DELETE', 'guild_scheduled_events', ({ id }) => ({ id })],
    ['GUILD_SOUNDBOARD_SOUND_DELETE', 'soundboard_sounds', ({ sound_id }) => ({ sound_id })],
  ])('%s: from %s', (t, list, make) => {
    const { before, after } = around(t, (guild) => make(first(guild, list)));
    expect(listOf(after, list)).toEqual(listOf(before, list).slice(1));
  });
});

describe('an event that changes something', () => {
  test.each<[string, ListName, Entity]>([
    ['CHANNEL_UPDATE', 'channels', { name: 'new' }],
    ['THREAD_UPDATE', 'threads', { name: 'new' }],
    ['GUILD_MEMBER_UPDATE', 'members', { nick: 'new' }],
    ['PRESENCE_UPDATE', 'presences', { status: 'dnd' }],
    ['VOICE_STATE_UPDATE', 'voice_states', { self_mute: true }],
    ['STAGE_INSTANCE_UPDATE', 'stage_instances', { topic: 'new' }],
    ['GUILD_SCHEDULED_EVENT_UPDATE', 'guild_scheduled_events', { status: 2 }],
    ['GUILD_SOUNDBOARD_SOUND_UPDATE', 'soundboard_sounds', { volume: 0 }],
  ])('%s: in its place in %s', (t, list, change) => {
    const { before, after } = around(t, (guild) => ({ ...first(guild, list), ...change }));
    const [changed, ...others] = listOf(before, list);
    expect(listOf(after, list)).toEqual([{ ...changed, ...change }, ...others]);
  });

  test('GUILD_UPDATE: settings and roles, and nothing that only GUILD_CREATE has', () => {
    const { before, after } = around('GUILD_UPDATE', () => ({ name: 'new', roles: [{ id: '1' }] }));
    expect(after).toEqual({ ...before, name: 'new', roles: [{ id: '1' }] });
  });

  test.each(['emojis', 'stickers'])('GUILD_%s_UPDATE: all of them', (list) => {
    const { before, after } = around(`GUILD_${list.toUpperCase()}_UPDATE`, () => ({ [list]: [{ id: '1' }] }));
    expect(after).toEqual({ ...before, [list]: [{ id: '1' }] });
  });

  test('GUILD_SOUNDBOARD_SOUNDS_UPDATE: the sounds it names', () => {
    const { before, after } = around('GUILD_SOUNDBOARD_SOUNDS_UPDATE', (guild) => ({
      soundboard_sounds: [{ ...first(guild, 'soundboard_sounds'), name: 'new' }],
    }));
    const [changed, ...others] = listOf(before, 'soundboard_sounds');
    expect(listOf(after, 'soundboard_sounds')).toEqual([{ ...changed, name: 'new' }, ...others]);
  });

  test('CHANNEL_PINS_UPDATE: the time of the last pin', () => {
    const { after } = around('CHANNEL_PINS_UPDATE', (guild) => ({
      channel_id: first(guild, 'channels')['id'],
      last_pin_timestamp: 'now',
    }));
    expect(listOf(after, 'channels')[0]).toMatchObject({ last_pin_timestamp: 'now' });
  });

  test('VOICE_CHANNEL_STATUS_UPDATE: the status of the channel, but the start time is told nowhere else', () => {
    const isVoice = (channel: Entity) => channel['type'] === 2;
    const { before, after } = around('VOICE_CHANNEL_STATUS_UPDATE', (guild) => {
      const { id } = first(guild, 'channels', isVoice);
      applyEvent(guild, 'VOICE_CHANNEL_START_TIME_UPDATE', { id, voice_start_time: 5 });
      return { id, status: 'busy' };
    });
    const channelOf = (body: Entity) => listOf(body, 'channels').find(isVoice);
    expect(channelOf(after)).toEqual({ ...channelOf(before), status: 'busy' });
  });

  test.each([
    ['ADD', 1],
    ['REMOVE', -1],
  ])('GUILD_SCHEDULED_EVENT_USER_%s: how many come', (change, difference) => {
    const { before, after } = around(`GUILD_SCHEDULED_EVENT_USER_${change}`, (guild) => ({
      guild_scheduled_event_id: first(guild, 'guild_scheduled_events')['id'],
    }));
    const count = (body: Entity) => listOf(body, 'guild_scheduled_events')[0]?.['user_count'] as number;
    expect(count(after) - count(before)).toBe(difference);
  });
});

describe('what goes along with something else', () => {
  test('the threads of a deleted channel', () => {
    const { after } = around('CHANNEL_DELETE', ({ identity }) => ({ id: identity.channelId }));
    expect(after['threads']).toEqual([]);
  });

  test('a deleted role, from its members', () => {
    let roleId = '';
    const { after } = around('GUILD_ROLE_DELETE', ({ identity }) => {
      roleId = identity.roleIds[2]!;
      return { role_id: roleId };
    });
    expect(listOf(after, 'members').some((member) => (member['roles'] as string[]).includes(roleId))).toBe(
      false,
    );
  });

  test('the presence and the voice state of a removed member, who counts no more', () => {
    let userId = '';
    const { before, after } = around('GUILD_MEMBER_REMOVE', (guild) => {
      const voice = first(guild, 'voice_states');
      userId = String(voice['user_id']);
      return { user: { id: userId } };
    });
    expect(listOf(after, 'voice_states').map((voice) => voice['user_id'])).not.toContain(userId);
    expect(listOf(after, 'presences').map(({ user }) => (user as Entity)['id'])).not.toContain(userId);
    expect(after['member_count']).toBe((before['member_count'] as number) - 1);
  });

  test('what an update of a member leaves out stays as it is', () => {
    const { before, after } = around('GUILD_MEMBER_UPDATE', (guild) => {
      const { deaf: _, mute: __, ...rest } = first(guild, 'members', isHuman);
      return { ...rest, nick: 'new' };
    });
    const [bot, member, ...others] = listOf(before, 'members');
    expect(after['members']).toEqual([bot, { ...member, nick: 'new' }, ...others]);
  });
});

describe('a thread', () => {
  const archive = (thread: Entity, archived: boolean): Entity => {
    const { member: _, ...rest } = thread;
    return { ...rest, thread_metadata: { ...(thread['thread_metadata'] as Entity), archived } };
  };

  test('is not told of while it is archived, and comes back with the membership of the bot', () => {
    const guild = someGuild();
    const thread = first(guild, 'threads');
    expect(thread).toHaveProperty('member');
    applyEvent(guild, 'THREAD_UPDATE', archive(thread, true));
    expect(guild.lists.threads.has(String(thread['id']))).toBe(false);
    applyEvent(guild, 'THREAD_UPDATE', archive(thread, false));
    expect(guild.lists.threads.get(String(thread['id']))).toEqual(thread);
  });

  test('loses the member when the bot leaves, and gets one without ids when it joins', () => {
    const guild = someGuild();
    const { id } = first(guild, 'threads');
    applyEvent(guild, 'THREAD_MEMBERS_UPDATE', { id, member_count: 4, removed_member_ids: [BOT_USER_ID] });
    expect(guild.lists.threads.get(String(id))).not.toHaveProperty('member');
    const added_members = [
      { id, user_id: BOT_USER_ID, join_timestamp: 'now', flags: 1, member: {}, presence: null },
    ];
    applyEvent(guild, 'THREAD_MEMBERS_UPDATE', { id, member_count: 5, added_members });
    expect(guild.lists.threads.get(String(id))).toMatchObject({ member_count: 5 });
    expect(guild.lists.threads.get(String(id))?.['member']).toEqual({ join_timestamp: 'now', flags: 1 });
  });

  test.each([
    ['of the synced channels', true, 0],
    ['of the whole guild where no channel is named', false, 0],
    ['of no other channel', ['another'], 3],
  ])('is gone when a THREAD_LIST_SYNC leaves it out: those %s', (_, channels, left) => {
    const guild = someGuild();
    const channel_ids = channels === true ? [guild.identity.channelId] : channels || undefined;
    applyEvent(guild, 'THREAD_LIST_SYNC', { channel_ids, threads: [], members: [] });
    expect(guild.lists.threads.size).toBe(left);
  });
});
