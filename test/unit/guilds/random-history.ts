/** Histories of one guild from a seed: few ids, so that what they speak of meets again and again. */
import type { GuildDispatch, JsonObject } from '../../../src/guilds/index.ts';
import type { Random } from '../../../src/simulator/random.ts';
import * as make from './guild.ts';

const USERS = [make.BOT_ID, '1', '2', '3', '4', '5'];
const CHANNELS = ['10', '11', '12', '20'];
const THREADS = ['100', '101', '102', '103'];
const ROLES = ['50', '51', '52', '53'];

/** A field that nobody knows, now and then. */
function more(random: Random): JsonObject {
  return random.next() < 0.3 ? { [`new_${random.below(3)}`]: { value: random.below(100) } } : {};
}

function some<Item>(random: Random, items: readonly Item[]): Item[] {
  return items.filter(() => random.next() < 0.4);
}

function member(random: Random): JsonObject {
  return make.member(random.pick(USERS), {
    roles: some(random, ROLES),
    nick: `nick ${random.below(9)}`,
    ...more(random),
  });
}

function channel(random: Random): JsonObject {
  const overwrites = some(random, ROLES).map((id) => ({ id, type: 0, allow: '0', deny: '8' }));
  return make.channel(random.pick(CHANNELS), { permission_overwrites: overwrites, ...more(random) });
}

function thread(random: Random): JsonObject {
  const id = random.pick(THREADS);
  return make.thread(id, random.pick(CHANNELS), {
    ...more(random),
    ...(random.next() < 0.3 ? make.ARCHIVED : {}),
    ...(random.next() < 0.4 ? { member: membership(random, id) } : {}),
    ...(random.next() < 0.4 ? { newly_created: true } : {}),
  });
}

function membership(random: Random, id: string, userId = make.BOT_ID): JsonObject {
  return { id, user_id: userId, flags: random.below(4), join_timestamp: 'then' };
}

function presence(random: Random): JsonObject {
  const id = random.pick(USERS);
  const status = random.pick(['online', 'idle', 'offline']);
  const user = random.next() < 0.2 ? make.user(id, { avatar: `avatar ${random.below(9)}` }) : { id };
  return { ...make.presence(id, status), user, ...more(random) };
}

function voiceState(random: Random): JsonObject {
  const of = member(random);
  const state = make.voiceState((of['user'] as { id: string }).id, random.next() < 0.4 ? null : '20');
  return { ...state, member: of, ...more(random) };
}

function anyGuild(random: Random): JsonObject {
  return make.guild({ name: `guild ${random.below(9)}`, ...more(random) });
}

const EVENTS: Readonly<Record<string, (random: Random) => JsonObject>> = {
  GUILD_UPDATE: (random) => ({
    id: make.GUILD_ID,
    name: `name ${random.below(9)}`,
    roles: some(random, ROLES).map((id) => make.role(id)),
    emojis: [],
    ...more(random),
  }),
  CHANNEL_CREATE: channel,
  CHANNEL_UPDATE: channel,
  CHANNEL_DELETE: (random) => make.channel(random.pick(CHANNELS)),
  CHANNEL_PINS_UPDATE: (random) => ({
    channel_id: random.pick([...CHANNELS, ...THREADS]),
    last_pin_timestamp: random.pick([null, 'then']),
  }),
  THREAD_CREATE: thread,
  THREAD_UPDATE: thread,
  THREAD_DELETE: thread,
  THREAD_LIST_SYNC: (random) => ({
    ...(random.next() < 0.7 ? { channel_ids: some(random, CHANNELS) } : {}),
    threads: Array.from({ length: random.below(3) }, () => thread(random)),
    members: some(random, THREADS).map((id) => membership(random, id)),
  }),
  THREAD_MEMBERS_UPDATE: (random) => {
    const id = random.pick(THREADS);
    const [removed, added] = random.next() < 0.5 ? [USERS.slice(0, 2), []] : [[], USERS.slice(0, 2)];
    return {
      id,
      member_count: random.below(50),
      removed_member_ids: removed,
      added_members: added.map((userId) => membership(random, id, userId)),
    };
  },
  GUILD_ROLE_CREATE: (random) => ({ role: make.role(random.pick(ROLES), more(random)) }),
  GUILD_ROLE_UPDATE: (random) => ({ role: make.role(random.pick(ROLES), { color: random.below(9) }) }),
  GUILD_ROLE_DELETE: (random) => ({ role_id: random.pick(ROLES) }),
  GUILD_EMOJIS_UPDATE: (random) => ({ emojis: [{ id: '70', name: `emoji ${random.below(9)}` }] }),
  GUILD_SOUNDBOARD_SOUND_UPDATE: (random) => make.sound(random.pick(['80', '81']), more(random)),
  STAGE_INSTANCE_CREATE: (random) => make.stage(random.pick(['95', '96']), random.pick(CHANNELS)),
  GUILD_SCHEDULED_EVENT_UPDATE: (random) =>
    make.scheduledEvent(random.pick(['90', '91']), {
      status: 1 + random.below(4),
      channel_id: random.pick(CHANNELS),
    }),
  GUILD_MEMBER_ADD: member,
  GUILD_MEMBER_UPDATE: member,
  GUILD_MEMBER_REMOVE: (random) => ({ user: make.user(random.pick(USERS)) }),
  GUILD_MEMBERS_CHUNK: (random) => ({
    members: Array.from({ length: random.below(4) }, () => member(random)),
    presences: Array.from({ length: random.below(4) }, () => presence(random)),
    chunk_index: 0,
    chunk_count: 1,
  }),
  PRESENCE_UPDATE: presence,
  VOICE_STATE_UPDATE: voiceState,
  TYPING_START: (random) => ({ channel_id: '10', user_id: random.pick(USERS) }),
  AN_EVENT_OF_TOMORROW: (random) => ({ id: random.pick(CHANNELS), members: [] }),
};

const TYPES = Object.keys(EVENTS);

export function randomDispatch(random: Random): GuildDispatch {
  const chance = random.next();
  if (chance < 0.01) return { t: 'GUILD_CREATE', d: anyGuild(random) };
  if (chance < 0.02) return { t: 'GUILD_DELETE', d: { id: make.GUILD_ID, unavailable: true } };
  if (chance < 0.023) return { t: 'GUILD_DELETE', d: { id: make.GUILD_ID } };
  const t = random.pick(TYPES);
  return { t, d: { guild_id: make.GUILD_ID, ...EVENTS[t]?.(random) } };
}

export function randomHistory(random: Random, length: number): GuildDispatch[] {
  return Array.from({ length }, () => randomDispatch(random));
}

/** What comes of a payload when somebody else makes it: keys lost, values of any type. */
export function garbled(random: Random, value: unknown): unknown {
  const chance = random.next();
  if (chance < 0.15) return random.pick([null, 7, '', 'text', true, [], {}, [null], { id: 7 }]);
  if (Array.isArray(value)) return value.map((item) => garbled(random, item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(() => random.next() > 0.1)
      .map(([key, item]) => [key, key === 'guild_id' ? item : garbled(random, item)]),
  );
}
