/** What a member knows of what Redis has of a shard's guilds: which write was the last, and what each guild takes. Pure. */
import { randomBytes } from 'node:crypto';
import type { StoredGuild } from '../../guilds/index.ts';

/** Of a guild's two fields: their places in the hash's table, and their names. */
const GUILD_OVERHEAD_BYTES = 200;

/** Of the fields that there are once. */
const FIXED_BYTES = 300;

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
    return this.#bytes;
  }

  has(guildId: string): boolean {
    return this.#guilds.has(guildId);
  }

  put({ guildId, body, pending }: StoredGuild): void {
    const bodyBytes = body ? memoryOf(body.length) : (this.#guilds.get(guildId)?.body ?? 0);
    this.delete(guildId);
    const sizes = { body: bodyBytes, pending: memoryOf(pending.length) };
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

/** What Redis' allocator takes for so much: the next of four sizes to each doubling (as `memory_of` in `lua/shared.lua`). */
function memoryOf(bytes: number): number {
  if (bytes === 0) return 0;
  const step = 2 ** Math.max(3, Math.ceil(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / step) * step;
}
