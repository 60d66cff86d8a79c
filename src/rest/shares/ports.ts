/**
 * What several REST nodes share, by scope: an application, or an address that requests leave from. Nothing is asked per request:
 * a few times a second a node tells what it has and needs, and hears what it may have.
 */

export type ShareScope =
  | { readonly kind: 'application'; readonly id: string }
  /** `name`: the operator's, see `rest.egressName`. */
  | { readonly kind: 'address'; readonly name: string };

/** Everything is by the store's clock, given as what has passed since. */
export interface ShareRequest {
  /** Names this process; new with each start. Without spaces. */
  readonly incarnation: string;
  /** Of this exchange; greater each time. One that comes after a later one is rejected. */
  readonly number: number;
  /** Of the last exchange whose reply was heard; 0: none yet; -1: it has gone on by itself since. */
  readonly heard: number;
  /** How long what is granted lasts unless it is renewed. */
  readonly leaseTtlMs: number;
  /** How long the places of a node that lapsed still count: its last requests do at Discord. */
  readonly lastingMs: number;
  /** Of the scope: requests a second. */
  readonly limit: number;
  /** Places it has; those that it was to give back only while they are in use. */
  readonly held: number;
  /** Places it could use. */
  readonly wanted: number;
  readonly isLeaving: boolean;
  /** The newest note that it has read; `''`: all that are kept. */
  readonly readUpTo: string;
  readonly notes: readonly string[];
  /** How far the limits of major parameters that it holds are used; `''`: not at all any more. */
  readonly usages: readonly (readonly [major: string, usage: string])[];
  readonly releases: readonly string[];
  readonly claims: readonly string[];
}

export interface ShareGrant {
  readonly major: string;
  /**
   * `new`: nobody has used it. `own`: it was this node's already, or was handed to it. `left`: whoever had it has given it back.
   * `lapsed`: its holder is gone without a word, and may have used it until then.
   */
  readonly origin: 'new' | 'own' | 'left' | 'lapsed';
  readonly usage: string;
  /** How old `usage` is. */
  readonly ageMs: number;
  /** With `lapsed`: for how long. */
  readonly lapsedMs: number;
}

export interface ShareNote {
  readonly id: string;
  readonly from: string;
  readonly ageMs: number;
  readonly text: string;
}

export interface ShareReply {
  /** Whether what was granted before is still its own, and known to be: else it has to be asked for again. */
  readonly wasLive: boolean;
  /** How many places it may have from now on. */
  readonly size: number;
  /** Nodes that are there, this one included. */
  readonly nodes: number;
  /** Those of its own that another node asks for. */
  readonly wishes: readonly string[];
  /** Of the claims, those that are granted; the others are to be made again. */
  readonly grants: readonly ShareGrant[];
  readonly notes: readonly ShareNote[];
}

export interface ShareStore {
  /** Atomic. Rejects where the store can't be reached: then it may have happened or not. */
  exchange(scope: ShareScope, request: ShareRequest): Promise<ShareReply>;
}
