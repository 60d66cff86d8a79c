/**
 * The shards of one application that are at this node: what the cluster's ownership asks for is done here. A shard is prepared
 * (its tail is read, ahead of the lease), here (it has an upstream connection and serves workers), or leaving (another
 * node's by now; its workers are still here).
 */
import type { Lease, Membership, ShardHolder } from '../../cluster/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { UpstreamLog, UpstreamShard } from '../../upstream/index.ts';
import type { HeldShard } from './held-shard.ts';
import { ShardLoader } from './shard-loader.ts';

export interface HeldShardsOptions {
  readonly membership: Membership;
  readonly clock: Clock;
  readonly log: UpstreamLog;
  /** An empty one. */
  readonly createShard: (shardId: number) => HeldShard;
  /** `undefined` where Discord has refused the application for good. */
  readonly createUpstream: (shard: HeldShard) => UpstreamShard | undefined;
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

/** How long a shard that is to go waits for the READY of an IDENTIFY that is on its way: that one is spent. */
const READY_WAIT_MS = 5_000;

/** A lease of ours; each take has its own, so that one which was overtaken knows. */
interface Hold {
  readonly epoch: number;
}

export class HeldShards implements ShardHolder {
  readonly #options: HeldShardsOptions;
  readonly #loader: ShardLoader;
  readonly #taking = new Map<number, Promise<void>>();
  readonly #here = new Map<number, HeldShard>();
  readonly #leaving = new Map<number, HeldShard>();
  readonly #holds = new Map<number, Hold>();
  /** Shards that were dropped, until they have let go of everything. */
  readonly #ending = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: HeldShardsOptions) {
    this.#options = options;
    this.#loader = new ShardLoader(options);
  }

  get here(): ReadonlyMap<number, HeldShard> {
    return this.#here;
  }

  /** Whether a shard is, or is about to be, ours. */
  isExpected(shardId: number): boolean {
    return this.#holds.has(shardId) || this.#loader.hasPrepared(shardId);
  }

  async prepare(shardId: number): Promise<void> {
    if (!this.#holds.has(shardId)) await this.#loader.prepare(shardId);
  }

  async take({ shardId, epoch }: Lease): Promise<void> {
    const hold = { epoch };
    this.#holds.set(shardId, hold);
    const shard = this.#here.get(shardId);
    if (shard) return this.#goOnUnder(hold, shard);
    this.#sendAway(shardId);
    const taking = this.#take(shardId, hold).finally(() => {
      if (this.#taking.get(shardId) === taking) this.#taking.delete(shardId);
    });
    this.#taking.set(shardId, taking);
    await taking;
  }

  async #take(shardId: number, hold: Hold): Promise<void> {
    const { routes, onChanged, log } = this.#options;
    const isWanted = () => this.#holds.get(shardId) === hold && !this.#isClosed;
    const shard = await this.#loader.load(shardId, isWanted);
    if (!shard) return;
    this.#here.set(shardId, shard);
    const { head, floor } = shard.log;
    log.info(
      { shard: shardId, epoch: hold.epoch, head, floor, isRestored: shard.session !== undefined },
      'holding a shard',
    );
    this.#connect(shard, hold);
    onChanged();
    await routes.own(shardId);
  }

  #connect(shard: HeldShard, { epoch }: Hold): void {
    const { createUpstream } = this.#options;
    this.#open(shard, epoch);
    const upstream = createUpstream(shard);
    shard.attach(upstream);
    upstream?.start();
  }

  /** Writes what is to outlive this process, under the lease. */
  #open(shard: HeldShard, epoch: number): void {
    const { membership, keepsTails } = this.#options;
    if (!keepsTails) return;
    shard.tail.open(membership.openTail(shard.shardId, epoch));
    if (shard.heldGuilds.kind !== 'off') shard.heldGuilds.open(membership.openGuilds(shard.shardId, epoch));
  }

  /** The shard was here all the time: a call of ours that was thought lost has come through, and given it another epoch. */
  async #goOnUnder(hold: Hold, shard: HeldShard): Promise<void> {
    const { shardId } = shard;
    await close(shard);
    if (this.#here.get(shardId) === shard && this.#holds.get(shardId) === hold) this.#open(shard, hold.epoch);
  }

  async suspend(shardId: number): Promise<boolean> {
    await this.#taking.get(shardId);
    const shard = this.#here.get(shardId);
    if (!shard) return true;
    await shard.upstream?.identified(READY_WAIT_MS);
    await shard.upstream?.[Symbol.asyncDispose]();
    return close(shard);
  }

  resume(shardId: number): void {
    const shard = this.#here.get(shardId);
    const hold = this.#holds.get(shardId);
    if (shard && hold && !this.#isClosed) this.#connect(shard, hold);
  }

  rewriteTails(): void {
    for (const shard of this.#here.values()) {
      shard.tail.beginAnew();
      shard.heldGuilds.beginAnew();
    }
  }

  leave(shardId: number): void {
    const shard = this.#here.get(shardId);
    this.#holds.delete(shardId);
    this.#here.delete(shardId);
    if (shard) this.#leaving.set(shardId, shard);
    this.#options.routes.leave(shardId);
    this.#options.onChanged();
  }

  drop(shardId: number, why: string): void {
    const { routes, onChanged, log, sendWorkersAway } = this.#options;
    this.#holds.delete(shardId);
    const shard = this.#here.get(shardId);
    this.#here.delete(shardId);
    log.info({ shard: shardId, why }, 'a shard is no longer here');
    this.#sendAway(shardId);
    if (shard) {
      sendWorkersAway(shardId);
      const ending = end(shard).finally(() => this.#ending.delete(ending));
      this.#ending.add(ending);
    }
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
    this.#isClosed = true;
    this.#loader[Symbol.dispose]();
    await Promise.all([...this.#here.keys()].map((shardId) => this.suspend(shardId)));
    await Promise.all(this.#ending);
  }

  [Symbol.dispose](): void {
    for (const shard of [...this.#here.values(), ...this.#leaving.values()]) shard[Symbol.dispose]();
  }
}

/** Writes the tail to its end. Resolves with whether all of it could be written. */
async function close(shard: HeldShard): Promise<boolean> {
  const tailClosed = shard.tail.close();
  await shard.heldGuilds.close(tailClosed);
  return tailClosed;
}

/** Its tail is another's to write by now, so nothing more is written. The log goes last: until then something may arrive. */
async function end(shard: HeldShard): Promise<void> {
  shard.tail.abandon();
  shard.heldGuilds.abandon();
  await shard.upstream?.[Symbol.asyncDispose]();
  shard[Symbol.dispose]();
}
