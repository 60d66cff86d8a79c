/**
 * What each event changes in a guild, as Discord documents it. The simulator's own opinion: it shares nothing with the product,
 * so that one can be held against the other. https://discord.com/developers/docs/events/gateway-events#receive-events
 */
import { BOT_USER_ID } from '../payloads/users.ts';
import {
  child,
  children,
  type Entity,
  type ListName,
  type LiveGuild,
  put,
  replaceList,
  text,
  texts,
  without,
} from './entities.ts';

type Change = (guild: LiveGuild, d: Entity) => void;

/** Changes `guild` as the event says; events that change nothing are passed over. Takes `d` over. */
export function applyEvent(guild: LiveGuild, t: string, d: Entity): void {
  CHANGES[t]?.(guild, d);
}

/** The guild that an event speaks of; undefined for one without a guild. */
export function guildIdOf(t: string, d: Entity): string | undefined {
  const key = t === 'GUILD_UPDATE' || t === 'GUILD_CREATE' || t === 'GUILD_DELETE' ? 'id' : 'guild_id';
  const id = d[key];
  return typeof id === 'string' ? id : undefined;
}

const CHANGES: Readonly<Record<string, Change>> = {
  GUILD_UPDATE: updateGuild,
  GUILD_ROLE_CREATE: (guild, d) => put(guild, 'roles', child(d, 'role')),
  GUILD_ROLE_UPDATE: (guild, d) => put(guild, 'roles', child(d, 'role')),
  GUILD_ROLE_DELETE: deleteRole,
  GUILD_EMOJIS_UPDATE: (guild, d) => replaceList(guild, 'emojis', children(d, 'emojis')),
  GUILD_STICKERS_UPDATE: (guild, d) => replaceList(guild, 'stickers', children(d, 'stickers')),

  CHANNEL_CREATE: (guild, d) => put(guild, 'channels', without(d, 'guild_id')),
  CHANNEL_UPDATE: (guild, d) => merge(guild, 'channels', text(d, 'id'), without(d, 'guild_id')),
  CHANNEL_DELETE: deleteChannel,
  CHANNEL_PINS_UPDATE: pin,
  VOICE_CHANNEL_STATUS_UPDATE: (guild, d) => {
    const id = text(d, 'id');
    if (guild.lists.channels.has(id)) merge(guild, 'channels', id, { status: d['status'] ?? null });
  },
  VOICE_CHANNEL_START_TIME_UPDATE: (guild, d) => {
    guild.voiceStartTimes.set(text(d, 'id'), Number(d['voice_start_time']) || null);
  },

  THREAD_CREATE: (guild, d) => putThread(guild, d, d['member']),
  THREAD_UPDATE: updateThread,
  THREAD_DELETE: (guild, d) => {
    guild.lists.threads.delete(text(d, 'id'));
    guild.archivedThreads.delete(text(d, 'id'));
  },
  THREAD_LIST_SYNC: syncThreads,
  THREAD_MEMBER_UPDATE: (guild, d) => joinThread(guild, text(d, 'id'), d),
  THREAD_MEMBERS_UPDATE: updateThreadMembers,

  GUILD_MEMBER_ADD: (guild, d) => {
    put(guild, 'members', without(d, 'guild_id'));
    guild.memberCount += 1;
  },
  GUILD_MEMBER_UPDATE: (guild, d) => {
    merge(guild, 'members', text(child(d, 'user'), 'id'), without(d, 'guild_id'));
  },
  GUILD_MEMBER_REMOVE: removeMember,
  PRESENCE_UPDATE: (guild, d) => {
    if (d['status'] === 'offline') guild.lists.presences.delete(text(child(d, 'user'), 'id'));
    else put(guild, 'presences', without(d, 'guild_id'));
  },
  VOICE_STATE_UPDATE: (guild, d) => {
    if (d['channel_id'] === null) guild.lists.voice_states.delete(text(d, 'user_id'));
    else put(guild, 'voice_states', without(d, 'guild_id', 'member'));
  },

  STAGE_INSTANCE_CREATE: (guild, d) => put(guild, 'stage_instances', d),
  STAGE_INSTANCE_UPDATE: (guild, d) => put(guild, 'stage_instances', d),
  STAGE_INSTANCE_DELETE: (guild, d) => void guild.lists.stage_instances.delete(text(d, 'id')),

  GUILD_SCHEDULED_EVENT_CREATE: (guild, d) => put(guild, 'guild_scheduled_events', d),
  GUILD_SCHEDULED_EVENT_UPDATE: (guild, d) => merge(guild, 'guild_scheduled_events', text(d, 'id'), d),
  GUILD_SCHEDULED_EVENT_DELETE: (guild, d) => {
    guild.lists.guild_scheduled_events.delete(text(d, 'id'));
  },
  GUILD_SCHEDULED_EVENT_USER_ADD: (guild, d) => countSubscriber(guild, d, 1),
  GUILD_SCHEDULED_EVENT_USER_REMOVE: (guild, d) => countSubscriber(guild, d, -1),

  GUILD_SOUNDBOARD_SOUND_CREATE: (guild, d) => put(guild, 'soundboard_sounds', d),
  GUILD_SOUNDBOARD_SOUND_UPDATE: (guild, d) => put(guild, 'soundboard_sounds', d),
  GUILD_SOUNDBOARD_SOUND_DELETE: (guild, d) => {
    guild.lists.soundboard_sounds.delete(text(d, 'sound_id'));
  },
  GUILD_SOUNDBOARD_SOUNDS_UPDATE: (guild, d) => {
    for (const sound of children(d, 'soundboard_sounds')) put(guild, 'soundboard_sounds', sound);
  },
};

function merge(guild: LiveGuild, list: ListName, id: string, change: Entity): void {
  put(guild, list, { ...guild.lists[list].get(id), ...change });
}

function updateGuild(guild: LiveGuild, d: Entity): void {
  for (const list of ['roles', 'emojis', 'stickers'] as const) {
    if (Array.isArray(d[list])) replaceList(guild, list, children(d, list));
  }
  guild.settings = { ...guild.settings, ...without(d, 'roles', 'emojis', 'stickers') };
}

/** Nobody is told for each member that the role is gone. */
function deleteRole(guild: LiveGuild, d: Entity): void {
  const roleId = text(d, 'role_id');
  guild.lists.roles.delete(roleId);
  for (const [id, member] of guild.lists.members) {
    const roles = texts(member, 'roles');
    if (roles.includes(roleId)) {
      guild.lists.members.set(id, { ...member, roles: roles.filter((one) => one !== roleId) });
    }
  }
}

/** Its threads go with it, without a THREAD_DELETE. */
function deleteChannel(guild: LiveGuild, d: Entity): void {
  const channelId = text(d, 'id');
  guild.lists.channels.delete(channelId);
  guild.voiceStartTimes.delete(channelId);
  for (const threads of [guild.lists.threads, guild.archivedThreads]) {
    for (const [id, thread] of threads) if (text(thread, 'parent_id') === channelId) threads.delete(id);
  }
}

function pin(guild: LiveGuild, d: Entity): void {
  const channelId = text(d, 'channel_id');
  for (const list of ['channels', 'threads'] as const) {
    if (!guild.lists[list].has(channelId)) continue;
    merge(guild, list, channelId, { last_pin_timestamp: d['last_pin_timestamp'] ?? null });
  }
}

/** GUILD_CREATE leaves out what its place says already: the guild of a thread; the thread and the user of its member. */
function putThread(guild: LiveGuild, thread: Entity, member: unknown): void {
  const kept = without(thread, 'guild_id', 'newly_created', 'member');
  put(guild, 'threads', member ? { ...kept, member: threadMember(member as Entity) } : kept);
}

function threadMember(member: Entity): Entity {
  return without(member, 'id', 'user_id', 'guild_id', 'member', 'presence');
}

/** Only active threads count; one that becomes active again may have been unknown. */
function updateThread(guild: LiveGuild, d: Entity): void {
  const id = text(d, 'id');
  const known = guild.lists.threads.get(id) ?? guild.archivedThreads.get(id);
  const thread = { ...known, ...without(d, 'guild_id') };
  if (child(d, 'thread_metadata')['archived'] === true) {
    guild.lists.threads.delete(id);
    guild.archivedThreads.set(id, thread);
  } else {
    guild.archivedThreads.delete(id);
    guild.lists.threads.set(id, thread);
  }
}

/** Without `channel_ids`, the threads of the whole guild are told. */
function syncThreads(guild: LiveGuild, d: Entity): void {
  const parents = Array.isArray(d['channel_ids']) ? new Set(texts(d, 'channel_ids')) : undefined;
  for (const [id, thread] of guild.lists.threads) {
    if (!parents || parents.has(text(thread, 'parent_id'))) guild.lists.threads.delete(id);
  }
  const members = new Map(children(d, 'members').map((member) => [text(member, 'id'), member]));
  for (const thread of children(d, 'threads')) putThread(guild, thread, members.get(text(thread, 'id')));
}

function joinThread(guild: LiveGuild, threadId: string, member: Entity): void {
  if (guild.lists.threads.has(threadId)) {
    merge(guild, 'threads', threadId, { member: threadMember(member) });
  }
}

/** Only the bot's own membership is kept by name; the others are a count. */
function updateThreadMembers(guild: LiveGuild, d: Entity): void {
  const id = text(d, 'id');
  const thread = guild.lists.threads.get(id);
  if (!thread) return;
  const isGone = texts(d, 'removed_member_ids').includes(BOT_USER_ID);
  const kept = isGone ? without(thread, 'member') : thread;
  guild.lists.threads.set(id, { ...kept, member_count: d['member_count'] });
  const own = children(d, 'added_members').find((member) => text(member, 'user_id') === BOT_USER_ID);
  if (own) joinThread(guild, id, own);
}

function removeMember(guild: LiveGuild, d: Entity): void {
  const userId = text(child(d, 'user'), 'id');
  guild.lists.members.delete(userId);
  guild.lists.presences.delete(userId);
  guild.lists.voice_states.delete(userId);
  guild.memberCount -= 1;
}

function countSubscriber(guild: LiveGuild, d: Entity, change: number): void {
  const id = text(d, 'guild_scheduled_event_id');
  const event = guild.lists.guild_scheduled_events.get(id);
  if (!event) return;
  merge(guild, 'guild_scheduled_events', id, { user_count: Number(event['user_count'] ?? 0) + change });
}
