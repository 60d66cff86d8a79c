/** Where in a file the newest of each guild is: what its records come to, when they are read one after the other. Pure. */
import type { GuildCheckpoint } from '../../guilds/index.ts';
import { isForgotten } from '../guild-checkpoint.ts';
import { type EncodedGuild, guildOverhead } from './guild-record.ts';

/** Places are from the beginning of the file. */
export interface GuildPlace {
  readonly sequence: number;
  readonly bodyAt: number;
  readonly bodyBytes: number;
  readonly pendingAt: number;
  readonly pendingBytes: number;
}

export class GuildIndex {
  readonly #guilds = new Map<string, GuildPlace>();
  #liveBytes = 0;

  get guilds(): ReadonlyMap<string, GuildPlace> {
    return this.#guilds;
  }

  /** What the guilds would take in a file that has each of them once. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  has(guildId: string): boolean {
    return this.#guilds.has(guildId);
  }

  /** Takes in a record of guilds whose body is at `at`. `false`: one of them has no body, nor had it before; then none is taken in. */
  put(guilds: readonly EncodedGuild[], at: number): boolean {
    if (guilds.some(({ guildId, bodyBytes }) => bodyBytes === undefined && !this.#guilds.has(guildId)))
      return false;
    for (const guild of guilds) {
      const before = this.#guilds.get(guild.guildId);
      const place = placeOf(guild, at, before);
      this.#liveBytes += placeBytes(guild.guildId, place) - placeBytes(guild.guildId, before);
      this.#guilds.set(guild.guildId, place);
    }
    return true;
  }

  forget(guildIds: readonly string[]): void {
    for (const guildId of guildIds) {
      this.#liveBytes -= placeBytes(guildId, this.#guilds.get(guildId));
      this.#guilds.delete(guildId);
    }
  }

  /** What a commit of `checkpoint` forgets. */
  forgottenBy(checkpoint: GuildCheckpoint): string[] {
    const named = new Set(checkpoint.guildIds);
    return [...this.#guilds]
      .filter(([guildId, { sequence }]) => isForgotten(checkpoint, named, guildId, sequence))
      .map(([guildId]) => guildId);
  }
}

function placeOf(guild: EncodedGuild, at: number, before: GuildPlace | undefined): GuildPlace {
  const { sequence, pendingBytes, bodyBytes } = guild;
  const start = at + guild.at;
  if (bodyBytes !== undefined)
    return { sequence, bodyAt: start, bodyBytes, pendingAt: start + bodyBytes, pendingBytes };
  return {
    sequence,
    bodyAt: before?.bodyAt ?? 0,
    bodyBytes: before?.bodyBytes ?? 0,
    pendingAt: start,
    pendingBytes,
  };
}

function placeBytes(guildId: string, place: GuildPlace | undefined): number {
  return place ? guildOverhead(guildId) + place.bodyBytes + place.pendingBytes : 0;
}
