/**
 * The guilds of a shard as they are kept, and what they take. Changes them as told and keeps the sums; what to do when is decided in
 * snapshots.ts.
 */
import { bodyBytes, type GuildState, isKnown, type KeptGuild, NEVER } from './kept-guild.ts';
import { MergeOrder } from './merge-order.ts';
import { Pending } from './pending.ts';

export class GuildTable {
  readonly #guilds = new Map<string, KeptGuild>();
  readonly order = new MergeOrder();
  bodyBytes = 0;
  pendingBytes = 0;
  #versions = 0;
  readonly #kinds = { awaited: 0, unavailable: 0, missing: 0, raw: 0, kept: 0 };

  get size(): number {
    return this.#guilds.size;
  }

  get ids(): Iterable<string> {
    return this.#guilds.keys();
  }

  count(kind: GuildState['kind']): number {
    return this.#kinds[kind];
  }

  find(id: string): KeptGuild | undefined {
    return this.#guilds.get(id);
  }

  all(): Iterable<KeptGuild> {
    return this.#guilds.values();
  }

  /** A new guild, or another state of one that is known; what was pending is over. */
  set(id: string, state: GuildState, lastSequence: number): void {
    let guild = this.#guilds.get(id);
    if (!guild) {
      const notStored = { storedVersion: NEVER, storedSequence: NEVER };
      guild = { id, state, pending: undefined, lastSequence, version: this.#versions++, ...notStored };
      this.#guilds.set(id, guild);
      this.#account(guild, 1);
    } else this.replace(guild, state, undefined);
    guild.lastSequence = lastSequence;
    this.order.update(guild);
  }

  replace(guild: KeptGuild, state: GuildState, pending: Pending | undefined): void {
    this.#account(guild, -1);
    guild.state = state;
    guild.version = this.#versions++;
    guild.pending = isKnown(state) ? pending : undefined;
    this.#account(guild, 1);
    this.order.update(guild);
  }

  /** What is pending of a guild that was just set. */
  setPending(guild: KeptGuild, pending: Pending): void {
    this.#account(guild, -1);
    guild.pending = pending;
    this.#account(guild, 1);
    this.order.update(guild);
  }

  append(guild: KeptGuild, bytes: Buffer, start: number, end: number): void {
    const before = guild.pending?.sizeBytes ?? 0;
    guild.pending ??= new Pending();
    guild.pending.append(bytes, start, end);
    const grownBy = guild.pending.sizeBytes - before;
    if (grownBy === 0) return;
    this.pendingBytes += grownBy;
    this.order.update(guild);
  }

  delete(id: string): void {
    const guild = this.#guilds.get(id);
    if (!guild) return;
    this.#account(guild, -1);
    this.#guilds.delete(id);
    this.order.remove(guild);
  }

  clear(): void {
    this.order.clear();
    for (const guild of this.#guilds.values()) this.#account(guild, -1);
    this.#guilds.clear();
  }

  #account({ state, pending }: KeptGuild, sign: 1 | -1): void {
    this.bodyBytes += sign * bodyBytes(state);
    this.pendingBytes += sign * (pending?.sizeBytes ?? 0);
    this.#kinds[state.kind] += sign;
  }
}
