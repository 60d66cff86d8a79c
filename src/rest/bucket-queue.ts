/**
 * Who waits for one bucket: by priority class, in a class the accounts in turn, of an account the oldest first. A lane is
 * the part of a bucket that is one route; one that is held is passed over. Pure.
 */
import { Line } from './line.ts';
import { PRIORITIES, type Priority, Turns } from './priority.ts';

/** What the queue needs to know of a request. */
export interface Queued {
  readonly account: string;
  readonly priority: Priority;
  readonly bytes: number;
  /** The order of arrival. */
  readonly number: number;
  readonly lane: object;
  readonly hasLeft: boolean;
}

/** An account's requests of one class, a line for each lane: nearly always one. */
interface AccountLines<Item> {
  readonly account: string;
  readonly lanes: { readonly lane: object; readonly line: Line<Item & Queued> }[];
  count: number;
}

/** So often in a row an account may be passed over by one that waits less elsewhere. */
const MOST_PASSED = 3;

export class BucketQueue<Item extends Queued> {
  /** By class, by account, in the order of their turns. */
  readonly #classes: Readonly<Record<Priority, Map<string, AccountLines<Item>>>> = {
    interaction: new Map(),
    normal: new Map(),
    bulk: new Map(),
  };
  readonly #turns = new Turns();
  #passed = 0;
  count = 0;
  bytes = 0;

  push(item: Item): void {
    this.#line(item).push(item);
    this.#add(item, 1);
  }

  /** Before all others of its account and class. */
  pushFirst(item: Item): void {
    this.#line(item).unshift(item);
    this.#add(item, 1);
  }

  /** Whose turn it is. It stays until taken. `loadOf`: how many wait elsewhere before one more like it. */
  peek(isHeld: (lane: Item['lane']) => boolean, loadOf?: (item: Item) => number): Item | undefined {
    const priority = this.#turns.next((name) => this.#firstOf(name, isHeld) !== undefined);
    const first = priority && this.#firstOf(priority, isHeld);
    if (!first || !loadOf || this.#passed >= MOST_PASSED || this.#classes[priority].size === 1) return first;
    return this.#quickestOf(priority, first, isHeld, loadOf);
  }

  /** What this account would send next in that class. */
  firstFor(account: string, priority: Priority, isHeld: (lane: Item['lane']) => boolean): Item | undefined {
    const lines = this.#classes[priority].get(account);
    return lines && firstIn(lines, isHeld);
  }

  /** Takes what `peek` gave: its account goes behind the others. */
  take(item: Item): void {
    const accounts = this.#classes[item.priority];
    const lines = accounts.get(item.account);
    if (!lines) return;
    const [next] = accounts.keys();
    this.#passed = next === item.account ? 0 : this.#passed + 1;
    lines.lanes.find(({ lane }) => lane === item.lane)?.line.shift();
    this.#turns.count(item.priority, (priority) => this.#classes[priority].size > 0);
    this.#add(item, -1);
    if (!accounts.delete(item.account) || lines.count === 0) return;
    accounts.set(item.account, lines);
  }

  /** It has stopped waiting, and says so by now (`hasLeft`). */
  noteLeft(item: Item): void {
    const lines = this.#classes[item.priority].get(item.account);
    const line = lines?.lanes.find(({ lane }) => lane === item.lane)?.line;
    if (!line) return;
    line.noteLeft();
    this.#add(item, -1);
  }

  /** Takes all of one lane out, oldest first. */
  drain(lane: object): Item[] {
    const drained: Item[] = [];
    for (const priority of PRIORITIES) {
      for (const lines of [...this.#classes[priority].values()]) {
        const at = lines.lanes.findIndex((candidate) => candidate.lane === lane);
        if (at < 0) continue;
        const items = [...(lines.lanes[at]?.line ?? [])];
        lines.lanes.splice(at, 1);
        drained.push(...items);
        for (const item of items) this.#add(item, -1);
      }
    }
    return drained.sort((a, b) => a.number - b.number);
  }

  /** Who waits, most first. */
  accounts(): { readonly account: string; readonly queued: number }[] {
    const names = new Set(PRIORITIES.flatMap((priority) => [...this.#classes[priority].keys()]));
    const accounts = [...names].map((account) => ({ account, queued: this.countOf(account) }));
    return accounts.sort((a, b) => b.queued - a.queued);
  }

  countOf(account: string): number {
    return PRIORITIES.reduce((sum, name) => sum + (this.#classes[name].get(account)?.count ?? 0), 0);
  }

  /** How many certainly go before one more of this account and class, if nobody stops waiting. */
  ahead(account: string, priority: Priority): number {
    const accounts = this.#classes[priority];
    const own = accounts.get(account)?.count ?? 0;
    let ahead = 0;
    for (const { count } of accounts.values()) ahead += Math.min(count, own);
    return ahead;
  }

  #firstOf(priority: Priority, isHeld: (lane: Item['lane']) => boolean): Item | undefined {
    for (const lines of this.#classes[priority].values()) {
      const first = firstIn(lines, isHeld);
      if (first) return first;
    }
    return undefined;
  }

  /** Of the accounts that wait here, the one that would wait least elsewhere: or the bucket would wait with one that waits long. */
  #quickestOf(
    priority: Priority,
    first: Item,
    isHeld: (lane: Item['lane']) => boolean,
    loadOf: (item: Item) => number,
  ): Item {
    let quickest = first;
    let least = loadOf(first);
    for (const lines of this.#classes[priority].values()) {
      const item = firstIn(lines, isHeld);
      if (!item || item.account === first.account) continue;
      const load = loadOf(item);
      if (load >= least) continue;
      quickest = item;
      least = load;
    }
    return quickest;
  }

  #line({ account, priority, lane }: Item): Line<Item & Queued> {
    const accounts = this.#classes[priority];
    let lines = accounts.get(account);
    if (!lines) {
      lines = { account, lanes: [], count: 0 };
      accounts.set(account, lines);
    }
    const existing = lines.lanes.find((candidate) => candidate.lane === lane);
    if (existing) return existing.line;
    const line = new Line<Item & Queued>();
    lines.lanes.push({ lane, line });
    return line;
  }

  #add(item: Item, sign: 1 | -1): void {
    this.count += sign;
    this.bytes += sign * item.bytes;
    const accounts = this.#classes[item.priority];
    const lines = accounts.get(item.account);
    if (!lines) return;
    lines.count += sign;
    if (lines.count === 0) accounts.delete(item.account);
  }
}

function firstIn<Item extends Queued>(
  { lanes }: AccountLines<Item>,
  isHeld: (lane: Item['lane']) => boolean,
): Item | undefined {
  let first: Item | undefined;
  for (const { lane, line } of lanes) {
    const candidate = line.first();
    if (candidate && (!first || candidate.number < first.number) && !isHeld(lane)) first = candidate;
  }
  return first;
}
