/** Why a shard asks Discord for dispatches again, and when that is of no use. Pure. */

/** Times the same dispatch may be unreadable before the session is given up. */
const MAX_UNREADABLE = 5;

export class Rereads<Connection> {
  /** The gap that was asked about last: behind which head, and on which connection it was seen. */
  #gap: { readonly head: number; readonly connection: Connection } | undefined;
  /** How often in a row something unreadable came behind the same head. */
  #unreadable = { head: -1, times: 0 };

  /** Numbers are missing behind `head`. False where Discord leaves the same ones out again: it never used them. */
  mayFill(head: number, connection: Connection): boolean {
    if (this.#gap?.head === head && this.#gap.connection !== connection) return false;
    this.#gap = { head, connection };
    return true;
  }

  /** What follows `head` can't be read. False where it never could. */
  mayBecomeReadable(head: number): boolean {
    const times = this.#unreadable.head === head ? this.#unreadable.times + 1 : 1;
    this.#unreadable = { head, times };
    return times < MAX_UNREADABLE;
  }

  /** Its numbers begin anew. */
  onNewSession(): void {
    this.#gap = undefined;
  }
}
