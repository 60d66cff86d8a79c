/**
 * What another process has left of a shard, read back: dispatches into the log, and what goes with them. Done in slices, as other shards
 * of this node live on meanwhile; anything unreadable only shortens the window.
 */
import type { StoredTail } from '../../cluster/index.ts';
import type { GuildCheckpoint, JsonObject } from '../../guilds/index.ts';
import {
  type EventLog,
  loadChunk,
  type TailBase,
  type TailChunk,
  type TailCompressor,
} from '../../log/index.ts';
import { EventTypeId } from '../../protocol/event-types.ts';
import { reasonOf } from '../../runtime/reason-of.ts';
import { yieldToEvents } from '../../runtime/yield-to-events.ts';
import type { UpstreamLog, UpstreamSession } from '../../upstream/index.ts';
import type { Voice } from '../../voice/index.ts';
import { upstreamEpoch } from '../../workers/index.ts';
import type { GuildIds } from './guild-ids.ts';
import type { GuildSession } from './held-guilds.ts';
import { withUserUpdate } from './ready-user.ts';

/** What outlives the process beside the dispatches. */
export interface ShardState {
  readonly session: UpstreamSession;
  /** `d` of READY, without its guilds. */
  readonly ready: Readonly<Record<string, unknown>>;
  readonly guildIds: readonly string[];
  readonly voice?: unknown;
  /** Of READY. */
  readonly readySequence?: number | undefined;
}

export interface RestoringOptions {
  readonly log: EventLog;
  readonly guildIds: GuildIds;
  readonly voice: Voice;
  readonly tailCompressor: TailCompressor;
  readonly logger: UpstreamLog;
}

/** So much is loaded at a time: about 2 ms of the event loop. */
const SLICE_BYTES = 512 * 1024;

export class Restoring {
  /** READY's sequence; `undefined` where nobody knows it any more. */
  readySequence: number | undefined;
  /** What READY said of guilds; `undefined` where the log does not go back to it. */
  beginning: Pick<GuildCheckpoint, 'sequence' | 'guildIds'> | undefined;
  readonly #options: RestoringOptions;
  #loadedBytes = 0;
  /** The newest USER_UPDATE that is newer than the newest base. */
  #userUpdate: Buffer | undefined;

  constructor(options: RestoringOptions) {
    this.#options = options;
  }

  /** The session to go on with; `undefined` where there is none. May be called again with what followed. */
  async run({
    parts,
    isContinuation,
  }: StoredTail): Promise<Pick<ShardState, 'session' | 'ready'> | undefined> {
    const newest = parts.at(-1)?.base.state as Partial<ShardState> | undefined;
    // Written between the loss of a session and the READY of the next: there is nothing to go on from.
    if (!newest?.session || !newest.ready || !('user' in newest.ready)) return undefined;
    this.#options.voice.restore(userIdOf(newest.ready));
    for (const { base, chunks } of parts) {
      const state = base.state as Partial<ShardState>;
      if (state.session?.sessionId !== newest.session.sessionId) continue;
      if (!isContinuation) this.#restoreBase(base, state);
      for (const chunk of chunks) await this.#restoreChunk(chunk);
    }
    const ready = this.#userUpdate ? withUserUpdate(newest.ready, this.#userUpdate) : newest.ready;
    return { session: newest.session, ready };
  }

  #restoreBase({ sequence }: TailBase, { guildIds = [], readySequence, voice }: Partial<ShardState>): void {
    const { log, ...options } = this.#options;
    options.guildIds.reset(guildIds);
    this.#userUpdate = undefined;
    this.readySequence = readySequence;
    this.beginning = readySequence === sequence ? { sequence, guildIds } : undefined;
    options.voice.table.clear();
    options.voice.table.restore(voice);
    if (sequence !== log.head) log.reset(sequence);
  }

  async #restoreChunk(chunk: TailChunk): Promise<void> {
    const { log, guildIds, voice, tailCompressor, logger } = this.#options;
    if (chunk.afterSequence !== log.head) log.reset(chunk.afterSequence);
    const bytesBefore = log.appendedBytes;
    try {
      loadChunk(chunk, log, tailCompressor, {
        onRecord: (typeId, payload) => {
          guildIds.apply(typeId, payload);
          // A copy: what it is a view of is used again.
          if (typeId === EventTypeId.UserUpdate) this.#userUpdate = Buffer.from(payload);
        },
        onChanges: (changes) => voice.table.restore(changes['voice']),
      });
    } catch (error) {
      logger.warn(
        { reason: reasonOf(error), lastSequence: chunk.lastSequence },
        'a chunk of the tail can not be read; workers that need it get INVALID_SESSION',
      );
      log.reset(chunk.lastSequence);
    }
    this.#loadedBytes += log.appendedBytes - bytesBefore;
    if (this.#loadedBytes < SLICE_BYTES) return;
    this.#loadedBytes = 0;
    await yieldToEvents();
  }
}

export function userIdOf({ user }: ShardState['ready']): string {
  return String((user as { readonly id?: unknown } | undefined)?.id);
}

/** A session as far as guilds depend on it. */
export function guildSession({ sessionId }: UpstreamSession, { user }: ShardState['ready']): GuildSession {
  // READY's user is an object; of anything else nothing is expected.
  return { epoch: upstreamEpoch(sessionId), ownUser: user as JsonObject | undefined };
}
