/** What a member knows of what Redis has of a shard's guilds: which write was the last, and what each guild takes. Pure. */
import { randomBytes } from 'node:crypto';
import type { StoredGuild } from '../../guilds/index.ts';

/** Of a guild's two fields: their names (an id has up to 20 digits), and the entries that name and value hang from. */
const GUILD_OVERHEAD_BYTES = 2 * (32 + 24);

/** Of the key, and of the fields that there are once with what is in them, but for the names of guilds that a checkpoint has. */
const FIXED_BYTES = 380;

/** `generation`, `revision`, `checkpoint`. */
const FIXED_FIELDS = 3;

/** Of a place in the hash's table, which has as many as the next power of two of its fields. */
const SLOT_BYTES = 8;

export interface KnownGuilds {
  /** Of the last write. */
  readonly revision: string;
  /** Number of our first write after that. */
  readonly since: number;
  readonly sizes: GuildSizes;
}

/** Counts a member's writes for a shard; every store that it opens for writing, one after the other, has the same. */
export class GuildsPosition {
  readonly writer = randomBytes(9).toString('base64url');
  #writes = 0;
  /** What was read to its end, or written, last: where the next store goes on. */
  known: KnownGuilds | undefined;

  /** Of those that were begun. */
  get writes(): number {
    return this.#writes;
  }

  /** The number of the next. */
  count(): number {
    return ++this.#writes;
  }

  afterWrite(number: number, sizes: GuildSizes): KnownGuilds {
    this.known = { revision: `${number} ${this.writer}`, since: number + 1, sizes };
    return this.known;
  }

  afterRead(revision: string, sizes: GuildSizes): void {
    this.known = { revision, since: this.#writes + 1, sizes };
  }
}

/** What each stored guild takes in Redis, about. */
export class GuildSizes {
  readonly #guilds = new Map<string, { readonly body: number; readonly pending: number }>();
  #bytes = FIXED_BYTES;

  get bytes(): number {
    const fields = FIXED_FIELDS + 2 * this.#guilds.size;
    return this.#bytes + SLOT_BYTES * 2 ** Math.ceil(Math.log2(fields));
  }

  has(guildId: string): boolean {
    return this.#guilds.has(guildId);
  }

  put({ guildId, sequence, body, pending }: StoredGuild): void {
    const bodyBytes = body ? memoryOf(body.length) : (this.#guilds.get(guildId)?.body ?? 0);
    this.delete(guildId);
    const record = String(sequence).length + 1 + pending.length;
    const sizes = { body: bodyBytes, pending: memoryOf(record) };
    this.#guilds.set(guildId, sizes);
    this.#bytes += GUILD_OVERHEAD_BYTES + sizes.body + sizes.pending;
  }

  delete(guildId: string): void {
    const sizes = this.#guilds.get(guildId);
    if (!sizes) return;
    this.#guilds.delete(guildId);
    this.#bytes -= GUILD_OVERHEAD_BYTES + sizes.body + sizes.pending;
  }

  /** Those that are none of these. */
  without(guildIds: readonly string[]): string[] {
    const named = new Set(guildIds);
    return [...this.#guilds.keys()].filter((guildId) => !named.has(guildId));
  }
}

/**
 * What Redis takes for a string of so many bytes, exactly (7.0): the string, the byte after it and the header that tells its length,
 * rounded up to the next of jemalloc's sizes, of which there are four to each doubling but none closer than 16 bytes.
 */
function memoryOf(bytes: number): number {
  const taken = headerOf(bytes) + bytes + 1;
  const step = 2 ** Math.max(4, Math.ceil(Math.log2(taken)) - 3);
  return Math.ceil(taken / step) * step;
}

function headerOf(bytes: number): number {
  if (bytes < 2 ** 5) return 1;
  if (bytes < 2 ** 8) return 3;
  return bytes < 2 ** 16 ? 5 : 9;
}
