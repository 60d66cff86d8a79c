/** Writes a guild's text anew: runs of what has not changed are copied. */
import type { JsonObject } from './json.ts';
import { type GuildLayout, LayoutWriter } from './text-layout.ts';
import type { TextList } from './text-list.ts';

export interface WrittenText {
  readonly text: Buffer;
  readonly layout: GuildLayout | undefined;
}

/** The most bytes of a UTF-16 unit in UTF-8. */
const MAX_BYTES_PER_UNIT = 3;

export class TextWriter {
  /** Used over and over: whoever wants to keep what is in it copies it. */
  #bytes = Buffer.allocUnsafeSlow(256 * 1024);
  #end = 0;

  /** `fields`: what there is instead of all that is not in the lists, which are empty there; `undefined` where that is as before. */
  write(text: Buffer, lists: readonly TextList[], fields: JsonObject | undefined): WrittenText {
    this.#end = 0;
    const layout = new LayoutWriter();
    if (fields) this.#writeFields(fields, text, lists, layout);
    else this.#writeAround(text, lists, layout);
    return { text: this.#bytes.subarray(0, this.#end), layout: layout.finish() };
  }

  /** The text in UTF-8, as a view that the next use overwrites. */
  encode(text: string): Buffer {
    this.#end = 0;
    this.#write(text);
    return this.#bytes.subarray(0, this.#end);
  }

  #writeAround(text: Buffer, lists: readonly TextList[], layout: LayoutWriter): void {
    let at = 0;
    for (const list of lists) {
      this.#copy(text, at, list.place.start);
      this.#writeList(text, list, layout);
      at = list.place.end;
    }
    this.#copy(text, at, text.length);
  }

  #writeFields(fields: JsonObject, text: Buffer, lists: readonly TextList[], layout: LayoutWriter): void {
    const byKey = new Map<string, TextList>(lists.map((list) => [list.place.key, list]));
    let separator = '{';
    for (const [key, value] of Object.entries(fields)) {
      const list = byKey.get(key);
      this.#write(`${separator}${JSON.stringify(key)}:${list ? '[' : JSON.stringify(value)}`);
      separator = ',';
      if (!list) continue;
      this.#writeList(text, list, layout);
      this.#write(']');
    }
    this.#write('}');
  }

  #writeList(text: Buffer, list: TextList, layout: LayoutWriter): void {
    const { key, start, end, starts, lengths } = list.place;
    const begin = this.#end;
    if (!list.isChanged) {
      this.#copy(text, start, end);
      layout.list(key, begin, this.#end, lengths);
      return;
    }
    const newLengths: number[] = [];
    const begins = () => {
      if (newLengths.length > 0) this.#write(',');
    };
    const keep = (from: number, until: number) => {
      if (from === until) return;
      begins();
      this.#copy(text, starts[from] ?? 0, (starts[until - 1] ?? 0) + (lengths[until - 1] ?? 0));
      for (let index = from; index < until; index += 1) newLengths.push(lengths[index] ?? 0);
    };
    const add = (element: string) => {
      begins();
      const from = this.#end;
      this.#write(element);
      newLengths.push(this.#end - from);
    };
    let kept = 0;
    for (const [index, changed] of list.changedTexts()) {
      keep(kept, index);
      if (changed !== undefined) add(changed);
      kept = index + 1;
    }
    keep(kept, starts.length);
    for (const added of list.addedTexts()) add(added);
    layout.list(key, begin, this.#end, newLengths);
  }

  #copy(from: Buffer, start: number, end: number): void {
    this.#makeRoom(end - start);
    this.#end += from.copy(this.#bytes, this.#end, start, end);
  }

  #write(text: string): void {
    this.#makeRoom(text.length * MAX_BYTES_PER_UNIT);
    this.#end += this.#bytes.write(text, this.#end);
  }

  #makeRoom(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow((this.#end + bytes) * 2);
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }
}
