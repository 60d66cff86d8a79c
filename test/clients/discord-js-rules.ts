/** How discord.js 14 keeps guilds: its names, its values, and what it does not keep. */
import type { Entity, GuildRules, ListRules, Rules } from './compare.ts';

const NO_PROPERTY = 'discord.js has no property for it';
const FOLLOWS_MESSAGES = 'discord.js follows messages with it, which the truth does not';
const ADDS = 'GUILD_CREATE adds to what there was';
const COUNTED_ELSEWHERE = 'discord.js does not count who subscribes and leaves';

const CATEGORY = 4;
const ANNOUNCEMENT = 5;
const FORUM = 15;
const VOICE_TYPES = [2, 13];

/** Fields that channels of some types don't have in discord.js. */
const NOT_OF_CATEGORIES = ['topic', 'nsfw', 'rate_limit_per_user', 'last_pin_timestamp'];
const NOT_OF_VOICE = ['topic', 'last_pin_timestamp'];
const NOT_OF_ANNOUNCEMENTS = ['rate_limit_per_user'];
const NOT_OF_FORUMS = ['last_pin_timestamp'];

const byId = ({ id }: Entity) => String(id);
const milliseconds = (value: unknown) => (typeof value === 'string' ? Date.parse(value) : null);
/** Bit fields are dumped as decimal numbers in text. */
const bits = (value: unknown) => String(value);

function entity(value: unknown): Entity {
  // The reason for the cast: used for fields of the truth that are objects.
  return value as Entity;
}

function without(one: Entity, keys: readonly string[]): Entity {
  return Object.fromEntries(Object.entries(one).filter(([key]) => !keys.includes(key)));
}

function ofItsType(channel: Entity): Entity {
  const type = Number(channel['type']);
  if (type === CATEGORY) return without(channel, NOT_OF_CATEGORIES);
  if (type === ANNOUNCEMENT) return without(channel, NOT_OF_ANNOUNCEMENTS);
  if (type === FORUM) return without(channel, NOT_OF_FORUMS);
  return VOICE_TYPES.includes(type) ? without(channel, NOT_OF_VOICE) : channel;
}

function tag(value: unknown): Entity {
  const { emoji_id, emoji_name, ...rest } = entity(value);
  return { ...rest, emoji: { id: emoji_id, name: emoji_name } };
}

const user: Rules = { names: { public_flags: 'flags' }, values: { public_flags: bits } };

const channels: ListRules = {
  cachedAs: 'channels',
  idOf: byId,
  prepare: ofItsType,
  names: { position: 'rawPosition' },
  values: {
    flags: bits,
    last_pin_timestamp: milliseconds,
    available_tags: (tags) => (tags as unknown[]).map(tag), // A list wherever there is one.
  },
  nested: { permission_overwrites: { values: { allow: bits, deny: bits } } },
  absent: { version: NO_PROPERTY, status: NO_PROPERTY, last_message_id: FOLLOWS_MESSAGES },
};

const threads: ListRules = {
  cachedAs: 'threads',
  idOf: byId,
  prepare: ({ thread_metadata, ...thread }) => ({ ...thread, ...entity(thread_metadata) }),
  // Archived threads, and those of channels that are gone, stay until discord.js sweeps them.
  counts: ({ archived, parentId }, guild) =>
    archived !== true && String(parentId) in entity(guild['channels']),
  staleAfterOutage: ADDS,
  names: { member: 'me' },
  values: { flags: bits, archive_timestamp: milliseconds, last_pin_timestamp: milliseconds },
  nested: {
    member: {
      names: { join_timestamp: 'joinedTimestamp' },
      values: { join_timestamp: milliseconds, flags: bits },
      absent: { muted: NO_PROPERTY },
    },
  },
  absent: { create_timestamp: 'discord.js keeps it to itself', last_message_id: FOLLOWS_MESSAGES },
};

const roles: ListRules = {
  cachedAs: 'roles',
  idOf: byId,
  names: { position: 'rawPosition' },
  values: { flags: bits },
  nested: { colors: {} },
};

const emojis: ListRules = { cachedAs: 'emojis', idOf: byId, names: { require_colons: 'requiresColons' } };

const stickers: ListRules = {
  cachedAs: 'stickers',
  idOf: byId,
  names: { format_type: 'format' },
  absent: { asset: NO_PROPERTY },
};

const members: ListRules = {
  cachedAs: 'members',
  idOf: (member) => byId(entity(member['user'])),
  names: {
    nick: 'nickname',
    joined_at: 'joinedTimestamp',
    premium_since: 'premiumSinceTimestamp',
    communication_disabled_until: 'communicationDisabledUntilTimestamp',
  },
  values: {
    flags: bits,
    joined_at: milliseconds,
    premium_since: milliseconds,
    communication_disabled_until: milliseconds,
  },
  nested: { user },
  absent: {
    deaf: 'discord.js has it of voice states alone',
    mute: 'discord.js has it of voice states alone',
  },
};

const presences: ListRules = {
  cachedAs: 'presences',
  idOf: (presence) => byId(entity(presence['user'])),
  prepare: ({ user: whose, ...presence }) => ({ ...presence, user_id: entity(whose)['id'] }),
  counts: ({ status }) => status !== 'offline',
  staleAfterOutage: ADDS,
  nested: {
    client_status: {},
    activities: {
      names: { created_at: 'createdTimestamp' },
      values: { timestamps: (value) => ({ ...entity(value), end: null }) },
      nested: { assets: {} },
      absent: { id: NO_PROPERTY, origin: NO_PROPERTY },
    },
  },
  absent: { processed_at_timestamp: NO_PROPERTY },
};

const voiceStates: ListRules = {
  cachedAs: 'voiceStates',
  idOf: (state) => String(state['user_id']),
  counts: ({ channelId }) => channelId !== null,
  names: { user_id: 'id', deaf: 'serverDeaf', mute: 'serverMute' },
  values: { request_to_speak_timestamp: milliseconds },
};

const scheduledEvents: ListRules = {
  cachedAs: 'scheduledEvents',
  idOf: byId,
  names: {
    scheduled_start_time: 'scheduledStartTimestamp',
    scheduled_end_time: 'scheduledEndTimestamp',
  },
  values: { scheduled_start_time: milliseconds, scheduled_end_time: milliseconds },
  nested: { creator: user, entity_metadata: {} },
  absent: { sku_ids: NO_PROPERTY, user_count: COUNTED_ELSEWHERE },
};

const soundboardSounds: ListRules = {
  cachedAs: 'soundboardSounds',
  idOf: (sound) => String(sound['sound_id']),
  prepare: (sound) => ({ ...without(sound, ['emoji_id', 'emoji_name']), emoji: entity(tag(sound)['emoji']) }),
  absent: { user_id: NO_PROPERTY },
};

export const DISCORD_JS: GuildRules = {
  names: {
    unavailable: 'available',
    joined_at: 'joinedTimestamp',
    max_members: 'maximumMembers',
    max_presences: 'maximumPresences',
    vanity_url_code: 'vanityURLCode',
  },
  values: {
    unavailable: (isUnavailable) => isUnavailable !== true,
    joined_at: milliseconds,
    system_channel_flags: bits,
  },
  absent: { application_command_counts: NO_PROPERTY, activity_instances: NO_PROPERTY, version: NO_PROPERTY },
  lists: {
    channels,
    threads,
    roles,
    emojis,
    stickers,
    members,
    presences,
    voice_states: voiceStates,
    stage_instances: {
      cachedAs: 'stageInstances',
      idOf: byId,
      absent: { invite_code: NO_PROPERTY },
    },
    guild_scheduled_events: scheduledEvents,
    soundboard_sounds: soundboardSounds,
  },
};
