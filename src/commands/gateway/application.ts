/**
 * One Discord application at this node: learns how many shards there are, restores what an earlier process left, holds the
 * shards, and stops for good where Discord refuses it.
 */
import { ApplicationDirectory, EmbeddedIdentifySlots, type TailFiles } from '../../cluster/index.ts';
import type { GatewayConfig } from '../../config/index.ts';
import { EventLog, LogMemory, TailCompressor } from '../../log/index.ts';
import { type Logger, moduleLogger } from '../../observability/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import { IdentifyGate, InformationSource, UpstreamShard } from '../../upstream/index.ts';
import type { ShardDirectory } from '../../workers/index.ts';
import { HeldShard } from './held-shard.ts';

export interface ApplicationOptions {
  readonly config: GatewayConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Discord will not have this application (any more): bad token, intents, shards. */
  readonly onStopped: (reason: string) => void;
}

/** How often logs are looked through for segments that are too old. */
const TRIM_INTERVAL_MS = 5_000;

export class Application implements ShardDirectory, AsyncDisposable {
  readonly memory: LogMemory;
  readonly gate: IdentifyGate;
  readonly tails: TailFiles[] = [];
  readonly #options: ApplicationOptions;
  readonly #logger: Logger;
  readonly #information: InformationSource;
  /** `undefined` where nothing is kept. */
  readonly #directory: ApplicationDirectory | undefined;
  readonly #tailCompressor = new TailCompressor();
  readonly #lifetime = new AbortController();
  readonly #subscribers = new Set<() => void>();
  #shards: readonly HeldShard[] | undefined;
  #stoppedReason: string | undefined;
  #trimTimer: Disposable | undefined;

  constructor(options: ApplicationOptions) {
    const { config, clock, logger } = options;
    this.#options = options;
    this.#logger = moduleLogger(logger, 'upstream');
    this.memory = new LogMemory(config.eventLog.maxBytes);
    this.#information = new InformationSource({
      apiUrl: config.discord.apiUrl,
      token: config.discord.token.reveal(),
      clock,
      random: Math.random,
      log: this.#logger,
      signal: this.#lifetime.signal,
      onUnauthorized: (reason) => this.#stop(reason),
    });
    this.#directory =
      config.tail.store === 'off'
        ? undefined
        : new ApplicationDirectory({
            root: config.tail.directory,
            token: config.discord.token.reveal(),
            maxTailBytes: config.tail.maxBytesPerShard,
            maxTailAgeMs: config.tail.maxAgeMs,
          });
    this.gate = this.#createGate();
  }

  #createGate(): IdentifyGate {
    const { config, clock } = this.#options;
    const onSlotsError = (error: Error) =>
      this.#logger.error({ reason: error.message }, 'identify slots can not be written');
    return new IdentifyGate({
      slots: this.#directory?.identifySlots(clock, onSlotsError) ?? new EmbeddedIdentifySlots({ clock }),
      clock,
      random: Math.random,
      reserve: config.discord.identifyReserve,
      fetchBudget: () => this.#information.getBudget(),
      onStoreProblem: (reason) =>
        this.#logger.error({ reason }, 'identify slots can not be asked for; no IDENTIFY until they can'),
      onStoreRecovered: () => this.#logger.info({}, 'identify slots can be asked for again'),
      onBudgetHeld: (held) => {
        this.#logger.error(
          held,
          "Discord's IDENTIFY budget is down to the reserve: no IDENTIFY until it resets",
        );
      },
    });
  }

  get shardCount(): number | undefined {
    return this.#shards?.length;
  }

  get shards(): readonly HeldShard[] {
    return this.#shards ?? [];
  }

  get stoppedReason(): string | undefined {
    return this.#stoppedReason;
  }

  /** Whether IDENTIFYs wait because the budget is down to the reserve. */
  get isBudgetHeld(): boolean {
    return this.gate.isBudgetHeld;
  }

  /** Why Discord can't be asked how to connect, while it can't. */
  get informationProblem(): string | undefined {
    return this.#information.problem;
  }

  shard(shardId: number): HeldShard | undefined {
    return this.#shards?.[shardId];
  }

  /** A node that is alone has them all. */
  ownerElsewhere(): undefined {
    return undefined;
  }

  isExpected(): boolean {
    return false;
  }

  subscribe(onChange: () => void): Disposable {
    this.#subscribers.add(onChange);
    return { [Symbol.dispose]: () => this.#subscribers.delete(onChange) };
  }

  /** Restores and starts all shards; resolves when they are on their way, or when the application was stopped. */
  async start(): Promise<void> {
    const { config, clock } = this.#options;
    const shardCount = await this.#findShardCount();
    await this.#directory?.removeOthers(shardCount, clock.now() - config.tail.maxAgeMs);
    const shards: HeldShard[] = [];
    for (let shardId = 0; shardId < shardCount; shardId++)
      shards.push(await this.#restoreShard(shardId, shardCount));
    if (this.#lifetime.signal.aborted) return;
    const restored = shards.filter((shard) => shard.session).length;
    this.#logger.info({ shards: shardCount, restored }, 'holding the shards');
    this.#shards = shards;
    this.#changed();
    for (const shard of shards) this.#startShard(shard);
    const trim = () => {
      for (const shard of shards) shard.log.trim(clock.now());
      this.#trimTimer = clock.setTimer(trim, Math.min(TRIM_INTERVAL_MS, config.eventLog.maxAgeMs));
    };
    trim();
  }

  /**
   * Closes every upstream connection so that its session stays, then writes the tails to their ends. The logs stay: workers
   * still read from them.
   */
  async close(): Promise<void> {
    this.#lifetime.abort();
    this.#trimTimer?.[Symbol.dispose]();
    await Promise.all(this.shards.map((shard) => shard.upstream?.[Symbol.asyncDispose]()));
    await Promise.all(this.shards.map((shard) => shard.tail?.[Symbol.asyncDispose]()));
    await Promise.all(this.tails.map((tail) => tail[Symbol.asyncDispose]()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    this.#tailCompressor[Symbol.dispose]();
    for (const shard of this.shards) shard[Symbol.dispose]();
  }

  /**
   * The configured number; else that of the tails, whose sessions another number would throw away; else Discord's
   * recommendation.
   */
  async #findShardCount(): Promise<number> {
    const { config, clock } = this.#options;
    const { shardCount } = config.discord;
    if (shardCount !== 'auto') return shardCount;
    const stored = await this.#directory?.newestShardCount(clock.now() - config.eventLog.maxAgeMs);
    if (stored === undefined) return (await this.#information.get()).shards;
    this.#logger.info({ shards: stored }, 'keeping the number of shards of the sessions that can be resumed');
    return stored;
  }

  async #restoreShard(shardId: number, shardCount: number): Promise<HeldShard> {
    const { config, clock, logger } = this.#options;
    const tailStore = this.#directory?.tail(shardId, shardCount);
    const shard = new HeldShard({
      shardId,
      shardCount,
      log: new EventLog({
        maxBytes: config.eventLog.maxBytesPerShard,
        maxAgeMs: config.eventLog.maxAgeMs,
        memory: this.memory,
      }),
      tailStore,
      tailCompressor: this.#tailCompressor,
      tailFlush: { intervalMs: config.tail.flushIntervalMs, bytes: config.tail.flushBytes },
      clock,
      logger: logger.child({ module: 'log', shard: shardId }),
      onServingChanged: () => this.#changed(),
    });
    if (tailStore) {
      this.tails.push(tailStore);
      const onUnreadable = (path: string, reason: string) =>
        this.#logger.error(
          { shard: shardId, path, reason },
          'a file of the tail can not be read; it is passed over',
        );
      await shard.restore(await tailStore.load(onUnreadable));
    }
    return shard;
  }

  #startShard(shard: HeldShard): void {
    const { config, clock } = this.#options;
    const { discord, workers } = config;
    const upstream = new UpstreamShard({
      shardId: shard.shardId,
      shardCount: shard.shardCount,
      token: discord.token.reveal(),
      intents: discord.intents,
      compression: discord.compression,
      ...(discord.presence && { presence: discord.presence }),
      ...(discord.largeThreshold !== undefined && { largeThreshold: discord.largeThreshold }),
      ...(shard.session && { session: shard.session }),
      gatewayUrl: async () => discord.gatewayUrl ?? (await this.#information.get()).url,
      gate: this.gate,
      sink: shard,
      clock,
      random: Math.random,
      log: this.#logger.child({ shard: shard.shardId }),
      maxQueuedCommands: workers.maxQueuedCommandsPerShard,
      onStopped: (_closeCode, reason) => this.#stop(reason),
    });
    shard.attach(upstream);
    upstream.start();
  }

  #stop(reason: string): void {
    if (this.#stoppedReason !== undefined) return;
    this.#stoppedReason = reason;
    this.#logger.error({ reason }, 'this application is stopped and will not be tried again');
    for (const shard of this.shards) void shard.upstream?.[Symbol.asyncDispose]();
    this.#options.onStopped(reason);
    this.#changed();
  }

  #changed(): void {
    for (const subscriber of [...this.#subscribers]) subscriber();
  }
}
