/** What a live guild holds besides settings, roles and members, as Discord documents it; without the keys that GUILD_CREATE leaves out. */
import { textChannel } from '../payloads/guild-objects.ts';
import { BOT_USER_ID, hex, lookalike, sentence, type User } from '../payloads/users.ts';
import type { Random } from '../random.ts';
import type { Entity } from './entities.ts';

/** https://discord.com/developers/docs/resources/channel#channel-object-channel-types */
export const ChannelType = {
  Text: 0,
  Voice: 2,
  Category: 4,
  Announcement: 5,
  AnnouncementThread: 10,
  PublicThread: 11,
  PrivateThread: 12,
  Stage: 13,
  Forum: 15,
} as const;

export function isVoice(channel: Entity): boolean {
  return channel['type'] === ChannelType.Voice || channel['type'] === ChannelType.Stage;
}

export function hasThreads(channel: Entity): boolean {
  return channel['type'] === ChannelType.Text || channel['type'] === ChannelType.Forum;
}

/** A channel of any type but a thread. */
export function channelOf(type: number, id: string, position: number, parentId: string | null): Entity {
  const base = { ...textChannel(id, position), type, parent_id: parentId, version: position * 1_000 };
  switch (type) {
    case ChannelType.Voice:
    case ChannelType.Stage:
      return {
        ...base,
        bitrate: 64_000,
        user_limit: 0,
        rtc_region: null,
        video_quality_mode: 1,
        // Discord does not document it here, but sends it.
        status: null,
      };
    case ChannelType.Forum:
      return {
        ...base,
        available_tags: [{ id, name: 'tag', moderated: false, emoji_id: null, emoji_name: '📌' }],
        default_reaction_emoji: null,
        default_sort_order: null,
        default_forum_layout: 0,
        last_pin_timestamp: null,
      };
    default:
      return { ...base, last_pin_timestamp: null };
  }
}

/** https://discord.com/developers/docs/topics/threads */
export function threadOf(
  type: number,
  facts: { id: string; parentId: string; ownerId: string; at: string },
  random: Random,
): Entity {
  return {
    id: facts.id,
    type,
    parent_id: facts.parentId,
    owner_id: facts.ownerId,
    name: sentence(random, 3),
    last_message_id: null,
    last_pin_timestamp: null,
    rate_limit_per_user: 0,
    flags: 0,
    message_count: random.below(100),
    total_message_sent: 100 + random.below(100),
    member_count: 1 + random.below(10),
    thread_metadata: {
      archived: false,
      archive_timestamp: facts.at,
      auto_archive_duration: 1440,
      locked: false,
      create_timestamp: facts.at,
      ...(type === ChannelType.PrivateThread ? { invitable: false } : {}),
    },
  };
}

/** As in THREAD_MEMBER_UPDATE. https://discord.com/developers/docs/resources/channel#thread-member-object */
export function threadMemberOf(threadId: string, userId: string, at: string): Entity {
  return { id: threadId, user_id: userId, join_timestamp: at, flags: 1, muted: false };
}

export function emojiOf(id: string, random: Random): Entity {
  return {
    id,
    name: `emoji_${random.below(1000)}`,
    roles: [],
    require_colons: true,
    managed: false,
    animated: random.next() < 0.3,
    available: true,
  };
}

export function stickerOf(id: string, guildId: string, random: Random): Entity {
  return {
    id,
    name: `sticker ${random.below(1000)}`,
    description: sentence(random, 2),
    tags: '🔥',
    type: 2,
    format_type: 1,
    available: true,
    guild_id: guildId,
    asset: '',
  };
}

export function soundOf(id: string, guildId: string, random: Random): Entity {
  return {
    sound_id: id,
    guild_id: guildId,
    name: `sound ${random.below(1000)}`,
    volume: random.below(11) / 10,
    emoji_id: null,
    emoji_name: '🎺',
    available: true,
    user_id: BOT_USER_ID,
  };
}

export function stageInstanceOf(id: string, guildId: string, channelId: string, random: Random): Entity {
  return {
    id,
    guild_id: guildId,
    channel_id: channelId,
    topic: sentence(random, 3),
    privacy_level: 2,
    discoverable_disabled: true,
    guild_scheduled_event_id: null,
    invite_code: null,
  };
}

/** Somewhere else than in a channel. https://discord.com/developers/docs/resources/guild-scheduled-event */
export function scheduledEventOf(id: string, guildId: string, creator: User, random: Random): Entity {
  return {
    id,
    guild_id: guildId,
    channel_id: null,
    creator_id: creator.id,
    creator,
    name: sentence(random, 2),
    description: sentence(random, 6),
    scheduled_start_time: '2027-01-01T12:00:00.000000+00:00',
    scheduled_end_time: '2027-01-01T14:00:00.000000+00:00',
    privacy_level: 2,
    status: 1,
    entity_type: 3,
    entity_id: null,
    entity_metadata: { location: sentence(random, 2) },
    user_count: 1 + random.below(20),
    image: null,
    recurrence_rule: null,
    sku_ids: [],
  };
}

export function presenceOf(userId: string, status: string, random: Random): Entity {
  const activity = {
    type: 0,
    timestamps: { start: 1_785_000_000_000 },
    state: sentence(random, 4),
    name: sentence(random, 2),
    id: hex(random, 16),
    details: sentence(random, 5),
    created_at: 1_785_000_000_000,
    assets: { large_text: sentence(random, 1) },
    origin: lookalike(random),
  };
  return {
    user: { id: userId },
    status,
    client_status: status === 'offline' ? {} : { desktop: status },
    activities: status === 'offline' || random.next() < 0.4 ? [] : [activity],
    processed_at_timestamp: 1_785_000_000_000 + random.below(1_000_000),
  };
}

export function voiceStateOf(
  userId: string,
  channelId: string | null,
  sessionId: string,
  change: Entity = {},
): Entity {
  return {
    user_id: userId,
    channel_id: channelId,
    session_id: sessionId,
    deaf: false,
    mute: false,
    self_deaf: false,
    self_mute: false,
    self_video: false,
    suppress: false,
    request_to_speak_timestamp: null,
    ...change,
  };
}
