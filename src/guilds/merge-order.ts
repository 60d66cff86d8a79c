/** Which guild is to be merged next: first those that were never looked into, then those with most pending bytes for their size, about. */
import { type KeptGuild, pendingWeight } from './kept-guild.ts';

/** Pending bytes double, so that a guild changes its place a few times between merges and no more. */
const PLACES = 33;
const UNCOMPRESSED = PLACES - 1;

export class MergeOrder {
  readonly #places = Array.from({ length: PLACES }, () => new Set<KeptGuild>());
  readonly #placeOf = new Map<KeptGuild, number>();

  /** To be called when its state is another, or its pending bytes take more or less room. */
  update(guild: KeptGuild): void {
    const place = placeFor(guild);
    const before = this.#placeOf.get(guild);
    if (place === before) return;
    if (before !== undefined) this.#places[before]?.delete(guild);
    if (place === undefined) this.#placeOf.delete(guild);
    else {
      this.#placeOf.set(guild, place);
      this.#places[place]?.add(guild);
    }
  }

  remove(guild: KeptGuild): void {
    const place = this.#placeOf.get(guild);
    if (place === undefined) return;
    this.#places[place]?.delete(guild);
    this.#placeOf.delete(guild);
  }

  /** `undefined` where there is nothing to merge at all. */
  next(): KeptGuild | undefined {
    for (let place = UNCOMPRESSED; place >= 0; place--) {
      for (const guild of this.#places[place] ?? []) return guild;
    }
    return undefined;
  }

  clear(): void {
    this.#placeOf.clear();
    for (const guilds of this.#places) guilds.clear();
  }
}

function placeFor(guild: KeptGuild): number | undefined {
  if (guild.state.kind === 'raw') return UNCOMPRESSED;
  return guild.pending && 31 - Math.clz32(Math.max(1, pendingWeight(guild)));
}
