/**
 * Where the guilds of a shard are kept beside the process. What is stored is a view of the log: a checkpoint says up to which
 * dispatch all of it goes, each guild may be ahead of it, and what came after is in the tail. So the guilds as of the tail's
 * end are the stored ones and the tail's dispatches after the checkpoint, each skipped where the guild has it already.
 */
import type { JsonObject } from './json.ts';

export interface GuildCheckpoint {
  /** Names the upstream session: sequences of another mean nothing in this one. */
  readonly epoch: string;
  /** All dispatches up to this one are in what is stored. The tail's store has to have those that follow. */
  readonly sequence: number;
  /** All guilds as of `sequence`, also those that nothing is stored of: they are awaited. */
  readonly guildIds: readonly string[];
  /** READY's `user`. */
  readonly ownUser: JsonObject | undefined;
  /** Kinds that are missing in what is stored, for the session's rest. Left out: none. */
  readonly off?: readonly string[];
}

export interface StoredGuild {
  readonly guildId: string;
  /** The dispatches up to this one that touch the guild are in `body` and `pending`. */
  readonly sequence: number;
  /**
   * Its body's JSON as a zstd frame (`{ id, unavailable: true }` of one that is out); empty of one that was dropped for lack of room.
   * `undefined` in a `put`: the one that is stored stays.
   */
  readonly body: Buffer | undefined;
  /** What has happened since the body was made, as `Pending` has it, in a zstd frame; empty where nothing has. */
  readonly pending: Buffer;
}

export interface StoredGuilds {
  readonly checkpoint: GuildCheckpoint;
  /** Each guild once, a few hundred KiB at a time; those that are not in `guildIds` may be among them. To be read once. */
  readonly guilds: AsyncIterable<readonly (StoredGuild & { readonly body: Buffer })[]>;
}

/** What was stored is gone, at least in part: writing goes on with `begin`. */
export class StoredGuildsLostError extends Error {
  override name = 'StoredGuildsLostError';
}

/**
 * For writing. Calls come one after the other. They reject with the cluster's `LeaseLostError` where the shard is another's by now, with
 * `StoredGuildsLostError`, and with any other error where trying the same again later may help; after that what is stored is as before
 * or as after the call.
 */
export interface GuildStore extends AsyncDisposable {
  /** Forgets all that is kept and starts over from `checkpoint`. */
  begin(checkpoint: GuildCheckpoint): Promise<void>;
  /** Replaces these guilds, all of them or none. The checkpoint stays where it is. */
  put(guilds: readonly StoredGuild[]): Promise<void>;
  /** Moves the checkpoint, and forgets guilds that it does not name and whose stored sequence is not above it. */
  commit(checkpoint: GuildCheckpoint): Promise<void>;
  /** What it takes up, as far as this writer knows. */
  readonly bytes: number;
}

/** The shard's tail, as far as it matters for what is stored of guilds when. */
export interface TailProgress {
  /** Up to which dispatch it is written; `undefined`: it has to begin anew. */
  readonly writtenSequence: number | undefined;
  /** It holds nothing up to this one. */
  readonly baseSequence: number;
  /** Since it was opened. */
  readonly writtenBytes: number;
}
