/** A guild and its parts in the shapes that Discord documents, small enough to read. */
import {
  type GuildKind,
  type GuildOptions,
  type JsonObject,
  reduceGuild,
} from '../../../src/guilds/index.ts';

export const GUILD_ID = '1000';
export const BOT_ID = '9';

export const OPTIONS: GuildOptions = { ownUserId: BOT_ID, off: new Set(), lastMessageIds: false };

export function withoutKinds(...off: GuildKind[]): GuildOptions {
  return { ...OPTIONS, off: new Set(off) };
}

export function user(id: string, more: JsonObject = {}): JsonObject {
  return { id, username: `user ${id}`, discriminator: '0', global_name: null, avatar: null, ...more };
}

export function member(id: string, more: JsonObject = {}): JsonObject {
  return {
    user: user(id),
    nick: null,
    avatar: null,
    banner: null,
    roles: [],
    joined_at: '2024-01-02T03:04:05.000000+00:00',
    premium_since: null,
    deaf: false,
    mute: false,
    flags: 0,
    pending: false,
    communication_disabled_until: null,
    ...more,
  };
}

export function channel(id: string, more: JsonObject = {}): JsonObject {
  return {
    id,
    type: 0,
    name: `channel ${id}`,
    position: 0,
    permission_overwrites: [],
    parent_id: null,
    ...more,
  };
}

export function thread(id: string, parentId: string, more: JsonObject = {}): JsonObject {
  return {
    id,
    parent_id: parentId,
    owner_id: '1',
    type: 11,
    name: `thread ${id}`,
    member_count: 1,
    message_count: 0,
    thread_metadata: { archived: false, auto_archive_duration: 1440, locked: false },
    ...more,
  };
}

export const ARCHIVED: JsonObject = {
  thread_metadata: { archived: true, auto_archive_duration: 1440, locked: false },
};

export function role(id: string, more: JsonObject = {}): JsonObject {
  return { id, name: `role ${id}`, position: 1, permissions: '0', color: 0, hoist: false, flags: 0, ...more };
}

export function presence(userId: string, status = 'online', more: JsonObject = {}): JsonObject {
  return { user: { id: userId }, status, activities: [], client_status: { desktop: status }, ...more };
}

export function voiceState(userId: string, channelId: string | null, more: JsonObject = {}): JsonObject {
  return {
    user_id: userId,
    channel_id: channelId,
    session_id: `session of ${userId}`,
    deaf: false,
    mute: false,
    self_deaf: false,
    self_mute: false,
    self_video: false,
    suppress: false,
    request_to_speak_timestamp: null,
    ...more,
  };
}

export function scheduledEvent(id: string, more: JsonObject = {}): JsonObject {
  return {
    id,
    guild_id: GUILD_ID,
    channel_id: '20',
    name: `event ${id}`,
    status: 1,
    entity_type: 2,
    ...more,
  };
}

export function sound(id: string, more: JsonObject = {}): JsonObject {
  return { sound_id: id, guild_id: GUILD_ID, name: `sound ${id}`, volume: 1, available: true, ...more };
}

export function stage(id: string, channelId: string, more: JsonObject = {}): JsonObject {
  return { id, guild_id: GUILD_ID, channel_id: channelId, topic: `topic ${id}`, privacy_level: 2, ...more };
}

/** Text channel 10 with threads 100 and 101, voice channel 20, the bot and members 1 and 2. */
export function guild(more: JsonObject = {}): JsonObject {
  return {
    id: GUILD_ID,
    name: 'a guild',
    icon: null,
    owner_id: '1',
    features: ['COMMUNITY'],
    unavailable: false,
    joined_at: '2023-01-02T03:04:05.000000+00:00',
    large: false,
    member_count: 3,
    a_field_of_tomorrow: { deep: [1, 2] },
    roles: [role(GUILD_ID), role('50'), role('51')],
    emojis: [{ id: '70', name: 'smile' }],
    stickers: [{ id: '75', name: 'wave' }],
    channels: [channel('10', { last_message_id: '500' }), channel('20', { type: 2 })],
    threads: [thread('100', '10', { member: { join_timestamp: 'then', flags: 1 } }), thread('101', '10')],
    members: [member(BOT_ID, { roles: ['50'] }), member('1', { roles: ['50', '51'] }), member('2')],
    presences: [presence('1')],
    voice_states: [voiceState('1', '20')],
    stage_instances: [],
    guild_scheduled_events: [],
    soundboard_sounds: [],
    ...more,
  };
}

/** `guild` after a dispatch, whose `d` gets the guild's id as Discord sends it. */
export function afterEvent(before: JsonObject, type: string, d: JsonObject, options = OPTIONS): JsonObject {
  const reduced = reduceGuild(before, type, { guild_id: GUILD_ID, ...d }, options);
  if (reduced === undefined) throw new Error(`no guild after ${type}`);
  return reduced;
}

/** An element of one of the guild's lists. */
export function find(guild: JsonObject, key: string, id: string): JsonObject | undefined {
  return (guild[key] as JsonObject[]).find((element) => {
    const user = element['user'] as JsonObject | undefined;
    return (key === 'members' || key === 'presences' ? user?.['id'] : element['id']) === id;
  });
}

/** The ids of a list, in its order. */
export function ids(guild: JsonObject, key: string): unknown[] {
  return (guild[key] as JsonObject[]).map((element) => {
    const user = element['user'] as JsonObject | undefined;
    if (key === 'members' || key === 'presences') return user?.['id'];
    return element['id'] ?? element['sound_id'] ?? element['user_id'];
  });
}
