/**
 * What a store that lost writes no longer knows, and a node does. Whoever holds those shards says so again with its next renewal; so
 * long, nobody believes the store that they are where they were before. Who does not say so within the life of a lease is gone.
 */
import type { Clock } from '../runtime/clock.ts';
import type { ClusterView, Lease } from './ports.ts';

export class LostWrites {
  readonly #options: { readonly clock: Clock; readonly leaseTtlMs: number };
  /** Since when the store has known less. */
  #sinceMs: number | undefined;
  #isWaitedFor = false;

  constructor(options: { readonly clock: Clock; readonly leaseTtlMs: number }) {
    this.#options = options;
  }

  /** The leases of `known` to go by in place of those of `view`, which is newer. */
  leases(known: ClusterView, view: ClusterView): readonly Lease[] {
    const lost = [...known.leases.values()].filter(
      ({ shardId, epoch }) => (view.leases.get(shardId)?.epoch ?? 0) < epoch,
    );
    const nowMs = this.#options.clock.now();
    this.#sinceMs = lost.length === 0 ? undefined : (this.#sinceMs ?? nowMs);
    this.#isWaitedFor = this.#sinceMs !== undefined && nowMs - this.#sinceMs < this.#options.leaseTtlMs;
    return this.#isWaitedFor ? lost : [];
  }

  /** Somebody may have yet to say again that it is there, and what it holds. */
  get isWaitedFor(): boolean {
    return this.#isWaitedFor;
  }
}
