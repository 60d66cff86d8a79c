export { GUILD_KINDS, type GuildKind } from '../protocol/guild-kinds.ts';
export { GuildCompressor } from './compressor.ts';
export type { JsonObject } from './json.ts';
export type { GuildOptions } from './lists.ts';
export { type Mergeable, MergeRounds, type MergeRoundsOptions } from './merge-rounds.ts';
export { reduceOwnUser } from './own-user.ts';
export {
  type GuildCheckpoint,
  type GuildStore,
  type StoredGuild,
  type StoredGuilds,
  StoredGuildsLostError,
  type TailProgress,
} from './ports.ts';
export type { GuildItem, GuildReading } from './reading.ts';
export {
  type GuildDispatch,
  guildIdKey,
  guildIdOf,
  reduceGuild,
  reduceGuildAll,
  relevantEventTypes,
} from './reducer.ts';
export { asSnapshot, isUnavailable, type SnapshotOptions } from './snapshot.ts';
export type { SnapshotCounts } from './snapshot-counts.ts';
export { GuildSnapshots, type GuildSnapshotsOptions } from './snapshots.ts';
export type { StoringRound } from './storing-round.ts';
export { stripGuild } from './strip.ts';
export { GuildWriter, type GuildWriterOptions, NOTHING_KNOWN, type StoredWindow } from './writer.ts';
