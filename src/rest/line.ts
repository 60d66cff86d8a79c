/** A first-in, first-out list in which anybody may stop waiting. Those who did take no part and little room. */

export interface Leaver {
  readonly hasLeft: boolean;
}

/** A list is not worth tidying below this length. */
const MIN_TIDY = 64;

export class Line<Item extends Leaver> {
  #items: Item[] = [];
  #head = 0;
  #left = 0;

  /** How many wait. */
  get length(): number {
    return this.#items.length - this.#head - this.#left;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** Rare: it moves all others. */
  unshift(item: Item): void {
    this.#items = [item, ...this.#items.slice(this.#head)];
    this.#head = 0;
  }

  first(): Item | undefined {
    let item = this.#items[this.#head];
    while (item?.hasLeft) {
      this.#head++;
      this.#left--;
      item = this.#items[this.#head];
    }
    return item;
  }

  shift(): Item | undefined {
    const item = this.first();
    if (item === undefined) return undefined;
    this.#head++;
    if (this.#head >= MIN_TIDY && this.#head * 2 > this.#items.length) this.#tidy();
    return item;
  }

  /** One of the items, not yet taken, now says that it has left. */
  noteLeft(): void {
    this.#left++;
    if (this.#left >= MIN_TIDY && this.#left * 2 > this.#items.length - this.#head) this.#tidy();
  }

  *[Symbol.iterator](): Iterator<Item> {
    for (let at = this.#head; at < this.#items.length; at++) {
      const item = this.#items[at];
      if (item && !item.hasLeft) yield item;
    }
  }

  #tidy(): void {
    this.#items = this.#items.slice(this.#head).filter((item) => !item.hasLeft);
    this.#head = 0;
    this.#left = 0;
  }
}
