/** The live state of a guild: everything its GUILD_CREATE carries, by kind and by id. Data and access; how it changes is changes.ts. */
import type { Guild } from '../payloads/guilds.ts';

/** An object of Discord's, with the keys it has on the wire, documented or not. */
export type Entity = Record<string, unknown>;

/** The lists of a GUILD_CREATE, and what tells their elements apart. */
export const LISTS = {
  roles: (one: Entity) => text(one, 'id'),
  emojis: (one: Entity) => text(one, 'id'),
  stickers: (one: Entity) => text(one, 'id'),
  channels: (one: Entity) => text(one, 'id'),
  threads: (one: Entity) => text(one, 'id'),
  members: (one: Entity) => userIdOf(one),
  presences: (one: Entity) => userIdOf(one),
  voice_states: (one: Entity) => text(one, 'user_id'),
  stage_instances: (one: Entity) => text(one, 'id'),
  guild_scheduled_events: (one: Entity) => text(one, 'id'),
  soundboard_sounds: (one: Entity) => text(one, 'sound_id'),
} as const;

export type ListName = keyof typeof LISTS;

export const LIST_NAMES = Object.keys(LISTS) as ListName[];

export interface LiveGuild {
  /** Its id, and the channels and roles that always exist. */
  readonly identity: Guild;
  /** Members it has at most; decides whether it is `large`. */
  readonly fullSize: number;
  /** What GUILD_UPDATE carries too, without lists. */
  settings: Entity;
  /** What only GUILD_CREATE carries, without lists. */
  extras: Entity;
  memberCount: number;
  isAvailable: boolean;
  readonly lists: Record<ListName, Map<string, Entity>>;
  /** Threads that GUILD_CREATE leaves out until they are active again. */
  readonly archivedThreads: Map<string, Entity>;
  /** When talking began in a voice channel, in seconds since 1970: only CHANNEL_INFO and an event of its own tell it. */
  readonly voiceStartTimes: Map<string, number | null>;
}

export function emptyLists(): Record<ListName, Map<string, Entity>> {
  return {
    roles: new Map(),
    emojis: new Map(),
    stickers: new Map(),
    channels: new Map(),
    threads: new Map(),
    members: new Map(),
    presences: new Map(),
    voice_states: new Map(),
    stage_instances: new Map(),
    guild_scheduled_events: new Map(),
    soundboard_sounds: new Map(),
  };
}

/** Puts `one` where an element of its id was, or at the end. */
export function put(guild: LiveGuild, list: ListName, one: Entity): void {
  guild.lists[list].set(LISTS[list](one), one);
}

export function replaceList(guild: LiveGuild, list: ListName, all: readonly Entity[]): void {
  guild.lists[list].clear();
  for (const one of all) put(guild, list, one);
}

export function text(entity: Entity, key: string): string {
  return String(entity[key] ?? '');
}

/** Of a member or a presence. */
export function userIdOf(entity: Entity): string {
  return text(child(entity, 'user'), 'id');
}

/** The object at `key`; an empty one where there is none. */
export function child(entity: Entity, key: string): Entity {
  const value = entity[key];
  return isEntity(value) ? value : {};
}

/** The objects in the array at `key`. */
export function children(entity: Entity, key: string): Entity[] {
  const value = entity[key];
  return Array.isArray(value) ? value.filter(isEntity) : [];
}

/** The texts in the array at `key`. */
export function texts(entity: Entity, key: string): string[] {
  const value = entity[key];
  return Array.isArray(value) ? value.map(String) : [];
}

export function isEntity(value: unknown): value is Entity {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function without(entity: Entity, ...keys: string[]): Entity {
  const copy = { ...entity };
  for (const key of keys) delete copy[key];
  return copy;
}
