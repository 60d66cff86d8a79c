/**
 * A guild's snapshot as text while dispatches are applied to it: what they touch is parsed, and the rest is copied. Several times faster
 * than parsing and writing all of it. Any call may throw `NotByTextError`.
 */
import type { GuildDraft } from './draft.ts';
import { type JsonObject, objectOf } from './json.ts';
import { type GuildOptions, keeps, LISTS, type ListKey } from './lists.ts';
import { type GuildLayout, listsIn } from './text-layout.ts';
import { NotByTextError, TextList } from './text-list.ts';
import type { TextWriter, WrittenText } from './text-writer.ts';

export class TextDraft implements GuildDraft {
  readonly options: GuildOptions;
  readonly isKnown = true;
  readonly #text: Buffer;
  readonly #lists: ReadonlyMap<ListKey, TextList>;
  #fields: JsonObject | undefined;
  #areFieldsChanged = false;

  /** `maxSearches`: as of each of its lists. */
  constructor(text: Buffer, layout: GuildLayout, options: GuildOptions, maxSearches?: number) {
    this.#text = text;
    this.options = options;
    const lists = listsIn(layout).map((place) => new TextList(text, place, maxSearches));
    this.#lists = new Map(lists.map((list) => [list.place.key, list]));
  }

  field(key: string): unknown {
    return this.#head()[key];
  }

  replace(): void {
    throw new NotByTextError('the guild is another');
  }

  assign(fields: JsonObject): void {
    this.#fields = { ...this.#head(), ...fields };
    this.#areFieldsChanged = true;
  }

  has(key: ListKey, id: string): boolean {
    return this.find(key, id) !== undefined;
  }

  find(key: ListKey, id: string): JsonObject | undefined {
    return this.#lists.get(key)?.get(id);
  }

  put(key: ListKey, element: JsonObject): void {
    const id = LISTS[key].elementId(element);
    if (id === undefined || !keeps(key, id, this.options)) return;
    this.#list(key).set(id, element);
  }

  merge(key: ListKey, element: JsonObject): void {
    const id = LISTS[key].elementId(element);
    if (id === undefined) return;
    const known = this.find(key, id);
    this.put(key, known ? { ...known, ...element } : element);
  }

  setAll(key: ListKey, elements: readonly JsonObject[]): void {
    this.#list(key).clear();
    for (const element of elements) this.put(key, element);
  }

  delete(key: ListKey, id: string): void {
    this.#lists.get(key)?.delete(id);
  }

  deleteWhere(key: ListKey, isOver: (element: JsonObject) => boolean, id?: string): void {
    const { elementId } = LISTS[key];
    const change = (element: JsonObject) =>
      elementId(element) !== undefined && isOver(element) ? undefined : element;
    this.#lists.get(key)?.changeEach(change, id);
  }

  changeEach(key: ListKey, change: (element: JsonObject) => JsonObject, id?: string): void {
    this.#lists.get(key)?.changeEach(change, id);
  }

  /** The text with all changes, as a view that the writer's next text overwrites. It is a snapshot again. */
  finish(writer: TextWriter): WrittenText {
    this.#countMembers();
    const fields = this.#areFieldsChanged ? this.#head() : undefined;
    return writer.write(this.#text, [...this.#lists.values()], fields);
  }

  /** It was a snapshot; what can change that is the count of its members, which bots are not always told. */
  #countMembers(): void {
    const members = this.#lists.get('members');
    if (!members?.isChanged && !this.#areFieldsChanged) return;
    const size = members?.size ?? 0;
    const count = this.field('member_count');
    if (typeof count !== 'number' || count < size) this.assign({ member_count: size });
  }

  #list(key: ListKey): TextList {
    const list = this.#lists.get(key);
    if (!list) throw new NotByTextError(`there is no list of ${key}`);
    return list;
  }

  /** What is not in the lists, which are empty there. */
  #head(): JsonObject {
    this.#fields ??= objectOf(JSON.parse(this.#headText())) ?? {};
    return this.#fields;
  }

  #headText(): string {
    let head = '';
    let at = 0;
    for (const { place } of this.#lists.values()) {
      head += this.#text.toString('utf8', at, place.start);
      at = place.end;
    }
    return head + this.#text.toString('utf8', at);
  }
}
