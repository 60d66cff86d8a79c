/** A guild as it is before anything happens in it: the same for the same seed. */
import { guildSettings, roles } from '../payloads/guild-objects.ts';
import type { Guild } from '../payloads/guilds.ts';
import { BOT_USER_ID, botUser, hex, member, type User } from '../payloads/users.ts';
import { Random } from '../random.ts';
import { type Entity, emptyLists, type LiveGuild, put, text, without } from './entities.ts';
import {
  ChannelType,
  channelOf,
  emojiOf,
  isVoice,
  presenceOf,
  scheduledEventOf,
  soundOf,
  stageInstanceOf,
  stickerOf,
  threadMemberOf,
  threadOf,
  voiceStateOf,
} from './objects.ts';
import type { People } from './people.ts';

/** How much a guild has at first, which is about how much it goes on having. */
export interface GuildSize {
  channels: number;
  roles: number;
  members: number;
}

export const DEFAULT_GUILD_SIZE: GuildSize = { channels: 10, roles: 6, members: 20 };

/** Ids of what a guild has are its own id plus these. */
const OFFSETS = {
  role: 10n,
  channel: 100_000n,
  thread: 200_000n,
  emoji: 300_000n,
  sticker: 400_000n,
  sound: 500_000n,
  stage: 600_000n,
  event: 700_000n,
};

/** The channels that every guild has first; those after them are text and voice in turn. */
const FIRST_CHANNEL_TYPES = [
  ChannelType.Text,
  ChannelType.Voice,
  ChannelType.Category,
  ChannelType.Stage,
  ChannelType.Forum,
  ChannelType.Announcement,
];

const THREADS = 3;
const EMOJIS = 4;
const STICKERS = 2;
const SOUNDS = 2;
const IN_VOICE = 3;
const AT = '2026-07-01T10:00:00.000000+00:00';

export function firstState(identity: Guild, size: GuildSize, people: People): LiveGuild {
  const random = new Random(identity.seed);
  const guild: LiveGuild = {
    identity,
    fullSize: size.members,
    settings: without(
      { ...guildSettings(identity, random), name: `guild ${identity.seed} "的" ${random.below(100)}` },
      'emojis',
      'stickers',
    ),
    extras: {
      joined_at: '2022-01-02T03:04:05.678000+00:00',
      application_command_counts: { '1': random.below(9) },
      activity_instances: [],
      version: 1_785_000_000_000,
    },
    memberCount: 0,
    isAvailable: true,
    lists: emptyLists(),
    archivedThreads: new Map(),
    voiceStartTimes: new Map(),
  };
  addRoles(guild, size.roles, random);
  addChannels(guild, size.channels);
  addMembers(guild, size.members, people, random);
  addThings(guild, random);
  addVoice(guild, random);
  return guild;
}

function idAt(guild: LiveGuild, kind: keyof typeof OFFSETS, index: number): string {
  return String(BigInt(guild.identity.id) + OFFSETS[kind] + BigInt(index));
}

function times<Made>(count: number, make: (index: number) => Made): Made[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

function addRoles(guild: LiveGuild, count: number, random: Random): void {
  const { id, roleIds } = guild.identity;
  const more = times(Math.max(0, count - roleIds.length - 1), (index) =>
    idAt(guild, 'role', roleIds.length + index),
  );
  for (const role of roles(id, [...roleIds, ...more], random)) put(guild, 'roles', role as Entity);
}

function addChannels(guild: LiveGuild, count: number): void {
  const categoryId = idAt(guild, 'channel', 2);
  for (let index = 0; index < Math.max(count, 2); index += 1) {
    const type = FIRST_CHANNEL_TYPES[index] ?? (index % 3 === 0 ? ChannelType.Voice : ChannelType.Text);
    const id =
      [guild.identity.channelId, guild.identity.voiceChannelId][index] ?? idAt(guild, 'channel', index);
    const isInCategory = count > 2 && index > 2 && index % 2 === 0;
    put(guild, 'channels', channelOf(type, id, index, isInCategory ? categoryId : null));
  }
}

/** The bot is always the first of them. */
function addMembers(guild: LiveGuild, count: number, people: People, random: Random): void {
  const first = random.below(1_000);
  const users: User[] = [botUser(), ...times(Math.max(0, count - 1), (index) => people.at(first + index))];
  for (const [index, user] of users.entries()) {
    put(guild, 'members', member(user, guild.identity.roleIds, random));
    if (index === 0 || random.next() < 0.5) {
      const status = index === 0 ? 'online' : random.pick(['online', 'idle', 'dnd']);
      put(guild, 'presences', presenceOf(user.id, status, random));
    }
  }
  guild.memberCount = guild.lists.members.size;
}

function addThings(guild: LiveGuild, random: Random): void {
  const { id, channelId } = guild.identity;
  times(EMOJIS, (index) => put(guild, 'emojis', emojiOf(idAt(guild, 'emoji', index), random)));
  times(STICKERS, (index) => put(guild, 'stickers', stickerOf(idAt(guild, 'sticker', index), id, random)));
  times(SOUNDS, (index) => put(guild, 'soundboard_sounds', soundOf(idAt(guild, 'sound', index), id, random)));
  put(guild, 'guild_scheduled_events', scheduledEventOf(idAt(guild, 'event', 0), id, botUser(), random));
  for (let index = 0; index < THREADS; index += 1) {
    const threadId = idAt(guild, 'thread', index);
    const facts = { id: threadId, parentId: channelId, ownerId: BOT_USER_ID, at: AT };
    const thread = threadOf(ChannelType.PublicThread, facts, random);
    const own = without(threadMemberOf(threadId, BOT_USER_ID, AT), 'id', 'user_id');
    put(guild, 'threads', index === 0 ? { ...thread, member: own } : thread);
  }
}

function addVoice(guild: LiveGuild, random: Random): void {
  const channels = [...guild.lists.channels.values()].filter(isVoice);
  const userIds = [...guild.lists.members.keys()].slice(1, 1 + IN_VOICE);
  for (const userId of userIds) {
    const channelId = text(random.pick(channels), 'id');
    put(guild, 'voice_states', voiceStateOf(userId, channelId, hex(random, 32)));
    guild.voiceStartTimes.set(channelId, 1_785_000_000);
  }
  const stage = channels.find((channel) => channel['type'] === ChannelType.Stage);
  if (!stage) return;
  const instance = stageInstanceOf(idAt(guild, 'stage', 0), guild.identity.id, text(stage, 'id'), random);
  put(guild, 'stage_instances', instance);
}
