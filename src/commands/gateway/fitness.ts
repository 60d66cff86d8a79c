/**
 * Whether this node can hold shards at all: one whose shards are all cut off from Discord, for whatever reason, had better leave them
 * to nodes that are not. Where that is every node, the plan leaves everything where it is.
 */
import type { Reach } from '../../cluster/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { UpstreamLog, UpstreamState } from '../../upstream/index.ts';
import type { HeldShard } from './held-shard.ts';

/** What is looked at of a shard. */
interface ShardAtNode {
  readonly session: HeldShard['session'];
  readonly upstream: { readonly state: Pick<UpstreamState, 'kind'> } | undefined;
}

export interface FitnessOptions {
  /** After how long without a connection; 0: never. */
  readonly unfitAfterMs: number;
  readonly clock: Clock;
  readonly shards: () => readonly ShardAtNode[];
  readonly log: UpstreamLog;
}

/** For how long it takes no shards then. */
const UNFIT_MS = 60_000;

export class Fitness {
  readonly #options: FitnessOptions;
  #cutOffSinceMs: number | undefined;
  #unfitUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: FitnessOptions) {
    this.#options = options;
  }

  /** As of now; to be read every second or so. */
  get isFit(): boolean {
    const { unfitAfterMs, clock, log } = this.#options;
    const nowMs = clock.now();
    if (unfitAfterMs === 0) return true;
    // Where no node reached Discord, all shards are still here, and one that is connected again says that it was not us.
    if (this.#isConnected()) this.#unfitUntilMs = Number.NEGATIVE_INFINITY;
    if (nowMs < this.#unfitUntilMs) return false;
    if (!this.#isCutOff()) this.#cutOffSinceMs = undefined;
    else this.#cutOffSinceMs ??= nowMs;
    if (this.#cutOffSinceMs === undefined || nowMs - this.#cutOffSinceMs < unfitAfterMs) return true;
    log.warn({}, 'none of the shards here is connected to Discord: leaving them to other nodes');
    this.#unfitUntilMs = nowMs + UNFIT_MS;
    this.#cutOffSinceMs = undefined;
    return false;
  }

  /** As of now; likewise. */
  get reach(): Reach {
    if (!this.isFit) return 'cut-off';
    return this.#isConnected() ? 'connected' : 'unknown';
  }

  /** It takes no shards for now. */
  get isUnfit(): boolean {
    return this.#options.clock.now() < this.#unfitUntilMs;
  }

  #isConnected(): boolean {
    return this.#options.shards().some(({ upstream }) => upstream?.state.kind === 'ready');
  }

  /** Shards that wait for an IDENTIFY are not cut off; nor are those that Discord will not have: no node could do better. */
  #isCutOff(): boolean {
    const shards = this.#options
      .shards()
      .filter(({ upstream }) => upstream && upstream.state.kind !== 'stopped');
    return !this.#isConnected() && shards.some(({ session }) => session !== undefined);
  }
}
