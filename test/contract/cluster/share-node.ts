/** A node of REST as a `ShareStore` sees it. */
import { randomUUID } from 'node:crypto';
import type { ShareReply, ShareRequest, ShareScope, ShareStore } from '../../../src/rest/index.ts';

let scopes = 0;
export const newScope = (): ShareScope => ({ kind: 'application', id: String(++scopes) });

/** A node as the store sees it: it takes what it is given, and gives back at once what it is to give back. */
export class Node {
  readonly #store: ShareStore;
  readonly #scope: ShareScope;
  readonly incarnation = randomUUID();
  held = 0;
  /** It has so many in use, and can't give them back. */
  inUse = 0;
  #readUpTo = '';
  #number = 0;
  /** Of the last exchange that it has heard of. */
  heard = 0;

  constructor(store: ShareStore, scope: ShareScope) {
    this.#store = store;
    this.#scope = scope;
  }

  async exchange(change: Partial<ShareRequest> = {}): Promise<ShareReply> {
    const number = Math.max(this.#number, this.heard) + 1;
    this.#number = number;
    const reply = await this.#store.exchange(this.#scope, {
      ...{ incarnation: this.incarnation, number, heard: this.heard },
      leaseTtlMs: 60_000,
      lastingMs: 1_050,
      limit: 50,
      held: this.held,
      wanted: 100,
      isLeaving: false,
      readUpTo: this.#readUpTo,
      notes: [],
      usages: [],
      releases: [],
      claims: [],
      ...change,
    });
    this.heard = number;
    this.held = Math.max(reply.size, this.inUse);
    this.#readUpTo = reply.notes.at(-1)?.id ?? this.#readUpTo;
    return reply;
  }
}
