/** Channels and threads. https://discord.com/developers/docs/topics/threads#gateway-events */
import { INTENTS } from '../../protocol/intents.ts';
import { BOT_USER_ID, sentence } from '../payloads/users.ts';
import { child, type Entity, text, without } from './entities.ts';
import { type Emission, type Happening, pickFrom, type Scene, userOf } from './happenings.ts';
import { voiceLeave } from './member-happenings.ts';
import { ChannelType, channelOf, hasThreads, isVoice, threadMemberOf, threadOf } from './objects.ts';

/** Channels that come and go above those it began with. */
const MORE_CHANNELS = 4;
const MOST_THREADS = 10;
/** Discord stops counting a thread's members here. */
const MOST_THREAD_MEMBERS = 50;

const NEW_CHANNEL_TYPES = [
  ChannelType.Text,
  ChannelType.Voice,
  ChannelType.Category,
  ChannelType.Stage,
  ChannelType.Forum,
  ChannelType.Announcement,
];

export const channelHappenings: readonly Happening[] = [
  { t: 'CHANNEL_CREATE', weight: 3, make: createChannel },
  { t: 'CHANNEL_UPDATE', weight: 5, make: updateChannel },
  { t: 'CHANNEL_DELETE', weight: 3, make: deleteChannel },
  { t: 'CHANNEL_PINS_UPDATE', weight: 1, make: pin },
  { t: 'VOICE_CHANNEL_STATUS_UPDATE', weight: 1, make: setStatus },
  { t: 'VOICE_CHANNEL_START_TIME_UPDATE', weight: 1, make: setStartTime },
  { t: 'THREAD_CREATE', weight: 4, make: createThread },
  { t: 'THREAD_UPDATE', weight: 4, make: updateThread },
  { t: 'THREAD_DELETE', weight: 2, make: deleteThread },
  { t: 'THREAD_LIST_SYNC', weight: 1, make: syncThreads },
  { t: 'THREAD_MEMBER_UPDATE', weight: 1, make: updateOwnMember },
  { t: 'THREAD_MEMBERS_UPDATE', weight: 3, make: updateThreadMembers },
];

/** As events have it: GUILD_CREATE leaves the guild's id out. */
function told({ guild }: Scene, entity: Entity): Entity {
  return { ...entity, guild_id: guild.identity.id };
}

function categoryId(scene: Scene): string | null {
  const category = pickFrom(scene, 'channels', (each) => each['type'] === ChannelType.Category);
  return category && scene.random.next() < 0.5 ? text(category, 'id') : null;
}

function createChannel(scene: Scene): Emission[] | undefined {
  const { guild, size, random } = scene;
  if (guild.lists.channels.size >= size.channels + MORE_CHANNELS) return undefined;
  const type = random.pick(NEW_CHANNEL_TYPES);
  const parentId = type === ChannelType.Category ? null : categoryId(scene);
  const channel = channelOf(type, scene.freshId(), random.below(50), parentId);
  return [{ t: 'CHANNEL_CREATE', d: told(scene, { ...channel, name: `new-${random.below(1000)}` }) }];
}

function updateChannel(scene: Scene): Emission[] | undefined {
  const { guild, random } = scene;
  const channel = pickFrom(scene, 'channels');
  if (!channel) return undefined;
  const isCategory = channel['type'] === ChannelType.Category;
  const overwrite = { id: guild.identity.id, type: 0, allow: '0', deny: String(random.below(2048)) };
  const d = {
    ...channel,
    name: `channel-${random.below(1000)}`,
    topic: isCategory ? null : sentence(random, 12),
    position: random.below(50),
    parent_id: isCategory ? null : categoryId(scene),
    permission_overwrites: random.next() < 0.5 ? [overwrite] : [],
    version: random.below(1e9),
  };
  return [{ t: 'CHANNEL_UPDATE', d: told(scene, d) }];
}

/** Whoever is in it leaves first, its stage ends, and what was under a category is under none. */
function deleteChannel(scene: Scene): Emission[] | undefined {
  const { lists, identity } = scene.guild;
  const isSpare = (each: Entity) =>
    each['id'] !== identity.channelId && each['id'] !== identity.voiceChannelId;
  const channel = pickFrom(scene, 'channels', isSpare);
  if (!channel) return undefined;
  const { id } = channel;
  const leaves = [...lists.voice_states.values()]
    .filter((state) => state['channel_id'] === id)
    .map((state) => voiceLeave(scene, state));
  const stages = [...lists.stage_instances.values()]
    .filter((stage) => stage['channel_id'] === id)
    .map((stage) => ({ t: 'STAGE_INSTANCE_DELETE', d: stage }));
  const orphans = [...lists.channels.values()]
    .filter((each) => each['parent_id'] === id)
    .map((each) => ({ t: 'CHANNEL_UPDATE', d: told(scene, { ...each, parent_id: null }) }));
  return [...leaves, ...stages, ...orphans, { t: 'CHANNEL_DELETE', d: told(scene, channel) }];
}

function pin(scene: Scene): Emission[] | undefined {
  const list = scene.random.next() < 0.7 ? 'channels' : 'threads';
  const channel = pickFrom(scene, list, (each) => 'last_pin_timestamp' in each);
  if (!channel) return undefined;
  const d = {
    guild_id: scene.guild.identity.id,
    channel_id: channel['id'],
    last_pin_timestamp: scene.random.next() < 0.8 ? scene.freshTime() : null,
  };
  return [{ t: 'CHANNEL_PINS_UPDATE', d }];
}

function setStatus(scene: Scene): Emission[] | undefined {
  const channel = pickFrom(scene, 'channels', isVoice);
  if (!channel) return undefined;
  const status = scene.random.next() < 0.8 ? sentence(scene.random, 3) : null;
  return [{ t: 'VOICE_CHANNEL_STATUS_UPDATE', d: told(scene, { id: channel['id'], status }) }];
}

function setStartTime(scene: Scene): Emission[] | undefined {
  const channel = pickFrom(scene, 'channels', isVoice);
  if (!channel) return undefined;
  const start = scene.random.next() < 0.8 ? 1_785_000_000 + scene.random.below(1e6) : null;
  const d = told(scene, { id: channel['id'], voice_start_time: start });
  return [{ t: 'VOICE_CHANNEL_START_TIME_UPDATE', d }];
}

function newThread(scene: Scene, type: number, parentId: string): Entity {
  const member = pickFrom(scene, 'members');
  const ownerId = member ? userOf(member).id : BOT_USER_ID;
  const facts = { id: scene.freshId(), parentId, ownerId, at: scene.freshTime() };
  return threadOf(type, facts, scene.random);
}

/** A new one in public, or the bot is added to a private one that was there. */
function createThread(scene: Scene): Emission[] | undefined {
  const { guild, random } = scene;
  if (guild.lists.threads.size >= MOST_THREADS) return undefined;
  const parent = pickFrom(scene, 'channels', hasThreads);
  if (!parent) return undefined;
  const parentId = text(parent, 'id');
  if (parent['type'] === ChannelType.Forum || random.next() < 0.7) {
    const thread = newThread(scene, ChannelType.PublicThread, parentId);
    return [{ t: 'THREAD_CREATE', d: told(scene, { ...thread, newly_created: true }) }];
  }
  const thread = newThread(scene, ChannelType.PrivateThread, parentId);
  const member = threadMemberOf(text(thread, 'id'), BOT_USER_ID, scene.freshTime());
  return [
    { t: 'THREAD_CREATE', d: told(scene, { ...thread, member }) },
    membersUpdate(scene, thread, { added_members: [withMember(scene, member)] }, 0),
  ];
}

/** Renames, archives, or makes an archived one active again. An update never has the bot's own member. */
function updateThread(scene: Scene): Emission[] | undefined {
  const { guild, random } = scene;
  const archived = [...guild.archivedThreads.values()];
  if (archived.length > 0 && random.next() < 0.3) return unarchive(scene, random.pick(archived));
  const thread = pickFrom(scene, 'threads');
  if (!thread) return undefined;
  const isArchiving = random.next() < 0.3;
  const metadata = { ...child(thread, 'thread_metadata'), locked: random.next() < 0.2 };
  const change = isArchiving
    ? { thread_metadata: { ...metadata, archived: true, archive_timestamp: scene.freshTime() } }
    : { name: sentence(random, 4), rate_limit_per_user: random.below(60), thread_metadata: metadata };
  return [{ t: 'THREAD_UPDATE', d: told(scene, { ...without(thread, 'member'), ...change }) }];
}

function unarchive(scene: Scene, thread: Entity): Emission[] {
  const change = { archived: false, archive_timestamp: scene.freshTime() };
  const active = {
    ...without(thread, 'member'),
    thread_metadata: { ...child(thread, 'thread_metadata'), ...change },
  };
  const update = { t: 'THREAD_UPDATE', d: told(scene, active) };
  if (!('member' in thread)) return [update];
  const own = { ...child(thread, 'member'), id: thread['id'], user_id: BOT_USER_ID };
  return [update, { t: 'THREAD_MEMBER_UPDATE', d: told(scene, own) }];
}

function deleteThread(scene: Scene): Emission[] | undefined {
  const thread = pickFrom(scene, 'threads');
  if (!thread) return undefined;
  const { id, parent_id, type } = thread;
  return [{ t: 'THREAD_DELETE', d: told(scene, { id, parent_id, type }) }];
}

/** Some threads ended and others began while the bot could not see the channel; now it can. */
function syncThreads(scene: Scene): Emission[] | undefined {
  const { guild, random } = scene;
  const parent = pickFrom(scene, 'channels', hasThreads);
  if (!parent) return undefined;
  const isWhole = random.next() < 0.25;
  const known = [...guild.lists.threads.values()].filter(
    (each) => isWhole || each['parent_id'] === parent['id'],
  );
  const threads = known.filter(() => random.next() < 0.7);
  if (guild.lists.threads.size < MOST_THREADS) {
    threads.push(newThread(scene, ChannelType.PublicThread, text(parent, 'id')));
  }
  const members = threads
    .filter((thread) => 'member' in thread)
    .map((thread) => ({ ...child(thread, 'member'), id: thread['id'], user_id: BOT_USER_ID }));
  const d = {
    guild_id: guild.identity.id,
    ...(isWhole ? {} : { channel_ids: [parent['id']] }),
    threads: threads.map((thread) => told(scene, without(thread, 'member'))),
    members,
  };
  return [{ t: 'THREAD_LIST_SYNC', d }];
}

function updateOwnMember(scene: Scene): Emission[] | undefined {
  const thread = pickFrom(scene, 'threads', (each) => 'member' in each);
  if (!thread) return undefined;
  const own = { ...child(thread, 'member'), flags: scene.random.below(8) };
  const d = told(scene, { ...own, id: thread['id'], user_id: BOT_USER_ID });
  return [{ t: 'THREAD_MEMBER_UPDATE', d }];
}

/** The bot joins or leaves a public thread, or somebody does, which only those with GUILD_MEMBERS are told. */
function updateThreadMembers(scene: Scene): Emission[] | undefined {
  const thread = pickFrom(scene, 'threads', (each) => each['type'] === ChannelType.PublicThread);
  if (!thread) return undefined;
  const isOwn = scene.random.next() < 0.4;
  const member = isOwn ? undefined : pickFrom(scene, 'members', (each) => userOf(each).id !== BOT_USER_ID);
  const userId = member ? userOf(member).id : BOT_USER_ID;
  const isLeaving = userId === BOT_USER_ID ? 'member' in thread : scene.random.next() < 0.4;
  if (isLeaving) return [membersUpdate(scene, thread, { removed_member_ids: [userId] }, -1)];
  const added = threadMemberOf(text(thread, 'id'), userId, scene.freshTime());
  return [membersUpdate(scene, thread, { added_members: [withMember(scene, added)] }, 1)];
}

function membersUpdate(scene: Scene, thread: Entity, change: Entity, difference: number): Emission {
  const isOwn = JSON.stringify(change).includes(BOT_USER_ID);
  const count = Math.max(0, Math.min(MOST_THREAD_MEMBERS, Number(thread['member_count']) + difference));
  const d = { id: thread['id'], guild_id: scene.guild.identity.id, member_count: count, ...change };
  return { t: 'THREAD_MEMBERS_UPDATE', d, ...(isOwn ? {} : { intents: INTENTS.GUILD_MEMBERS }) };
}

/** In this event a thread member comes with the guild member and the presence. */
function withMember({ guild }: Scene, threadMember: Entity): Entity {
  const userId = text(threadMember, 'user_id');
  const member = guild.lists.members.get(userId);
  return { ...threadMember, member, presence: guild.lists.presences.get(userId) ?? null };
}
