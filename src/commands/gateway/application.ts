/**
 * One Discord application at this node: learns how many shards there are, restores what an earlier process left, holds the
 * shards, and stops for good where Discord refuses it.
 */
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { IdentifySlotsFile, IdentifySlotsMemory, TailFiles } from '../../cluster/index.ts';
import type { GatewayConfig } from '../../config/index.ts';
import { EventLog, LogMemory, TailCompressor } from '../../log/index.ts';
import { type Logger, moduleLogger } from '../../observability/index.ts';
import { abortable } from '../../runtime/abortable.ts';
import { backoffMs } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import {
  fetchGatewayInformation,
  type GatewayInformation,
  type IdentifyBudget,
  IdentifyGate,
  UpstreamShard,
} from '../../upstream/index.ts';
import type { ShardDirectory } from '../../workers/index.ts';
import { HeldShard } from './held-shard.ts';

export interface ApplicationOptions {
  readonly config: GatewayConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Discord will not have this application (any more): bad token, intents, shards. */
  readonly onStopped: (reason: string) => void;
}

const INFORMATION_BACKOFF = { firstMs: 1_000, maxMs: 30_000 };

/** How often logs are looked through for segments that are too old. */
const TRIM_INTERVAL_MS = 5_000;

export class Application implements ShardDirectory, AsyncDisposable {
  readonly memory: LogMemory;
  readonly gate: IdentifyGate;
  readonly tails: TailFiles[] = [];
  readonly #options: ApplicationOptions;
  readonly #logger: Logger;
  readonly #tailCompressor = new TailCompressor();
  readonly #lifetime = new AbortController();
  readonly #subscribers = new Set<() => void>();
  #shards: readonly HeldShard[] | undefined;
  #stoppedReason: string | undefined;
  #informationProblem: string | undefined;
  #information: Promise<GatewayInformation> | undefined;
  #trimTimer: Disposable | undefined;
  #isBudgetHeld = false;

  constructor(options: ApplicationOptions) {
    const { config, clock, logger } = options;
    this.#options = options;
    this.#logger = moduleLogger(logger, 'upstream');
    this.memory = new LogMemory(config.eventLog.maxBytes);
    this.gate = new IdentifyGate({
      slots:
        config.tail.store === 'disk'
          ? new IdentifySlotsFile(this.#directory(), (error) =>
              this.#logger.error({ reason: error.message }, 'identify slots can not be written'),
            )
          : new IdentifySlotsMemory(clock.now()),
      clock,
      reserve: config.discord.identifyReserve,
      fetchBudget: () => this.#fetchBudget(),
      onBudgetHeld: (held) => {
        this.#isBudgetHeld = true;
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
    return this.#isBudgetHeld;
  }

  /** Why Discord can't be asked how to connect, while it can't. */
  get informationProblem(): string | undefined {
    return this.#informationProblem;
  }

  shard(shardId: number): HeldShard | undefined {
    return this.#shards?.[shardId];
  }

  subscribe(onChange: () => void): Disposable {
    this.#subscribers.add(onChange);
    return { [Symbol.dispose]: () => this.#subscribers.delete(onChange) };
  }

  /** Restores and starts all shards; resolves when they are on their way, or when the application was stopped. */
  async start(): Promise<void> {
    const { config, clock } = this.#options;
    const shardCount = await this.#findShardCount();
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

  /** Closes every upstream connection so that its session stays, then writes the tails to their ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#lifetime.abort();
    this.#trimTimer?.[Symbol.dispose]();
    await Promise.all(this.shards.map((shard) => shard.upstream?.[Symbol.asyncDispose]()));
    await Promise.all(this.shards.map((shard) => shard.tail?.[Symbol.asyncDispose]()));
    await Promise.all(this.tails.map((tail) => tail[Symbol.asyncDispose]()));
    this.#tailCompressor[Symbol.dispose]();
    for (const shard of this.shards) shard[Symbol.dispose]();
  }

  #directory(): string {
    const { token } = this.#options.config.discord;
    // The first part of a bot token is the application's id in base64, and no secret.
    const id = Buffer.from(token.reveal().split('.', 1)[0] ?? '', 'base64').toString('latin1');
    const name = /^\d{15,20}$/.test(id)
      ? id
      : createHash('sha256').update(token.reveal()).digest('hex').slice(0, 16);
    return join(this.#options.config.tail.directory, name);
  }

  /**
   * The configured number; else that of the tails, whose sessions another number would throw away; else Discord's
   * recommendation.
   */
  async #findShardCount(): Promise<number> {
    const { discord, tail } = this.#options.config;
    if (discord.shardCount !== 'auto') return discord.shardCount;
    const stored = tail.store === 'disk' ? await this.#resumableShardCount() : undefined;
    if (stored === undefined) return (await this.#gatewayInformation()).shards;
    this.#logger.info({ shards: stored }, 'keeping the number of shards of the sessions that can be resumed');
    return stored;
  }

  /** The number of shards whose tails were written last, unless that is so long ago that nothing can be resumed. */
  async #resumableShardCount(): Promise<number | undefined> {
    const { clock, config } = this.#options;
    let newestAtMs = clock.now() - config.eventLog.maxAgeMs;
    let found: number | undefined;
    for (const shardCount of await storedShardCounts(this.#directory())) {
      const writtenAtMs = await lastWrittenAtMs(join(this.#directory(), shardsDirectoryName(shardCount)));
      if (writtenAtMs <= newestAtMs) continue;
      newestAtMs = writtenAtMs;
      found = shardCount;
    }
    return found;
  }

  #tailFiles(shardId: number, shardCount: number): TailFiles {
    const { maxBytesPerShard: maxBytes, maxAgeMs } = this.#options.config.tail;
    const directory = join(this.#directory(), shardsDirectoryName(shardCount), String(shardId));
    return new TailFiles({ directory, maxBytes, maxAgeMs });
  }

  async #restoreShard(shardId: number, shardCount: number): Promise<HeldShard> {
    const { config, clock, logger } = this.#options;
    const tailStore = config.tail.store === 'disk' ? this.#tailFiles(shardId, shardCount) : undefined;
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
      await shard.restore(await tailStore.load());
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
      gatewayUrl: async () => discord.gatewayUrl ?? (await this.#gatewayInformation()).url,
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

  async #fetchBudget(): Promise<IdentifyBudget> {
    const fetchedAtMs = this.#options.clock.now();
    const { sessionStartLimit } = await this.#gatewayInformation();
    this.#isBudgetHeld = false;
    // What it says is true of now; the next who needs the budget asks again.
    this.#information = undefined;
    return {
      maxConcurrency: sessionStartLimit.maxConcurrency,
      remaining: sessionStartLimit.remaining,
      resetAtMs: fetchedAtMs + sessionStartLimit.resetAfterMs,
    };
  }

  #gatewayInformation(): Promise<GatewayInformation> {
    this.#information ??= this.#askUntilAnswered();
    return this.#information;
  }

  /** Never rejects; never resolves after a refusal or the end. */
  async #askUntilAnswered(): Promise<GatewayInformation> {
    const { config, clock } = this.#options;
    const { signal } = this.#lifetime;
    for (let failures = 1; !signal.aborted; failures++) {
      const result = await fetchGatewayInformation(
        config.discord.apiUrl,
        config.discord.token.reveal(),
        signal,
      );
      if (result.kind === 'ok') {
        this.#informationProblem = undefined;
        return result.information;
      }
      if (result.kind === 'unauthorized') {
        this.#stop(
          'Discord refused the bot token (401): set discord.token to the current one from the developer portal',
        );
        break;
      }
      if (signal.aborted) break;
      this.#informationProblem = result.reason;
      const waitMs = Math.max(
        result.retryAfterMs ?? 0,
        backoffMs(failures, Math.random(), INFORMATION_BACKOFF),
      );
      this.#logger.warn(
        { reason: result.reason, retryInMs: waitMs },
        'Discord can not be asked how to connect',
      );
      await wait(clock, waitMs, signal);
    }
    return new Promise(() => undefined);
  }
}

async function wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  let timer: Disposable | undefined;
  const elapsed = new Promise<void>((resolve) => {
    timer = clock.setTimer(resolve, ms);
  });
  await abortable(elapsed, signal)
    .catch(() => undefined)
    .finally(() => timer?.[Symbol.dispose]());
}

function shardsDirectoryName(shardCount: number): string {
  return `shards-${shardCount}`;
}

/** The numbers of shards that tails were ever kept for. */
async function storedShardCounts(directory: string): Promise<number[]> {
  const names = await readdir(directory).catch(() => []);
  return names.map((name) => Number(/^shards-(\d+)$/.exec(name)?.[1])).filter((count) => count > 0);
}

/** When a file in `directory`, or below it, was last written; 0 where there is none. Unix ms. */
async function lastWrittenAtMs(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const times = await Promise.all(
    files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).mtimeMs),
  );
  return Math.max(0, ...times);
}
