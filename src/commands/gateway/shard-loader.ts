/**
 * Makes shards of stored tails: ahead of a lease (`prepare`), so that little is left to read when it comes, and for good
 * (`load`). Bounded: tails are megabytes, and a node that takes over many shards reads them few at a time.
 */
import { type Membership, StoreUnreachableError } from '../../cluster/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import { Limiter } from '../../runtime/limiter.ts';
import { reasonOf } from '../../runtime/reason-of.ts';
import { sleep } from '../../runtime/sleep.ts';
import type { UpstreamLog } from '../../upstream/index.ts';
import type { HeldShard } from './held-shard.ts';

export interface ShardLoaderOptions {
  readonly membership: Membership;
  readonly clock: Clock;
  readonly log: UpstreamLog;
  /** An empty one. */
  readonly createShard: (shardId: number) => HeldShard;
}

/** Tails that are read at the same time. */
const MAX_PARALLEL_LOADS = 4;

/** Before a store is asked again that did not answer: without the tail the shard would have to IDENTIFY. */
const RETRY_MS = 250;

/** What was prepared and is not passed on to us in this time will not be. */
const PREPARED_LIMIT_MS = 10_000;

interface Prepared {
  readonly shard: HeldShard;
  readonly expiry: Disposable;
}

export class ShardLoader implements Disposable {
  readonly #options: ShardLoaderOptions;
  readonly #places = new Limiter(MAX_PARALLEL_LOADS);
  readonly #prepared = new Map<number, Promise<Prepared>>();
  #isClosed = false;

  constructor(options: ShardLoaderOptions) {
    this.#options = options;
  }

  /** Whether a shard was prepared, not long ago, and not loaded since. */
  hasPrepared(shardId: number): boolean {
    return this.#prepared.has(shardId);
  }

  /** Resolves when as much was read as can be. */
  async prepare(shardId: number): Promise<void> {
    const prepared = this.#prepared.get(shardId) ?? this.#prepare(shardId);
    this.#prepared.set(shardId, prepared);
    await prepared.catch(() => {
      if (this.#prepared.get(shardId) === prepared) this.#prepared.delete(shardId);
    });
  }

  async #prepare(shardId: number): Promise<Prepared> {
    const shard = await this.#read(shardId, undefined);
    const expire = () => {
      this.#prepared.delete(shardId);
      shard[Symbol.dispose]();
    };
    return { shard, expiry: this.#options.clock.setTimer(expire, PREPARED_LIMIT_MS) };
  }

  /**
   * The shard with all that its tail has; asks as often as it takes. `undefined` once it is no longer wanted. What is stored and can
   * not be understood is told, and counts as nothing: the shard starts afresh.
   */
  async load(shardId: number, isWanted: () => boolean): Promise<HeldShard | undefined> {
    const { log, createShard } = this.#options;
    let begun = await this.#takePrepared(shardId);
    for (let attempt = 1; isWanted() && !this.#isClosed; attempt++) {
      try {
        const shard = await this.#read(shardId, begun);
        if (isWanted() && !this.#isClosed) return shard;
        begun = shard;
      } catch (error) {
        begun = undefined;
        const reason = reasonOf(error);
        if (!(error instanceof StoreUnreachableError)) {
          log.warn({ shard: shardId, reason }, 'a tail is unreadable, and the shard starts without it');
          return createShard(shardId);
        }
        if (attempt === 1) log.warn({ shard: shardId, reason }, 'a tail can not be asked for; trying again');
        await sleep(this.#options.clock, RETRY_MS);
      }
    }
    begun?.[Symbol.dispose]();
    return undefined;
  }

  /** Reads what the stored tail has beyond `begun`, which is disposed of where that fails or it is of no use. */
  #read(shardId: number, begun: HeldShard | undefined): Promise<HeldShard> {
    const { membership, createShard } = this.#options;
    return this.#places.run(async () => {
      let shard = begun ?? createShard(shardId);
      try {
        const stored = await membership.loadTail(shardId, shard.position);
        if (!stored.isContinuation && shard.position) {
          // Another session has begun since: nothing of what was read before belongs to it.
          shard[Symbol.dispose]();
          shard = createShard(shardId);
        }
        await shard.restore(stored);
        return shard;
      } catch (error) {
        shard[Symbol.dispose]();
        throw error;
      }
    });
  }

  async #takePrepared(shardId: number): Promise<HeldShard | undefined> {
    const prepared = await this.#prepared.get(shardId)?.catch(() => undefined);
    this.#prepared.delete(shardId);
    prepared?.expiry[Symbol.dispose]();
    return prepared?.shard;
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const shardId of [...this.#prepared.keys()])
      void this.#takePrepared(shardId).then((shard) => shard?.[Symbol.dispose]());
  }
}
