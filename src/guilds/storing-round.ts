/**
 * One pass over the guilds of a shard: all that is not stored as it is, in batches, a few at a time. Dispatches go on meanwhile: a guild
 * is as of the moment it is taken, at or after the round's own sequence.
 */
import type { Clock } from '../runtime/clock.ts';
import type { GuildCompressor } from './compressor.ts';
import type { GuildTable } from './guild-table.ts';
import type { JsonObject } from './json.ts';
import type { KeptGuild } from './kept-guild.ts';
import type { GuildCheckpoint, StoredGuild } from './ports.ts';
import { needsStoring, noteStored, toStored } from './storing.ts';

/** One write: large enough to be cheap, small enough not to be in the way of a tail's. */
const MAX_BATCH_BYTES = 256 * 1024;

export interface StoringRoundOptions {
  readonly table: GuildTable;
  readonly compressor: GuildCompressor;
  readonly clock: Clock;
  readonly ownUser: JsonObject | undefined;
  /** Of the last dispatch; all up to it are with their guilds when it returns. */
  readonly sequence: () => number;
}

export interface StoringBatch {
  readonly guilds: readonly StoredGuild[];
  readonly bytes: number;
  /** Of the newest dispatch in it. */
  readonly sequence: number;
  /** To be called once it is stored. */
  onStored(): void;
}

interface Taken {
  readonly guild: KeptGuild;
  readonly version: number;
  readonly stored: StoredGuild;
}

export class StoringRound {
  /** What is stored goes up to it when the round is through. */
  readonly checkpoint: Pick<GuildCheckpoint, 'sequence' | 'guildIds' | 'ownUser'>;
  readonly #options: StoringRoundOptions;
  readonly #left: string[];
  #batch: Taken[] = [];
  #batchBytes = 0;

  constructor(options: StoringRoundOptions) {
    const { table, ownUser, sequence } = options;
    this.#options = options;
    const atSequence = sequence();
    this.#left = [...table.ids];
    this.checkpoint = { sequence: atSequence, guildIds: [...this.#left], ownUser };
  }

  /** Takes guilds for the next batch, for about so long; whether there is room, and more of them. */
  fill(maxMs: number): boolean {
    const { table, clock, sequence, compressor } = this.#options;
    const endsAtMs = clock.now() + maxMs;
    const atSequence = sequence();
    while (this.#batchBytes < MAX_BATCH_BYTES) {
      const id = this.#left.pop();
      if (id === undefined) return false;
      const guild = table.find(id);
      if (!guild || !needsStoring(guild)) continue;
      const stored = toStored(guild, atSequence, compressor);
      this.#batch.push({ guild, version: guild.version, stored });
      this.#batchBytes += (stored.body?.length ?? 0) + stored.pending.length;
      if (clock.now() >= endsAtMs) return this.#batchBytes < MAX_BATCH_BYTES;
    }
    return false;
  }

  /** What was taken since the last one; `undefined` where that is nothing. */
  takeBatch(): StoringBatch | undefined {
    const taken = this.#batch;
    const bytes = this.#batchBytes;
    this.#batch = [];
    this.#batchBytes = 0;
    if (taken.length === 0) return undefined;
    return {
      guilds: taken.map(({ stored }) => stored),
      bytes,
      sequence: Math.max(...taken.map(({ stored }) => stored.sequence)),
      onStored: () => {
        for (const { guild, version, stored } of taken) noteStored(guild, version, stored.sequence);
      },
    };
  }
}
