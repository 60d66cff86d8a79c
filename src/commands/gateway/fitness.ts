/**
 * Whether this node can hold shards at all: one whose shards are all cut off from Discord, for whatever reason, had better leave them
 * to nodes that are not. Where that is every node, the plan leaves everything where it is.
 */
import type { Clock } from '../../runtime/clock.ts';
import type { UpstreamLog } from '../../upstream/index.ts';
import type { HeldShard } from './held-shard.ts';

export interface FitnessOptions {
  /** After how long without a connection; 0: never. */
  readonly unfitAfterMs: number;
  readonly clock: Clock;
  readonly shards: () => readonly HeldShard[];
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
    if (nowMs < this.#unfitUntilMs || unfitAfterMs === 0) return unfitAfterMs === 0;
    if (!this.#isCutOff()) this.#cutOffSinceMs = undefined;
    else this.#cutOffSinceMs ??= nowMs;
    if (this.#cutOffSinceMs === undefined || nowMs - this.#cutOffSinceMs < unfitAfterMs) return true;
    log.warn({}, 'none of the shards here is connected to Discord: leaving them to other nodes');
    this.#unfitUntilMs = nowMs + UNFIT_MS;
    this.#cutOffSinceMs = undefined;
    return false;
  }

  /** It takes no shards for now. */
  get isUnfit(): boolean {
    return this.#options.clock.now() < this.#unfitUntilMs;
  }

  /** Shards that wait for an IDENTIFY are not cut off. */
  #isCutOff(): boolean {
    const withSession = this.#options.shards().filter(({ session }) => session !== undefined);
    return withSession.length > 0 && withSession.every(({ upstream }) => upstream?.state.kind !== 'ready');
  }
}
