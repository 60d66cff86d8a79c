/**
 * The shards of one application that are at this node: what the cluster's ownership asks for is done here. A shard is prepared
 * (its tail is read, ahead of the lease), here (it has an upstream connection and serves workers), or leaving (another
 * node's by now; its workers are still here).
 */
import type { Lease, Membership, ShardHolder } from '../../cluster/index.ts';
import { abortable } from '../../runtime/abortable.ts';
import type { Clock } from '../../runtime/clock.ts';
import { Limiter } from '../../runtime/limiter.ts';
import type { UpstreamLog, UpstreamShard } from '../../upstream/index.ts';
import type { HeldShard } from './held-shard.ts';

export interface HeldShardsOptions {
  readonly membership: Membership;
  readonly clock: Clock;
  readonly log: UpstreamLog;
  /** An empty one. */
  readonly createShard: (shardId: number) => HeldShard;
  readonly createUpstream: (shard: HeldShard) => UpstreamShard;
  /** `undefined` where tails are off and nobody takes over. */
  readonly keepsTails: boolean;
  readonly routes: ShardRoutes;
  /** The workers of a shard have to go: it is another node's. */
  readonly sendWorkersAway: (shardId: number) => void;
  /** What workers can be served from has changed. */
  readonly onChanged: () => void;
}

/** How connections find a shard. */
export interface ShardRoutes {
  /** The shard is here: resolves when the HAProxies know, or can't be told. */
  own(shardId: number): Promise<void>;
  /** The shard goes to another node, which teaches the HAProxies from now on. */
  leave(shardId: number): void;
  forget(shardId: number): void;
}

/** Tails that are read at the same time: each may be several MB. */
const MAX_PARALLEL_LOADS = 4;

/** Before a tail is asked for again that could not be read: without it the shard would have to IDENTIFY. */
const LOAD_RETRY_MS = 250;

/** What was prepared and never passed on to us goes after this. */
const PREPARED_LIMIT_MS = 30_000;

interface Prepared {
  readonly shard: HeldShard;
  readonly expiry: Disposable;
}

export class HeldShards implements ShardHolder {
  readonly #options: HeldShardsOptions;
  readonly #loads = new Limiter(MAX_PARALLEL_LOADS);
  readonly #prepared = new Map<number, Promise<Prepared>>();
  readonly #taking = new Map<number, Promise<void>>();
  readonly #here = new Map<number, HeldShard>();
  readonly #leaving = new Map<number, HeldShard>();
  /** Epochs of the leases that we know of: a take that was overtaken ends. */
  readonly #epochs = new Map<number, number>();
  readonly #lifetime = new AbortController();

  constructor(options: HeldShardsOptions) {
    this.#options = options;
  }

  get here(): ReadonlyMap<number, HeldShard> {
    return this.#here;
  }

  /** Whether a shard is, or is about to be, ours. */
  isExpected(shardId: number): boolean {
    return this.#epochs.has(shardId) || this.#prepared.has(shardId);
  }

  async prepare(shardId: number): Promise<void> {
    if (this.#here.has(shardId) || this.#epochs.has(shardId)) return;
    const prepared = this.#prepared.get(shardId) ?? this.#prepare(shardId);
    this.#prepared.set(shardId, prepared);
    await prepared.catch(() => this.#prepared.delete(shardId));
  }

  async #prepare(shardId: number): Promise<Prepared> {
    const shard = await this.#loads.run(() => this.#load(this.#options.createShard(shardId)));
    const expire = () => {
      if (!this.#prepared.delete(shardId)) return;
      shard[Symbol.dispose]();
    };
    return { shard, expiry: this.#options.clock.setTimer(expire, PREPARED_LIMIT_MS) };
  }

  /** Reads what the stored tail has beyond the shard's position. */
  async #load(shard: HeldShard): Promise<HeldShard> {
    const { membership, createShard } = this.#options;
    const stored = await membership.loadTail(shard.shardId, shard.position);
    if (stored.isContinuation || !shard.position) {
      await shard.restore(stored);
      return shard;
    }
    // Another session has begun since: nothing of what was read before belongs to it.
    shard[Symbol.dispose]();
    const another = createShard(shard.shardId);
    await another.restore(stored);
    return another;
  }

  async take(lease: Lease): Promise<void> {
    const { shardId, epoch } = lease;
    this.#epochs.set(shardId, epoch);
    const shard = this.#here.get(shardId);
    if (shard) return this.#goOnUnder(epoch, shard);
    this.#sendAway(shardId);
    const taking = this.#take(lease).finally(() => {
      if (this.#taking.get(shardId) === taking) this.#taking.delete(shardId);
    });
    this.#taking.set(shardId, taking);
    await taking;
  }

  async #take({ shardId, epoch }: Lease): Promise<void> {
    const { membership, routes, onChanged, log, keepsTails, createUpstream } = this.#options;
    const shard = await this.#loadForTaking(shardId, epoch);
    if (!shard) return;
    this.#here.set(shardId, shard);
    if (keepsTails) shard.openTail(membership.openTail(shardId, epoch));
    const { head, floor } = shard.log;
    log.info(
      { shard: shardId, epoch, head, floor, isRestored: shard.session !== undefined },
      'holding a shard',
    );
    const upstream = createUpstream(shard);
    shard.attach(upstream);
    upstream.start();
    onChanged();
    await routes.own(shardId);
  }

  /** The shard was here all the time: a call of ours that was thought lost has come through, and given it another epoch. */
  async #goOnUnder(epoch: number, shard: HeldShard): Promise<void> {
    const { shardId } = shard;
    await shard.closeTail();
    const { membership, keepsTails } = this.#options;
    if (keepsTails && this.#here.get(shardId) === shard && this.#epochs.get(shardId) === epoch)
      shard.openTail(membership.openTail(shardId, epoch));
  }

  /** As often as it takes, while the lease is ours. */
  async #loadForTaking(shardId: number, epoch: number): Promise<HeldShard | undefined> {
    const { createShard, clock, log } = this.#options;
    const isOurs = () => this.#epochs.get(shardId) === epoch && !this.#lifetime.signal.aborted;
    let shard = await this.#takePrepared(shardId);
    while (isOurs()) {
      try {
        const loaded = await this.#loads.run(() => this.#load(shard ?? createShard(shardId)));
        if (isOurs()) return loaded;
        shard = loaded;
      } catch (error) {
        // It may have been disposed of; there is no telling how far it came.
        shard?.[Symbol.dispose]();
        shard = undefined;
        log.warn({ shard: shardId, reason: reasonOf(error) }, 'a tail can not be read; trying again');
        await this.#pause(clock, LOAD_RETRY_MS);
      }
    }
    shard?.[Symbol.dispose]();
    return undefined;
  }

  async #takePrepared(shardId: number): Promise<HeldShard | undefined> {
    const prepared = await this.#prepared.get(shardId)?.catch(() => undefined);
    this.#prepared.delete(shardId);
    prepared?.expiry[Symbol.dispose]();
    return prepared?.shard;
  }

  async suspend(shardId: number): Promise<boolean> {
    await this.#taking.get(shardId);
    const shard = this.#here.get(shardId);
    if (!shard) return true;
    await shard.upstream?.[Symbol.asyncDispose]();
    return shard.closeTail();
  }

  resume(shardId: number): void {
    const { membership, keepsTails, createUpstream } = this.#options;
    const shard = this.#here.get(shardId);
    const epoch = this.#epochs.get(shardId);
    if (!shard || epoch === undefined || this.#lifetime.signal.aborted) return;
    if (keepsTails) shard.openTail(membership.openTail(shardId, epoch));
    const upstream = createUpstream(shard);
    shard.attach(upstream);
    upstream.start();
  }

  rewriteTails(): void {
    for (const shard of this.#here.values()) shard.tail?.restart();
  }

  leave(shardId: number): void {
    const shard = this.#here.get(shardId);
    this.#epochs.delete(shardId);
    this.#here.delete(shardId);
    if (shard) this.#leaving.set(shardId, shard);
    this.#options.routes.leave(shardId);
    this.#options.onChanged();
  }

  drop(shardId: number, why: string): void {
    const { routes, onChanged, log } = this.#options;
    this.#epochs.delete(shardId);
    const shard = this.#here.get(shardId);
    if (shard) {
      this.#here.delete(shardId);
      this.#leaving.set(shardId, shard);
      void shard.upstream?.[Symbol.asyncDispose]();
      void shard.closeTail();
    }
    log.info({ shard: shardId, why }, 'a shard is no longer here');
    this.#sendAway(shardId);
    routes.forget(shardId);
    onChanged();
  }

  /** What of a shard is still here after it left. */
  #sendAway(shardId: number): void {
    const shard = this.#leaving.get(shardId);
    if (!shard) return;
    this.#leaving.delete(shardId);
    this.#options.sendWorkersAway(shardId);
    shard[Symbol.dispose]();
  }

  /** Closes every upstream connection so that its session stays, then writes the tails to their ends. The logs stay. */
  async close(): Promise<void> {
    this.#lifetime.abort();
    await Promise.all([...this.#here.keys()].map((shardId) => this.suspend(shardId)));
  }

  [Symbol.dispose](): void {
    for (const shard of [...this.#here.values(), ...this.#leaving.values()]) shard[Symbol.dispose]();
    for (const prepared of this.#prepared.values())
      void prepared.then(
        ({ shard, expiry }) => {
          expiry[Symbol.dispose]();
          shard[Symbol.dispose]();
        },
        () => undefined,
      );
  }

  async #pause(clock: Clock, ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = clock.setTimer(resolve, ms);
    await abortable(promise, this.#lifetime.signal).catch(() => undefined);
    timer[Symbol.dispose]();
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
