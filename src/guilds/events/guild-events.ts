/** The guild itself, its roles, emojis, stickers and sounds. */
import type { GuildDraft } from '../draft.ts';
import { idOf, type JsonObject, objectOf, objectsOf, without } from '../json.ts';
import type { GuildKind, ListKey } from '../lists.ts';
import { stripGuild } from '../strip.ts';
import type { GuildEvent, GuildEvents } from './event.ts';

/**
 * What GUILD_CREATE alone carries. A GUILD_UPDATE does not speak of it, and would lose it if it did.
 * https://discord.com/developers/docs/events/gateway-events#guild-create-guild-create-extra-fields
 */
const CREATE_ONLY: ReadonlySet<string> = new Set([
  'joined_at',
  'large',
  'unavailable',
  'member_count',
  'voice_states',
  'members',
  'channels',
  'threads',
  'presences',
  'stage_instances',
  'guild_scheduled_events',
  'soundboard_sounds',
  'integrations',
  'guild_id',
]);

/** Lists that a GUILD_UPDATE carries. */
const UPDATED_LISTS: readonly ListKey[] = ['roles', 'emojis', 'stickers'];
const NOT_FIELDS: ReadonlySet<string> = new Set([...CREATE_ONLY, ...UPDATED_LISTS]);

export const guildEvents: GuildEvents = {
  GUILD_CREATE: {
    apply: (draft, d) => (d['unavailable'] === true ? markUnavailable(draft, d) : create(draft, d)),
  },
  GUILD_UPDATE: { apply: update },
  GUILD_DELETE: {
    // Only an outage sets `unavailable`; without it the bot has left.
    apply: (draft, d) => (d['unavailable'] === true ? markUnavailable(draft, d) : draft.replace(undefined)),
  },
  GUILD_ROLE_CREATE: { apply: mergeRole },
  GUILD_ROLE_UPDATE: { apply: mergeRole },
  GUILD_ROLE_DELETE: { apply: deleteRole },
  GUILD_EMOJIS_UPDATE: listEvent('emojis', 'emojis'),
  GUILD_STICKERS_UPDATE: listEvent('stickers', 'stickers'),
  GUILD_SOUNDBOARD_SOUND_CREATE: { kinds: ['soundboard'], apply: mergeSound },
  GUILD_SOUNDBOARD_SOUND_UPDATE: { kinds: ['soundboard'], apply: mergeSound },
  GUILD_SOUNDBOARD_SOUND_DELETE: {
    kinds: ['soundboard'],
    apply: (draft, d) => {
      const id = idOf(d['sound_id']);
      if (id !== undefined) draft.delete('soundboard_sounds', id);
    },
  },
  // "When multiple sounds are updated": maybe not all of the guild's, so the others stay.
  GUILD_SOUNDBOARD_SOUNDS_UPDATE: {
    kinds: ['soundboard'],
    apply: (draft, d) => {
      for (const sound of objectsOf(d['soundboard_sounds']) ?? []) mergeSound(draft, sound);
    },
  },
  // The answer to a request: all of them.
  SOUNDBOARD_SOUNDS: listEvent('soundboard_sounds', 'soundboard'),
};

function create(draft: GuildDraft, d: JsonObject): void {
  draft.replace(stripGuild(d, draft.options));
}

/** What is known is kept: the GUILD_CREATE that ends the outage replaces it. */
function markUnavailable(draft: GuildDraft, d: JsonObject): void {
  const mark = { id: d['id'], unavailable: true };
  if (draft.isKnown) draft.assign(mark);
  else draft.replace(mark);
}

function update(draft: GuildDraft, d: JsonObject): void {
  draft.assign(without(d, NOT_FIELDS));
  for (const key of UPDATED_LISTS) {
    const elements = objectsOf(d[key]);
    if (elements) draft.setAll(key, elements);
  }
}

function mergeRole(draft: GuildDraft, d: JsonObject): void {
  const role = objectOf(d['role']);
  if (role) draft.merge('roles', role);
}

/**
 * Discord takes a deleted role from the members and overwrites that name it, and need not say so one by one
 * (https://github.com/discord/discord-api-docs/issues/1815, /issues/4303). Its id never comes back.
 */
function deleteRole(draft: GuildDraft, d: JsonObject): void {
  const roleId = idOf(d['role_id']);
  if (roleId === undefined) return;
  draft.delete('roles', roleId);
  draft.changeEach('members', (member) => dropFrom(member, 'roles', (id) => id === roleId), roleId);
  draft.changeEach(
    'channels',
    (channel) =>
      dropFrom(channel, 'permission_overwrites', (overwrite) => objectOf(overwrite)?.['id'] === roleId),
    roleId,
  );
}

function dropFrom(object: JsonObject, key: string, isOver: (item: unknown) => boolean): JsonObject {
  const items: unknown = object[key];
  if (!Array.isArray(items) || !items.some(isOver)) return object;
  return { ...object, [key]: items.filter((item) => !isOver(item)) };
}

function mergeSound(draft: GuildDraft, sound: JsonObject): void {
  draft.merge('soundboard_sounds', sound);
}

/** An event that carries the whole list. */
function listEvent(key: ListKey, kind: GuildKind): GuildEvent {
  return {
    kinds: [kind],
    apply: (draft, d) => {
      const elements = objectsOf(d[key]);
      if (elements) draft.setAll(key, elements);
    },
  };
}
