/**
 * Takeovers of a shard whose tail is full: the node that holds it is killed, and another one, just started, takes over. In turn,
 * again and again, over a tail that stays as it was filled.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LaunchOptions, launchMiddle, type Middle } from '../launch.ts';
import { BenchRedis } from '../redis.ts';
import { mainThread } from '../usage.ts';
import { SessionKeepingDiscord } from './discord.ts';
import { receiveGuilds } from './guilds.ts';
import { type ProbedTime, readProbe, type Takeover, takeoverOf } from './steps.ts';

/** How the tail was filled: events that came together make one chunk. */
export const FILLINGS = {
  /** A busy shard: chunks of 100 ms at 5,000 events/s. */
  busy: { eventsAtOnce: 500, guilds: 0 },
  /** A quiet one, near the age bound: as many chunks as there can be. */
  quiet: { eventsAtOnce: 5, guilds: 0 },
  /** As the first, and the shard's guilds are kept: a worker IDENTIFYs at once and gets them. */
  'with guilds': { eventsAtOnce: 500, guilds: 500 },
} as const;
export type Filling = keyof typeof FILLINGS;

export interface FilledTail {
  readonly chunks: number;
  readonly bytes: number;
}

export interface TakeoverMeasurement {
  readonly filling: Filling;
  readonly tail: FilledTail;
  readonly takeovers: readonly Takeover[];
}

export interface TakeoverOptions {
  readonly filling: Filling;
  readonly takeovers: number;
  readonly profileDirectory: string | null;
  readonly signal: AbortSignal;
}

const MAX_TAIL_BYTES = 4 * 1024 * 1024;

/** Full: over this share of its bound, from which one more chunk may drop several small ones. */
const FULL_SHARE = 0.97;

/** The shortest that can be set; it is no part of what is measured. */
const LEASE_TTL_MS = 2_000;
const RENEW_INTERVAL_MS = 500;

/** A node may take what has lapsed when it has seen the others for as long as a lease lives. */
const STANDBY_MS = LEASE_TTL_MS + 500;
const TAKEOVER_TIMEOUT_MS = 20_000;
const FILL_TIMEOUT_MS = 120_000;

/** Until events that were sent are in the tail. */
const FLUSHED_MS = 500;
const FILL_FLUSH_MS = 5;
const FILL_PAUSE_MS = 10;
const LIVE_EVENTS = 10;

class TakeoverBench {
  readonly #options: TakeoverOptions;
  readonly #discord: SessionKeepingDiscord;
  readonly #redis: BenchRedis;
  readonly #directory: string;
  readonly #stack: AsyncDisposableStack;
  #nodes = 0;
  /** What the newest node's probe has told. */
  #times: ProbedTime[] = [];

  constructor(
    options: TakeoverOptions,
    discord: SessionKeepingDiscord,
    redis: BenchRedis,
    stack: AsyncDisposableStack,
  ) {
    this.#options = options;
    this.#discord = discord;
    this.#redis = redis;
    this.#directory = mkdtempSync(join(tmpdir(), 'shardmux-bench-'));
    this.#stack = stack;
    stack.defer(() => rmSync(this.#directory, { recursive: true, force: true }));
  }

  async run(): Promise<TakeoverMeasurement> {
    const { filling, takeovers } = this.#options;
    const identified = this.#discord.nextSession();
    let owner = await this.#startNode({ SHARDMUX_TAIL_FLUSH_INTERVAL_MS: String(FILL_FLUSH_MS) });
    await this.#inTime(identified, 'IDENTIFY', owner);
    const tail = await this.#fill(owner);
    const measured: Takeover[] = [];
    while (measured.length < takeovers) {
      const standby = await this.#startNode({});
      await this.#pause(STANDBY_MS);
      this.#times = [];
      const resumed = this.#discord.nextSession();
      await owner.process.end('SIGKILL');
      const guilds = this.#guilds(standby);
      const receivedUs = await this.#inTime(resumed, 'RESUME', standby);
      const used = mainThread(standby.process.pid);
      const guildsUs = await guilds;
      await this.#pause(FLUSHED_MS);
      measured.push(takeoverOf(this.#times, { receivedUs, used, guildsUs }));
      // The next RESUME has to begin behind these.
      this.#discord.dispatch(LIVE_EVENTS);
      await this.#pause(FLUSHED_MS);
      owner = standby;
    }
    return { filling, tail, takeovers: measured };
  }

  async #fill(owner: Middle): Promise<FilledTail> {
    const endsAt = performance.now() + FILL_TIMEOUT_MS;
    const { eventsAtOnce } = FILLINGS[this.#options.filling];
    for (;;) {
      const tail = await this.#redis.tail();
      if (tail.bytes >= MAX_TAIL_BYTES * FULL_SHARE) break;
      if (performance.now() > endsAt) throw new Error(`the tail is not full: ${tail.bytes} bytes`);
      this.#discord.dispatch(eventsAtOnce);
      await Promise.race([this.#pause(FILL_PAUSE_MS), owner.process.failure]);
    }
    await this.#pause(FLUSHED_MS);
    return this.#redis.tail();
  }

  /** When a worker that IDENTIFYs now has all guilds; `null` where there are none. */
  #guilds(node: Middle): Promise<number> | null {
    const { guilds } = FILLINGS[this.#options.filling];
    if (guilds === 0) return null;
    return this.#inTime(receiveGuilds(`${node.workersUrl}/shards/0`, guilds), 'guilds', node);
  }

  async #startNode(settings: Readonly<Record<string, string>>): Promise<Middle> {
    const { signal, profileDirectory } = this.#options;
    const launch: LaunchOptions = {
      variant: 'shardmux',
      discordPort: this.#discord.port,
      temporaryDirectory: this.#directory,
      profileDirectory,
      signal,
      preload: new URL('./probe.ts', import.meta.url).href,
      onLine: (line) => {
        const time = readProbe(line);
        if (time) this.#times.push(time);
      },
      settings: {
        ...this.#redis.settings,
        SHARDMUX_CLUSTER_NODE_ID: `bench-${this.#nodes++}`,
        SHARDMUX_CLUSTER_LEASE_TTL_MS: String(LEASE_TTL_MS),
        SHARDMUX_CLUSTER_RENEW_INTERVAL_MS: String(RENEW_INTERVAL_MS),
        SHARDMUX_TAIL_MAX_AGE_MS: '1h',
        SHARDMUX_GUILDS_STATE: FILLINGS[this.#options.filling].guilds > 0 ? 'memory' : 'off',
        ...settings,
      },
    };
    return this.#stack.use(await launchMiddle(launch));
  }

  #inTime<T>(promise: Promise<T>, what: string, { process }: Middle): Promise<T> {
    const late = this.#pause(TAKEOVER_TIMEOUT_MS).then(() => {
      throw new Error(`no ${what} within ${TAKEOVER_TIMEOUT_MS} ms`);
    });
    late.catch(() => undefined);
    return Promise.race([promise, late, process.failure]);
  }

  #pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#options.signal, ref: false });
  }
}

export async function measureTakeovers(options: TakeoverOptions): Promise<TakeoverMeasurement> {
  await using stack = new AsyncDisposableStack();
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  const discord = stack.use(
    await SessionKeepingDiscord.start(
      (reason) => reject(new Error(reason)),
      FILLINGS[options.filling].guilds,
    ),
  );
  const redis = stack.use(await BenchRedis.start(options.signal));
  const bench = new TakeoverBench(options, discord, redis, stack);
  return await Promise.race([bench.run(), failed]);
}
