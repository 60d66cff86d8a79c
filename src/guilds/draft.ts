/** A guild while dispatches are applied to it. What it was made from is never changed; elements are replaced, not written into. */
import type { JsonObject } from './json.ts';
import { objectOf } from './json.ts';
import { type GuildOptions, keeps, LISTS, type ListKey } from './lists.ts';

export interface GuildDraft {
  readonly options: GuildOptions;
  readonly isKnown: boolean;
  /** What the guild says of itself beside its lists; of a list only whether it is one can be seen here. */
  field(key: string): unknown;
  /** Starts over with another body, or with none: the guild is gone. */
  replace(guild: JsonObject | undefined): void;
  /** Sets fields that are not lists. */
  assign(fields: JsonObject): void;
  has(key: ListKey, id: string): boolean;
  find(key: ListKey, id: string): JsonObject | undefined;
  /** Sets an element as it is; ignores one without an id, and one of a kind that is not kept. */
  put(key: ListKey, element: JsonObject): void;
  /** Sets an element; what it does not carry stays as it was. */
  merge(key: ListKey, element: JsonObject): void;
  /** The whole list anew. */
  setAll(key: ListKey, elements: readonly JsonObject[]): void;
  delete(key: ListKey, id: string): void;
  /** `id`: all that are over speak of it. */
  deleteWhere(key: ListKey, isOver: (element: JsonObject) => boolean, id?: string): void;
  /** Replaces each element by what `change` makes of it; the same object means no change. `id`: all that change speak of it. */
  changeEach(key: ListKey, change: (element: JsonObject) => JsonObject, id?: string): void;
}

/** An element without an id stays in its place, under a symbol, out of reach of every dispatch. */
type Elements = Map<string | symbol, unknown>;

/** All of a guild was parsed: each list that a dispatch touches is indexed by id, once, however many dispatches follow. */
export class ParsedDraft implements GuildDraft {
  readonly options: GuildOptions;
  #guild: JsonObject | undefined;
  readonly #lists = new Map<ListKey, Elements>();
  readonly #changed = new Set<ListKey>();

  constructor(guild: JsonObject | undefined, options: GuildOptions) {
    this.#guild = guild;
    this.options = options;
  }

  get isKnown(): boolean {
    return this.#guild !== undefined;
  }

  field(key: string): unknown {
    return this.#guild?.[key];
  }

  replace(guild: JsonObject | undefined): void {
    this.#guild = guild;
    this.#lists.clear();
    this.#changed.clear();
  }

  assign(fields: JsonObject): void {
    if (this.#guild) this.#guild = { ...this.#guild, ...fields };
  }

  has(key: ListKey, id: string): boolean {
    return this.#elements(key).has(id);
  }

  find(key: ListKey, id: string): JsonObject | undefined {
    return objectOf(this.#elements(key).get(id));
  }

  put(key: ListKey, element: JsonObject): void {
    const id = LISTS[key].elementId(element);
    if (id === undefined || !keeps(key, id, this.options)) return;
    this.#elements(key).set(id, element);
    this.#changed.add(key);
  }

  merge(key: ListKey, element: JsonObject): void {
    const id = LISTS[key].elementId(element);
    if (id === undefined) return;
    const known = this.find(key, id);
    this.put(key, known ? { ...known, ...element } : element);
  }

  setAll(key: ListKey, elements: readonly JsonObject[]): void {
    this.#elements(key).clear();
    this.#changed.add(key);
    for (const element of elements) this.put(key, element);
  }

  delete(key: ListKey, id: string): void {
    if (this.#elements(key).delete(id)) this.#changed.add(key);
  }

  deleteWhere(key: ListKey, isOver: (element: JsonObject) => boolean): void {
    for (const [id, value] of this.#elements(key)) {
      const element = objectOf(value);
      if (!element || typeof id !== 'string' || !isOver(element)) continue;
      this.#elements(key).delete(id);
      this.#changed.add(key);
    }
  }

  changeEach(key: ListKey, change: (element: JsonObject) => JsonObject): void {
    const elements = this.#elements(key);
    for (const [id, value] of elements) {
      const element = objectOf(value);
      const changed = element && change(element);
      if (changed === element) continue;
      elements.set(id, changed);
      this.#changed.add(key);
    }
  }

  /** The guild with all changes; the very object it was made from if there were none. The draft ends with it. */
  finish(): JsonObject | undefined {
    if (this.#changed.size > 0) {
      const lists = [...this.#changed].map((key) => [key, [...this.#elements(key).values()]]);
      this.assign(Object.fromEntries(lists));
    }
    return this.#guild;
  }

  #elements(key: ListKey): Elements {
    let elements = this.#lists.get(key);
    if (elements === undefined) {
      elements = indexed(key, this.#guild?.[key]);
      this.#lists.set(key, elements);
    }
    return elements;
  }
}

/** Of two elements with one id the later one counts. */
function indexed(key: ListKey, list: unknown): Elements {
  const elements: Elements = new Map();
  if (!Array.isArray(list)) return elements;
  for (const value of list as unknown[]) {
    const element = objectOf(value);
    elements.set((element && LISTS[key].elementId(element)) ?? Symbol(key), value);
  }
  return elements;
}
