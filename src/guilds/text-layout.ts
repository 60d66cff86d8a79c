/**
 * Where the lists of a guild's body lie in its JSON text, and their elements in them, so that one element can be changed without
 * parsing the others. Only of text as Discord and we write it, without spaces; of other text there is no layout.
 */
import { LIST_KEYS, type ListKey } from './lists.ts';

/**
 * Of each list in the text's order: which it is (in `LIST_KEYS`), how far it begins behind the one before it and how many elements it
 * has (two units each, the low one first), and the bytes of each element. Half a KiB for a typical guild.
 */
export type GuildLayout = Uint16Array;

export interface ListPlace {
  readonly key: ListKey;
  /** Behind the opening bracket. */
  readonly start: number;
  /** Of the closing bracket. */
  readonly end: number;
  /** Where each element begins, and the bytes that it has. */
  readonly starts: readonly number[];
  readonly lengths: readonly number[];
}

const MAX_UNIT = 0xffff;

/** Units before the elements of a list. */
const HEADER_UNITS = 5;

export class LayoutWriter {
  readonly #units: number[] = [];
  #previousEnd = 0;
  #isPossible = true;

  list(key: ListKey, start: number, end: number, lengths: readonly number[]): void {
    const gap = start - this.#previousEnd;
    const count = lengths.length;
    this.#units.push(LIST_KEYS.indexOf(key), gap & MAX_UNIT, gap >>> 16, count & MAX_UNIT, count >>> 16);
    for (const length of lengths) {
      this.#units.push(length);
      if (length > MAX_UNIT) this.#isPossible = false;
    }
    if (gap > 0x7fff_ffff) this.#isPossible = false;
    this.#previousEnd = end;
  }

  /** `undefined` where an element is too large to be noted. */
  finish(): GuildLayout | undefined {
    return this.#isPossible ? Uint16Array.from(this.#units) : undefined;
  }
}

/** What a layout says, in the text's order. */
export function listsIn(layout: GuildLayout): ListPlace[] {
  const places: ListPlace[] = [];
  let end = 0;
  for (let at = 0; at < layout.length; ) {
    const key = LIST_KEYS[layout[at] ?? 0] ?? 'roles';
    const start = end + twoUnits(layout, at + 1);
    const count = twoUnits(layout, at + 3);
    at += HEADER_UNITS;
    const starts: number[] = [];
    const lengths: number[] = [];
    let position = start;
    for (const last = at + count; at < last; at += 1) {
      const length = layout[at] ?? 0;
      starts.push(position);
      lengths.push(length);
      // And a comma.
      position += length + 1;
    }
    end = count === 0 ? start : position - 1;
    places.push({ key, start, end, starts, lengths });
  }
  return places;
}

function twoUnits(layout: GuildLayout, at: number): number {
  return (layout[at] ?? 0) + (layout[at + 1] ?? 0) * (MAX_UNIT + 1);
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20;
const LETTER_U = 0x75;

/** How the four digits of an escape begin that may be of a digit, an underscore or a small letter. */
const HIDING_ESCAPES: ReadonlySet<string> = new Set(['003', '005', '006', '007']);

const KEYS: ReadonlySet<string> = new Set(LIST_KEYS);

/** Of an object's text, which is JSON; `undefined` where it is written in another way than is known here. */
export function layoutOf(text: Buffer): GuildLayout | undefined {
  const writer = new LayoutWriter();
  const seen = new Set<string>();
  if (text[0] !== OPEN_OBJECT) return undefined;
  let at = 1;
  while (text[at] === QUOTE) {
    const keyEnd = stringEnd(text, at);
    const key = text.toString('latin1', at + 1, keyEnd - 1);
    if (text[keyEnd] !== COLON || key.includes('\\') || seen.has(key)) return undefined;
    seen.add(key);
    const valueAt = keyEnd + 1;
    if (text[valueAt] === OPEN_LIST && KEYS.has(key)) {
      const lengths: number[] = [];
      at = elementsEnd(text, valueAt + 1, lengths);
      // The reason for the cast: `KEYS` has these alone.
      if (at > 0) writer.list(key as ListKey, valueAt + 1, at - 1, lengths);
    } else at = valueEnd(text, valueAt);
    if (at < 0) return undefined;
    if (text[at] === COMMA) at += 1;
  }
  return text[at] === CLOSE_OBJECT && at === text.length - 1 ? writer.finish() : undefined;
}

/** Behind the closing bracket of the list whose elements begin at `at`; -1 where it is not written as expected. */
function elementsEnd(text: Buffer, at: number, lengths: number[]): number {
  if (text[at] === CLOSE_LIST) return at + 1;
  for (;;) {
    const end = valueEnd(text, at);
    if (end < 0) return -1;
    lengths.push(end - at);
    if (text[end] === CLOSE_LIST) return end + 1;
    if (text[end] !== COMMA) return -1;
    at = end + 1;
  }
}

/** Behind the value that begins at `at`; -1 where there are spaces, or no end. */
function valueEnd(text: Buffer, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    switch (text[at]) {
      case QUOTE:
        at = stringEnd(text, at) - 1;
        break;
      case OPEN_OBJECT:
      case OPEN_LIST:
        depth += 1;
        break;
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        if (depth === 0) return at;
        depth -= 1;
        break;
      case COMMA:
        if (depth === 0) return at;
        break;
      case SPACE:
      case 0x09:
      case 0x0a:
      case 0x0d:
        return -1;
    }
  }
  return -1;
}

/** Behind the closing quote of the string whose opening quote is at `from`; behind everything where it may hide what we search for. */
function stringEnd(text: Buffer, from: number): number {
  let at = from + 1;
  for (; at < text.length && text[at] !== QUOTE; at += 1) {
    if (text[at] !== BACKSLASH) continue;
    if (isHiding(text, at)) return text.length + 1;
    at += 1;
  }
  return at + 1;
}

/** Whether the escape at `at` is of a digit or a letter, as ids and keys consist of: nobody needs to, but it would be JSON. */
function isHiding(text: Buffer, at: number): boolean {
  if (text[at + 1] !== LETTER_U) return false;
  return HIDING_ESCAPES.has(text.toString('latin1', at + 2, at + 5));
}
