/** The guild state of all shards of a node: what they share, and a store for each. */
import type { GatewayConfig } from '../../config/index.ts';
import { GuildCompressor, GuildSnapshots, MergeRounds } from '../../guilds/index.ts';
import type { Clock } from '../../runtime/clock.ts';

/** A guild's dispatches are merged into its body when they take more. */
const MAX_PENDING_BYTES_PER_GUILD = 16 * 1024;

/** Of the bound of a shard, what may be pending. */
const PENDING_SHARE = 1 / 4;

export class GuildState implements Disposable {
  readonly #config: GatewayConfig['guilds'];
  readonly #clock: Clock;
  readonly #compressor = new GuildCompressor();
  readonly #rounds: MergeRounds;

  constructor(config: GatewayConfig['guilds'], clock: Clock) {
    this.#config = config;
    this.#clock = clock;
    this.#rounds = new MergeRounds({ clock });
  }

  /** For a new upstream session; `undefined` where nothing is kept. */
  create(ownUserId: string): GuildSnapshots | undefined {
    const { state, maxBytesPerShard } = this.#config;
    if (state === 'off') return undefined;
    return new GuildSnapshots({
      options: { ownUserId, off: new Set(), lastMessageIds: false },
      clock: this.#clock,
      compressor: this.#compressor,
      rounds: this.#rounds,
      maxPendingBytesPerGuild: MAX_PENDING_BYTES_PER_GUILD,
      maxPendingBytes: maxBytesPerShard * PENDING_SHARE,
      maxBytes: maxBytesPerShard,
    });
  }

  [Symbol.dispose](): void {
    this.#rounds[Symbol.dispose]();
    this.#compressor[Symbol.dispose]();
  }
}
