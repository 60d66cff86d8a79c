/** A list in a guild's text, in which single elements are looked up, changed, added and taken out. What is not asked for is not parsed. */
import { type JsonObject, objectOf } from './json.ts';
import { LISTS, type ListKey } from './lists.ts';
import type { ListPlace } from './text-layout.ts';

/** What stands before an element's id wherever it names itself. Others may name it so, too. */
const ID_KEYS: Readonly<Record<ListKey, string>> = {
  roles: '"id":"',
  channels: '"id":"',
  threads: '"id":"',
  members: '"id":"',
  presences: '"id":"',
  voice_states: '"user_id":"',
  emojis: '"id":"',
  stickers: '"id":"',
  soundboard_sounds: '"sound_id":"',
  stage_instances: '"id":"',
  guild_scheduled_events: '"id":"',
  integrations: '"id":"',
};

/**
 * Elements that are searched for one by one. A search reads the list from its beginning to its end, some ten times faster than parsing
 * does; GUILD_MEMBERS_CHUNK names a thousand.
 */
const MAX_SEARCHES = 16;

/** It can't be done element by element: all is to be parsed instead. */
export class NotByTextError extends Error {
  override name = 'NotByTextError';
}

export class TextList {
  readonly place: ListPlace;
  readonly #text: Buffer;
  /** What of it is the list's; not made before it is needed. */
  #range: Buffer | undefined;
  /** By index: what stands there instead, `undefined` where nothing does any more. */
  readonly #changed = new Map<number, JsonObject | undefined>();
  readonly #added = new Map<string, JsonObject>();
  readonly #indexes = new Map<string, number>();
  readonly #parsed = new Map<number, JsonObject | undefined>();
  #searchesLeft: number;
  #isIndexed = false;

  /** `maxSearches`: 0 where many elements are going to be touched. */
  constructor(text: Buffer, place: ListPlace, maxSearches = MAX_SEARCHES) {
    this.#text = text;
    this.place = place;
    this.#searchesLeft = maxSearches;
  }

  get isChanged(): boolean {
    return this.#changed.size > 0 || this.#added.size > 0;
  }

  get size(): number {
    let removed = 0;
    for (const element of this.#changed.values()) if (element === undefined) removed += 1;
    return this.place.starts.length - removed + this.#added.size;
  }

  get(id: string): JsonObject | undefined {
    const added = this.#added.get(id);
    if (added) return added;
    const index = this.#indexOf(id);
    return index < 0 ? undefined : this.#at(index);
  }

  set(id: string, element: JsonObject): void {
    const index = this.#added.has(id) ? -1 : this.#indexOf(id);
    if (index < 0 || this.#isRemoved(index)) this.#added.set(id, element);
    else this.#changed.set(index, element);
  }

  delete(id: string): void {
    if (this.#added.delete(id)) return;
    const index = this.#indexOf(id);
    if (index >= 0) this.#changed.set(index, undefined);
  }

  clear(): void {
    for (const index of this.place.starts.keys()) this.#changed.set(index, undefined);
    this.#added.clear();
  }

  /**
   * Replaces each element by what `change` makes of it: the same object means no change, `undefined` takes it out. `id`: elements that do
   * not speak of it stay as they are.
   */
  changeEach(change: (element: JsonObject) => JsonObject | undefined, id?: string): void {
    for (const index of id === undefined ? this.#all() : this.#speakingOf(id)) {
      const element = this.#at(index);
      const changed = element && change(element);
      if (changed !== element) this.#changed.set(index, changed);
    }
    for (const [addedId, element] of this.#added) {
      const changed = change(element);
      if (changed === undefined) this.#added.delete(addedId);
      else this.#added.set(addedId, changed);
    }
  }

  /** What has changed in the text, by index, ascending: the new text, or `undefined` where there is no element any more. */
  changedTexts(): (readonly [index: number, text: string | undefined])[] {
    return Array.from(
      this.#changed,
      ([index, element]) => [index, element && JSON.stringify(element)] as const,
    ).sort(([one], [other]) => one - other);
  }

  addedTexts(): string[] {
    return Array.from(this.#added.values(), (element) => JSON.stringify(element));
  }

  #isRemoved(index: number): boolean {
    return this.#changed.has(index) && this.#changed.get(index) === undefined;
  }

  #at(index: number): JsonObject | undefined {
    return this.#changed.has(index) ? this.#changed.get(index) : this.#parse(index);
  }

  #parse(index: number): JsonObject | undefined {
    if (this.#parsed.has(index)) return this.#parsed.get(index);
    const { starts, lengths } = this.place;
    const start = starts[index] ?? 0;
    const element = objectOf(JSON.parse(this.#text.toString('utf8', start, start + (lengths[index] ?? 0))));
    this.#parsed.set(index, element);
    return element;
  }

  /** From now on all elements are known by id. */
  #indexAll(): void {
    this.#isIndexed = true;
    this.#indexes.clear();
    for (const index of this.#all()) {
      const element = this.#parse(index);
      const id = element && LISTS[this.place.key].elementId(element);
      if (id === undefined) continue;
      if (this.#indexes.has(id)) throw new NotByTextError(`two ${this.place.key} with one id`);
      this.#indexes.set(id, index);
    }
  }

  /** All are going to be looked at: parsed in one go. */
  #all(): Iterable<number> {
    const elements = JSON.parse(`[${this.#bytes().toString()}]`) as unknown[];
    for (const [index, element] of elements.entries()) this.#parsed.set(index, objectOf(element));
    return this.place.starts.keys();
  }

  /** Those whose text has it, and those that were changed since. */
  #speakingOf(id: string): Iterable<number> {
    const indexes = new Set(this.#changed.keys());
    for (const at of this.#occurrences(`"${id}"`)) indexes.add(lastAtOrBelow(this.place.starts, at));
    return indexes;
  }

  /** In the text, also where it was changed or taken out since; -1 where it never was there. */
  #indexOf(id: string): number {
    const known = this.#indexes.get(id);
    if (known !== undefined) return known;
    if (this.#isIndexed) return -1;
    if (this.#searchesLeft-- === 0) {
      this.#indexAll();
      return this.#indexes.get(id) ?? -1;
    }
    const index = this.#search(id);
    this.#indexes.set(id, index);
    return index;
  }

  #search(id: string): number {
    const { key, starts } = this.place;
    let found = -1;
    for (const at of this.#occurrences(`${ID_KEYS[key]}${id}"`)) {
      const index = lastAtOrBelow(starts, at);
      const element = this.#parse(index);
      if (!element || LISTS[key].elementId(element) !== id) continue;
      if (found >= 0 && found !== index) throw new NotByTextError(`two ${key} with one id`);
      found = index;
    }
    return found;
  }

  /** Where in the text it stands. */
  #occurrences(needle: string): number[] {
    const bytes = this.#bytes();
    const found: number[] = [];
    for (let at = bytes.indexOf(needle, 0, 'latin1'); at >= 0; ) {
      found.push(this.place.start + at);
      at = bytes.indexOf(needle, at + needle.length, 'latin1');
    }
    return found;
  }

  #bytes(): Buffer {
    this.#range ??= this.#text.subarray(this.place.start, this.place.end);
    return this.#range;
  }
}

/** The index of the last of these ascending numbers that is not above `limit`. */
function lastAtOrBelow(numbers: readonly number[], limit: number): number {
  let [low, high] = [0, numbers.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((numbers[middle] ?? 0) <= limit) low = middle;
    else high = middle - 1;
  }
  return low;
}
