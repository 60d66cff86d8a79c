/**
 * What the nodes of a deployment share, one application at a time: who is there, who owns which shard, the identify slots,
 * the tails and the stored guilds. Two implementations, Redis and embedded (a node alone), under one contract suite (`test/contract/cluster`).
 *
 * A lease has no expiry of its own: it lives as long as its holder's membership, which lapses unless it is renewed. So one
 * call a second keeps all of a node's shards. What lapsed is still the holder's until somebody takes it: whoever comes
 * back in time has lost nothing. All times are by the store's clock, given as what is left of them.
 */
import type { GuildStore, StoredGuilds } from '../guilds/index.ts';
import type { TailBase, TailChunk, TailStore } from '../log/index.ts';
import type { IdentifySlots } from '../upstream/index.ts';

/** A process. The id is the operator's name for it; the incarnation is new with each start. */
export interface NodeIdentity {
  readonly nodeId: string;
  readonly incarnation: string;
}

/**
 * Whether a node reaches Discord. `connected`: some shard of it is. `cut-off`: none has been for so long that it takes no shards, and
 * wants to be rid of those it has. `unknown`: neither, as of a node that has only just started.
 */
export type Reach = 'connected' | 'unknown' | 'cut-off';

/** What a node tells the others about itself with each renewal. */
export interface MemberState {
  /** `host:port` at which other nodes reach its worker port. */
  readonly address: string;
  /** Its share of the shards, relative to the others'. */
  readonly weight: number;
  /** It shuts down: takes no shards and wants to be rid of those it has. */
  readonly isDraining: boolean;
  readonly reach: Reach;
  /**
   * Its renewals have gone through for as long as a lease lives, so the store was there all the time: what has lapsed by now has
   * lapsed because its holder is gone. The store makes it false where this membership itself had lapsed.
   */
  readonly isSteady: boolean;
}

/** A node that is there: its membership has not lapsed. */
export interface Member extends NodeIdentity, MemberState {
  /** Until its membership lapses unless it is renewed. Unit: ms. */
  readonly lapsesInMs: number;
}

export interface Lease {
  readonly shardId: number;
  /** Grows with each change of hands; what a former holder writes is refused by it. */
  readonly epoch: number;
  /** `undefined`: given back, free for whom the plan names. */
  readonly holder: NodeIdentity | undefined;
}

export interface ClusterView {
  readonly members: readonly Member[];
  /** By shard id; those that were never held are missing. The holder may have lapsed: then it is none of `members`. */
  readonly leases: ReadonlyMap<number, Lease>;
}

/** What all nodes of an application must agree on. */
export interface Deployment {
  readonly shardCount: number;
  /** By setting (`cluster.secret`, `discord.intents`, …): a digest that does not give the value away. */
  readonly fingerprints: Readonly<Record<string, string>>;
}

export type JoinResult =
  | { readonly kind: 'joined'; readonly membership: Membership }
  /**
   * Another process has this node id, and its membership has not lapsed. Where `renewals` grows from one attempt to the next, it
   * lives; where it does not, it is gone, and joining succeeds once it has lapsed.
   */
  | { readonly kind: 'id-taken'; readonly by: Member; readonly renewals: number }
  /** The nodes that are there run with another value of `setting` (`discord.shardCount`, or a key of `fingerprints`). */
  | {
      readonly kind: 'differs';
      readonly setting: string;
      /** The number of shards there, for `discord.shardCount`. */
      readonly there?: number;
      readonly nodeIds: readonly string[];
    };

export interface ClusterStore extends AsyncDisposable {
  readonly slots: IdentifySlots;
  /** What was agreed on when a node last joined, or `undefined`. Kept for a while after the last node has left. */
  readDeployment(): Promise<Deployment | undefined>;
  /** Alone, or with others that agree on `deployment`: atomic. Where nobody is there, `deployment` replaces the one before. */
  join(identity: NodeIdentity, state: MemberState, deployment: Deployment): Promise<JoinResult>;
}

export type Renewal =
  | {
      readonly kind: 'renewed';
      readonly view: ClusterView;
      /** Of the shards given as held: those that another node holds now. */
      readonly lost: readonly number[];
      /** It had lapsed, or the store had forgotten it, before this renewal. */
      readonly hadLapsed: boolean;
      /** The store does not know this node at all: it has lost its data, tails among it, or is another. */
      readonly wasForgotten: boolean;
    }
  /** Another process has joined with this node's id after this one had lapsed. This membership is over. */
  | { readonly kind: 'replaced'; readonly by: Member };

/** A node's part in an application. Every method rejects where the store can't be reached; nothing is retried inside. */
export interface Membership {
  readonly identity: NodeIdentity;
  /**
   * Renews the membership and asserts the leases in `held` (shard id to epoch): one that the store no longer knows, or knows with a
   * lower epoch, is written again (an empty or older store gets its truth from those who hold it).
   */
  renew(state: MemberState, held: ReadonlyMap<number, number>): Promise<Renewal>;
  /**
   * Takes those of the shards that are free, each with a higher epoch: those given back, those of an earlier process with this
   * node's id, and with `mayTakeLapsed` also those that were never held, and those whose holder's membership has lapsed. Returns what was taken. Takes nothing where this membership
   * itself has lapsed.
   */
  acquire(
    shardIds: readonly number[],
    options: { readonly mayTakeLapsed: boolean },
  ): Promise<readonly Lease[]>;
  /** Hands a lease that is ours to another node, or gives it back. Returns the new lease, or `undefined` where it was not ours any more. */
  pass(shardId: number, epoch: number, to: NodeIdentity | undefined): Promise<Lease | undefined>;
  /** Gives back all leases that are this incarnation's, and ends the membership. */
  leave(): Promise<void>;
  /** Reads a shard's tail; anybody may. With `after`, only what came behind it, where that can be told. */
  loadTail(shardId: number, after?: TailPosition): Promise<StoredTail>;
  /** For writing, under a lease of ours. Where the lease is another's by now, writes reject with `LeaseLostError`. */
  openTail(shardId: number, epoch: number): OpenTail;
  /**
   * Reads what is kept of a shard's guilds; anybody may. `undefined` where there is nothing, or nothing is kept. To read on rejects
   * with `StoredGuildsReplacedError` where they were begun anew meanwhile. What can not be understood is told, and left out.
   */
  loadGuilds(shardId: number): Promise<StoredGuilds | undefined>;
  /**
   * For writing, under a lease of ours. The first `put` or `commit` goes on from what this membership has read to its end, or written,
   * last. Where that is not what is stored (somebody has written since, or it is gone, or was never read), they reject with
   * `StoredGuildsLostError`, until `begin`: so whoever takes a shard over reads its guilds under the lease, when nobody else writes any
   * more, or begins anew.
   */
  openGuilds(shardId: number, epoch: number): GuildStore;
  /** Tells all members, as soon as may be; it may get lost. */
  publish(message: ClusterMessage): Promise<void>;
  /** Messages of the others. */
  subscribe(listener: (message: ClusterMessage) => void): Disposable;
}

/** A tail being written. */
export interface OpenTail extends TailStore, AsyncDisposable {
  /** What it takes up in the store, as far as this writer knows. */
  readonly bytes: number;
}

/** Where in a tail a reader stands. */
export interface TailPosition {
  /** Names the run of chunks since the last `begin`: behind another one nothing goes on. */
  readonly generation: string;
  readonly sequence: number;
}

export interface StoredTail {
  readonly position: TailPosition;
  /** Whether `parts` only go on behind the position asked for (with the newest state), or are everything. */
  readonly isContinuation: boolean;
  readonly parts: readonly StoredPart[];
}

/** A base and the chunks that follow it, in order. */
export interface StoredPart {
  readonly base: TailBase;
  readonly chunks: readonly TailChunk[];
}

/** Words between nodes. `from` is the sender's node id. They only make things faster: all of it also follows from a view. */
export type ClusterMessage = { readonly from: string } & (
  | { readonly kind: 'changed' }
  /** `from` will pass the shard to `to`, which should read its tail and answer `prepared`. */
  | { readonly kind: 'offer'; readonly shardId: number; readonly to: string }
  | { readonly kind: 'prepared'; readonly shardId: number; readonly to: string }
  | {
      readonly kind: 'passed';
      readonly shardId: number;
      readonly to: string;
      /** Of `to`. */
      readonly incarnation: string;
      readonly epoch: number;
    }
  /** `from` serves the shard now, and the HAProxies know: `to`, its former owner, may send its workers there. */
  | { readonly kind: 'taught'; readonly shardId: number; readonly to: string }
);

/** The store did not answer, or could not: asking again later may help. */
export class StoreUnreachableError extends Error {
  override name = 'StoreUnreachableError';
}

/** What was being read of a shard's guilds has been begun anew, or is gone: what was read of it is of no use, and all is to be loaded again. */
export class StoredGuildsReplacedError extends StoreUnreachableError {
  override name = 'StoredGuildsReplacedError';
}

/** A write under a lease that is another's by now. */
export class LeaseLostError extends Error {
  override name = 'LeaseLostError';
}

/** The store can't be used as configured; the message says which setting to look at, and no secret. */
export class ClusterStoreError extends Error {
  override name = 'ClusterStoreError';
}
