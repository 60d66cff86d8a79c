/** What this node believes of the shards here; the store is right. What holding one means is its holder's business. */
import type { Lease, Member } from './ports.ts';
import type { ShardHolder } from './shard-holder.ts';

export type Holding =
  | { readonly kind: 'held'; readonly epoch: number }
  /** On its way to another node; still ours. */
  | { readonly kind: 'moving'; readonly epoch: number; readonly to: Member }
  /** Another node's; its workers are still here. */
  | { readonly kind: 'left' };

export class Holdings {
  readonly #holder: ShardHolder;
  readonly #all = new Map<number, Holding>();
  /** What was taken last, and when workers find it here. */
  readonly #takes = new Map<number, { readonly epoch: number; readonly done: Promise<void> }>();
  readonly #touched = new Set<number>();

  constructor(holder: ShardHolder) {
    this.#holder = holder;
  }

  get all(): ReadonlyMap<number, Holding> {
    return this.#all;
  }

  /** Shards whose lease is ours, with its epoch. */
  get held(): ReadonlyMap<number, number> {
    const held = new Map<number, number>();
    for (const [shardId, holding] of this.#all) if (holding.kind !== 'left') held.set(shardId, holding.epoch);
    return held;
  }

  /** Shards that changed hands since the renewal under way was sent: its answer may be older than what is known of them. */
  get touched(): ReadonlySet<number> {
    return this.#touched;
  }

  touch(shardId: number): void {
    this.#touched.add(shardId);
  }

  /** A renewal is about to be sent. */
  untouch(): void {
    this.#touched.clear();
  }

  /** Whether the lease, which is ours, is one that is held already, or older. */
  has({ shardId, epoch }: Lease): boolean {
    const holding = this.#all.get(shardId);
    return holding !== undefined && holding.kind !== 'left' && holding.epoch >= epoch;
  }

  /** The lease is ours. Resolves when workers find the shard here. */
  take(lease: Lease): Promise<void> {
    const { shardId, epoch } = lease;
    this.set(shardId, { kind: 'held', epoch });
    const done = this.#holder.take(lease);
    this.#takes.set(shardId, { epoch, done });
    return done;
  }

  /** What `take` has returned for this lease, where it is the last that was taken of its shard. */
  taken(shardId: number, epoch: number): Promise<void> | undefined {
    const take = this.#takes.get(shardId);
    return take?.epoch === epoch ? take.done : undefined;
  }

  set(shardId: number, holding: Holding): void {
    this.touch(shardId);
    this.#all.set(shardId, holding);
  }

  drop(shardId: number, why: string): void {
    this.touch(shardId);
    this.#takes.delete(shardId);
    if (this.#all.delete(shardId)) this.#holder.drop(shardId, why);
  }
}
