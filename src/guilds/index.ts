export type { JsonObject } from './json.ts';
export { GUILD_KINDS, type GuildKind, type GuildOptions } from './lists.ts';
export { reduceOwnUser } from './own-user.ts';
export {
  type GuildDispatch,
  guildIdKey,
  guildIdOf,
  reduceGuild,
  reduceGuildAll,
  relevantEventTypes,
} from './reducer.ts';
export { asSnapshot, isUnavailable, type SnapshotOptions } from './snapshot.ts';
export { stripGuild } from './strip.ts';
