/**
 * The mix of events of a busy bot: type, how often, which intent asks for it, what it looks like. `@@…@@` marks a gap that
 * events.ts fills in. https://discord.com/developers/docs/events/gateway-events#receive-events
 */
import { INTENTS } from '../../protocol/intents.ts';
import type { Random } from '../random.ts';
import { type GuildIds, guildSettings, PERMISSIONS, roles, textChannel } from './guild-objects.ts';
import { hex, lookalike, member as memberOf, sentence, type User } from './users.ts';

export interface EventKind {
  t: string;
  /** Out of the sum of all weights. */
  weight: number;
  /** 0: sent whatever the intents. */
  intents: number;
  make(random: Random, users: readonly User[]): unknown;
}

/** The guild that a template speaks of. */
const GUILD: GuildIds = {
  id: '@@guild@@',
  channelId: '@@channel@@',
  voiceChannelId: '@@voice@@',
  roleIds: ['@@role0@@', '@@role1@@', '@@role2@@'],
};

const TIMESTAMP = '2026-08-01T12:34:56.789000+00:00';

export const eventKinds: readonly EventKind[] = [
  { t: 'MESSAGE_CREATE', weight: 30, intents: INTENTS.GUILD_MESSAGES, make: (r, u) => message(r, u) },
  {
    t: 'MESSAGE_UPDATE',
    weight: 6,
    intents: INTENTS.GUILD_MESSAGES,
    make: (r, u) => ({ ...message(r, u), edited_timestamp: TIMESTAMP }),
  },
  {
    t: 'MESSAGE_DELETE',
    weight: 3,
    intents: INTENTS.GUILD_MESSAGES,
    make: () => ({ id: '@@id@@', channel_id: '@@channel@@', guild_id: '@@guild@@' }),
  },
  {
    t: 'GUILD_MEMBER_ADD',
    weight: 3,
    intents: INTENTS.GUILD_MEMBERS,
    make: (r, u) => ({ ...member(r.pick(u), r), guild_id: '@@guild@@' }),
  },
  {
    t: 'GUILD_MEMBER_UPDATE',
    weight: 4,
    intents: INTENTS.GUILD_MEMBERS,
    make: (r, u) => ({ ...member(r.pick(u), r), guild_id: '@@guild@@' }),
  },
  {
    t: 'GUILD_MEMBER_REMOVE',
    weight: 2,
    intents: INTENTS.GUILD_MEMBERS,
    make: (r, u) => ({ user: r.pick(u), guild_id: '@@guild@@' }),
  },
  { t: 'PRESENCE_UPDATE', weight: 24, intents: INTENTS.GUILD_PRESENCES, make: presence },
  {
    t: 'TYPING_START',
    weight: 10,
    intents: INTENTS.GUILD_MESSAGE_TYPING,
    make: (r, u) => {
      const user = r.pick(u);
      return {
        channel_id: '@@channel@@',
        guild_id: '@@guild@@',
        user_id: user.id,
        timestamp: 1_785_000_000,
        member: member(user, r),
      };
    },
  },
  { t: 'VOICE_STATE_UPDATE', weight: 6, intents: INTENTS.GUILD_VOICE_STATES, make: voiceState },
  { t: 'MESSAGE_REACTION_ADD', weight: 8, intents: INTENTS.GUILD_MESSAGE_REACTIONS, make: reaction },
  { t: 'INTERACTION_CREATE', weight: 4, intents: 0, make: interaction },
  {
    t: 'CHANNEL_UPDATE',
    weight: 2,
    intents: INTENTS.GUILDS,
    make: (r) => ({
      ...textChannel(GUILD.channelId, 0),
      guild_id: '@@guild@@',
      name: `channel-${r.below(100)}`,
      topic: sentence(r, 12),
      permission_overwrites: [{ id: '@@guild@@', type: 0, allow: '0', deny: '1024' }],
      last_message_id: '@@id@@',
      version: r.below(1e9),
    }),
  },
  {
    t: 'GUILD_UPDATE',
    weight: 1,
    intents: INTENTS.GUILDS,
    make: (r) => ({
      ...guildSettings(GUILD, r),
      name: sentence(r, 3),
      icon: hex(r, 32),
      description: sentence(r, 10),
      roles: roles(GUILD.id, GUILD.roleIds, r),
    }),
  },
];

function member(user: User, random: Random): Record<string, unknown> {
  return memberOf(user, GUILD.roleIds, random);
}

/** https://discord.com/developers/docs/resources/message#message-object */
function message(random: Random, users: readonly User[]): Record<string, unknown> {
  const author = random.pick(users);
  const { user: _, ...withoutUser } = member(author, random);
  const long = random.next() < 0.08;
  return {
    type: 0,
    tts: false,
    timestamp: TIMESTAMP,
    pinned: false,
    nonce: '@@id@@',
    mentions: random.next() < 0.1 ? [mention(random, users)] : [],
    mention_roles: [],
    mention_everyone: false,
    member: withoutUser,
    id: '@@id@@',
    flags: 0,
    embeds: random.next() < 0.1 ? [embed(random)] : [],
    edited_timestamp: null,
    content: sentence(random, long ? 200 : 1 + random.below(15)),
    components: [],
    channel_type: 0,
    channel_id: '@@channel@@',
    author,
    attachments: [],
    guild_id: '@@guild@@',
  };
}

/** A mentioned user comes with their member, which has no user then. */
function mention(random: Random, users: readonly User[]): unknown {
  const { user, ...withoutUser } = member(random.pick(users), random);
  return { ...(user as User), member: withoutUser };
}

function embed(random: Random): unknown {
  return {
    type: 'rich',
    title: sentence(random, 4),
    fields: [{ name: sentence(random, 1), value: sentence(random, 3), inline: random.next() < 0.5 }],
    content_scan: lookalike(random),
  };
}

/** https://discord.com/developers/docs/events/gateway-events#presence-update */
function presence(random: Random, users: readonly User[]): unknown {
  const status = random.pick(['online', 'idle', 'dnd', 'offline']);
  return {
    user: { id: random.pick(users).id },
    status,
    guild_id: '@@guild@@',
    client_status: status === 'offline' ? {} : { desktop: status },
    broadcast: null,
    activities: [
      {
        type: 0,
        timestamps: { start: 1_785_000_000_000 },
        state: sentence(random, 4),
        name: sentence(random, 2),
        id: hex(random, 16),
        details: sentence(random, 5),
        created_at: 1_785_000_000_000,
      },
    ],
  };
}

/** https://discord.com/developers/docs/resources/voice#voice-state-object */
function voiceState(random: Random, users: readonly User[]): unknown {
  const user = random.pick(users);
  return {
    member: member(user, random),
    user_id: user.id,
    suppress: false,
    session_id: hex(random, 32),
    self_video: false,
    self_mute: random.next() < 0.5,
    self_deaf: false,
    request_to_speak_timestamp: null,
    mute: false,
    guild_id: '@@guild@@',
    deaf: false,
    channel_id: random.next() < 0.3 ? null : '@@voice@@',
  };
}

/** https://discord.com/developers/docs/events/gateway-events#message-reaction-add */
function reaction(random: Random, users: readonly User[]): unknown {
  const user = random.pick(users);
  return {
    user_id: user.id,
    type: 0,
    message_id: '@@id@@',
    message_author_id: random.pick(users).id,
    member: member(user, random),
    emoji: { name: random.pick(['👍', '❤️', '🎉']), id: null },
    channel_id: '@@channel@@',
    burst: false,
    guild_id: '@@guild@@',
  };
}

/** A slash command. https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-object */
function interaction(random: Random, users: readonly User[]): unknown {
  const user = random.pick(users);
  return {
    version: 1,
    type: 2,
    token: hex(random, 200),
    member: { ...member(user, random), permissions: PERMISSIONS },
    locale: 'de',
    id: '@@id@@',
    guild_locale: 'en-US',
    guild_id: '@@guild@@',
    guild: { locale: 'en-US', id: '@@guild@@', features: [] },
    entitlements: [],
    data: {
      type: 1,
      options: [{ value: sentence(random, 8), type: 3, name: 'text' }],
      name: 'play',
      id: '@@id@@',
      guild_id: '@@guild@@',
      origin: lookalike(random),
    },
    context: 0,
    channel: {
      ...textChannel(GUILD.channelId, 0),
      guild_id: '@@guild@@',
      last_message_id: '@@id@@',
      permissions: PERMISSIONS,
    },
    channel_id: '@@channel@@',
    authorizing_integration_owners: { '0': '@@guild@@' },
    attachment_size_limit: 10_485_760,
    application_id: '100000000000000000',
    app_permissions: PERMISSIONS,
  };
}
