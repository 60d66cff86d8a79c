/** The guild state of all shards of a node: what they share, and a store for each. */
import type { GatewayConfig } from '../../config/index.ts';
import {
  GUILD_KINDS,
  GuildCompressor,
  type GuildKind,
  GuildSnapshots,
  MergeRounds,
  type StoredWindow,
} from '../../guilds/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import { Limiter } from '../../runtime/limiter.ts';

/** A guild's dispatches are merged into its body when they take more. */
const MAX_PENDING_BYTES_PER_GUILD = 16 * 1024;

/** Of the bound of a shard, what may be pending. */
const PENDING_SHARE = 1 / 4;

/** A tail is dropped in parts, and has more in it than its chunks: of its bounds, what is surely kept. */
const SURE_SHARE = 1 / 2;

/** Shards whose guilds are read from where they are stored, at the same time: each takes megabytes, and workers with a session need none. */
const MAX_PARALLEL_LOADS = 2;

/** From one batch of guilds that is taken to be stored to the next, of all shards. Taking one takes 2 ms, mostly less. */
const STORING_INTERVAL_MS = 8;

export class GuildState implements Disposable {
  readonly #config: Pick<GatewayConfig, 'guilds' | 'tail'>;
  readonly #clock: Clock;
  readonly #compressor = new GuildCompressor();
  readonly #rounds: MergeRounds;
  /** Shares the time for storing among the shards. */
  readonly storingRounds: MergeRounds;
  readonly loads = new Limiter(MAX_PARALLEL_LOADS);

  constructor(config: Pick<GatewayConfig, 'guilds' | 'tail'>, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
    this.#rounds = new MergeRounds({ clock });
    this.storingRounds = new MergeRounds({ clock, intervalMs: STORING_INTERVAL_MS });
  }

  get isOff(): boolean {
    return this.#config.guilds.state === 'off';
  }

  /** What a stored tail holds at least; `undefined` where nothing is kept of it but how far Discord was followed. */
  get tailWindow(): StoredWindow | undefined {
    const { store, maxBytesPerShard, maxAgeMs } = this.#config.tail;
    if (store === 'off') return undefined;
    return { maxBytes: maxBytesPerShard * SURE_SHARE, maxAgeMs: maxAgeMs * SURE_SHARE };
  }

  /** For an upstream session. `missing`: kinds that are not in what is stored of it. */
  create(ownUserId: string, missing: readonly string[] = []): GuildSnapshots {
    const { maxBytesPerShard } = this.#config.guilds;
    return new GuildSnapshots({
      options: { ownUserId, off: this.offWith(missing), lastMessageIds: false },
      clock: this.#clock,
      compressor: this.#compressor,
      rounds: this.#rounds,
      maxPendingBytesPerGuild: MAX_PENDING_BYTES_PER_GUILD,
      maxPendingBytes: maxBytesPerShard * PENDING_SHARE,
      maxBytes: maxBytesPerShard,
    });
  }

  /** The kinds that are switched off, and those that were when the session's guilds came: they can't be had before the next session. */
  offWith(missing: readonly string[]): ReadonlySet<GuildKind> {
    const wasOff = GUILD_KINDS.filter((kind) => missing.includes(kind));
    return new Set([...this.#config.guilds.off, ...wasOff]);
  }

  [Symbol.dispose](): void {
    this.#rounds[Symbol.dispose]();
    this.storingRounds[Symbol.dispose]();
    this.#compressor[Symbol.dispose]();
  }
}
