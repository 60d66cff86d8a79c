/** What an ownership needs of whoever holds the shards. */
import type { Lease } from './ports.ts';

/** What holds the shards. Nothing of it rejects. */
export interface ShardHolder {
  /** Reads a shard's tail ahead of its lease, so that `take` has little left to read. */
  prepare(shardId: number): Promise<void>;
  /** The lease is ours: goes on from the tail and serves workers. Resolves when they find it here. */
  take(lease: Lease): Promise<void>;
  /** Closes the connection to Discord, keeping the session, and writes the tail to its end: false where it can't be written. */
  suspend(shardId: number): Promise<boolean>;
  /** After `suspend`: the shard stays here after all. */
  resume(shardId: number): void;
  /** After `suspend`: it is another node's. No new sessions; those that are here stay until `drop`. */
  leave(shardId: number): void;
  /** What is kept of the shards is gone: their tails are to be written anew, from memory. */
  rewriteTails(): void;
  /** It is served elsewhere: sends its workers away and forgets it. */
  drop(shardId: number, why: string): void;
}

export interface OwnershipLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
