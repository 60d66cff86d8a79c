/**
 * Buckets that could send at once but for a wider limit, in the order in which they may: by the priority class of what
 * they would send, in a class the accounts in turn, of an account the buckets in turn. Pure.
 */
import { PRIORITIES, type Priority, Turns } from './priority.ts';

/** A bucket's offer to send something. It counts as long as `isOpen`. */
export interface Offer {
  readonly account: string;
  readonly priority: Priority;
  isOpen: boolean;
  /** Where it was added. */
  ring?: { withdrawn: number };
}

interface Ring<Item> {
  items: Item[];
  head: number;
  /** Of those from the head on that count no more. */
  withdrawn: number;
  /** The length at which it is looked through for offers that count no more. */
  tidyAt: number;
}

/** A ring is not worth tidying below this length. */
const MIN_TIDY = 64;

export function withdraw(offer: Offer): void {
  if (!offer.isOpen) return;
  offer.isOpen = false;
  if (offer.ring) offer.ring.withdrawn++;
}

export class ReadyList<Item extends Offer> {
  readonly #classes: Readonly<Record<Priority, Map<string, Ring<Item>>>> = {
    interaction: new Map(),
    normal: new Map(),
    bulk: new Map(),
  };
  readonly #turns = new Turns();

  add(offer: Item): void {
    const accounts = this.#classes[offer.priority];
    let ring = accounts.get(offer.account);
    if (!ring) {
      ring = { items: [], head: 0, withdrawn: 0, tidyAt: MIN_TIDY };
      accounts.set(offer.account, ring);
    }
    offer.ring = ring;
    ring.items.push(offer);
    if (ring.items.length >= ring.tidyAt) tidy(ring);
  }

  /** Whose turn it is; it is taken out. */
  take(): Item | undefined {
    const isWaiting = (priority: Priority) => this.#first(priority) !== undefined;
    const priority = this.#turns.next(isWaiting);
    if (priority === undefined) return undefined;
    const found = this.#first(priority);
    if (!found) return undefined;
    const accounts = this.#classes[priority];
    const { offer, ring } = found;
    offer.isOpen = false;
    ring.head++;
    accounts.delete(offer.account);
    if (ring.head < ring.items.length) accounts.set(offer.account, ring);
    this.#turns.count(priority, isWaiting);
    return offer;
  }

  get isEmpty(): boolean {
    const { interaction, normal, bulk } = this.#classes;
    if (interaction.size + normal.size + bulk.size === 0) return true;
    return PRIORITIES.every((priority) => this.#first(priority) === undefined);
  }

  /** How many of this account and class wait. */
  countOf(account: string, priority: Priority): number {
    return openOf(this.#classes[priority].get(account));
  }

  /** How many have their turn before one more of this account and class, if nothing comes and nothing is withdrawn. */
  ahead(account: string, priority: Priority): number {
    const accounts = this.#classes[priority];
    const own = openOf(accounts.get(account));
    let ahead = 0;
    for (const ring of accounts.values()) ahead += Math.min(openOf(ring), own);
    return ahead;
  }

  #first(priority: Priority): { offer: Item; ring: Ring<Item> } | undefined {
    const accounts = this.#classes[priority];
    for (const [account, ring] of accounts) {
      while (ring.head < ring.items.length && !ring.items[ring.head]?.isOpen) {
        ring.head++;
        ring.withdrawn--;
      }
      const offer = ring.items[ring.head];
      if (offer) return { offer, ring };
      accounts.delete(account);
    }
    return undefined;
  }
}

function openOf<Item>(ring: Ring<Item> | undefined): number {
  return ring ? ring.items.length - ring.head - ring.withdrawn : 0;
}

function tidy<Item extends Offer>(ring: Ring<Item>): void {
  ring.items = ring.items.slice(ring.head).filter((offer) => offer.isOpen);
  ring.head = 0;
  ring.withdrawn = 0;
  ring.tidyAt = Math.max(MIN_TIDY, ring.items.length * 2);
}
