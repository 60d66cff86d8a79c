/** Rules for libraries of which all ids and a few fields of each object are compared; workers give them Discord's names in camel case. */
import type { Entity, GuildRules, ListRules } from './compare.ts';

const byId = ({ id }: Entity) => String(id);
const byUser = ({ user }: Entity) => byId(user as Entity); // Members and presences always have one.

const FEW_FIELDS: GuildRules = {
  only: ['id', 'name', 'owner_id', 'member_count', 'description', 'premium_subscription_count', 'large'],
  lists: {
    channels: { cachedAs: 'channels', idOf: byId, only: ['type', 'name', 'position', 'parent_id'] },
    threads: {
      cachedAs: 'threads',
      idOf: byId,
      only: ['type', 'parent_id', 'rate_limit_per_user'],
      counts: ({ archived }) => archived !== true,
    },
    roles: { cachedAs: 'roles', idOf: byId, only: ['name', 'position', 'hoist'] },
    emojis: { cachedAs: 'emojis', idOf: byId, only: ['name', 'animated'] },
    stickers: { cachedAs: 'stickers', idOf: byId, only: ['name'] },
    members: { cachedAs: 'members', idOf: byUser, only: ['nick', 'roles', 'pending'] },
    presences: { cachedAs: 'presences', idOf: byUser, only: ['status'] },
    voice_states: {
      cachedAs: 'voiceStates',
      idOf: ({ user_id }) => String(user_id),
      only: ['channel_id', 'self_mute'],
    },
    stage_instances: { cachedAs: 'stageInstances', idOf: byId, only: ['topic', 'channel_id'] },
    guild_scheduled_events: { cachedAs: 'guildScheduledEvents', idOf: byId, only: ['name', 'status'] },
    soundboard_sounds: {
      cachedAs: 'soundboardSounds',
      idOf: ({ sound_id }) => String(sound_id),
      only: ['name', 'volume'],
    },
  },
};

/** Lists that a library treats in its own way, by name, and in which. */
export interface Departures {
  /** It does not take them from GUILD_CREATE. */
  readonly absent?: readonly string[];
  /** It keeps elements that are gone, and why. */
  readonly stale?: Readonly<Record<string, string>>;
  /** The same, of those that ended while the guild was out. */
  readonly staleAfterOutage?: { readonly lists: readonly string[]; readonly why: string };
}

export function fewFields({ absent = [], stale = {}, staleAfterOutage }: Departures): GuildRules {
  const afterOutage = (name: string) =>
    staleAfterOutage?.lists.includes(name) ? staleAfterOutage.why : undefined;
  const lists = Object.entries(FEW_FIELDS.lists).filter(([name]) => !absent.includes(name));
  const changed = lists.map(([name, list]): [string, ListRules] => [
    name,
    { ...list, stale: stale[name], staleAfterOutage: afterOutage(name) },
  ]);
  return { ...FEW_FIELDS, lists: Object.fromEntries(changed) };
}
