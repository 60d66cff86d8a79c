/** Looks at a node's metrics, and at Redis' memory, over and over while events flow. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchRedis, RedisMemory } from '../redis.ts';

const TRAILING_EVERY_MS = 50;
const MEMORY_EVERY_MS = 250;

const TRAILING = /^shardmux_tail_trailing_seconds\{[^}]*\} (\S+)$/m;

export interface Samples {
  /** Empty where no tail is written. */
  readonly trailingMs: readonly number[];
  readonly memory: readonly RedisMemory[];
}

export interface SamplingOptions {
  readonly statusUrl: string | null;
  readonly redis: BenchRedis | undefined;
}

export class Sampling {
  readonly #options: SamplingOptions;
  readonly #trailingMs: number[] = [];
  readonly #memory: RedisMemory[] = [];
  readonly #ended = new AbortController();
  readonly #loops: Promise<unknown>;

  constructor(options: SamplingOptions) {
    this.#options = options;
    this.#loops = Promise.all([
      this.#repeat(() => this.#sampleTrailing(), TRAILING_EVERY_MS),
      this.#repeat(() => this.#sampleMemory(), MEMORY_EVERY_MS),
    ]);
    this.#loops.catch(() => undefined); // `stop` tells.
  }

  async stop(): Promise<Samples> {
    this.#ended.abort();
    await this.#loops;
    return { trailingMs: this.#trailingMs, memory: this.#memory };
  }

  async #repeat(sample: () => Promise<void>, everyMs: number): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      await sample();
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #sampleTrailing(): Promise<void> {
    const { statusUrl } = this.#options;
    if (statusUrl === null) return;
    const text = await (await fetch(new URL('/metrics', statusUrl))).text();
    const seconds = TRAILING.exec(text)?.[1];
    if (seconds !== undefined) this.#trailingMs.push(Number(seconds) * 1000);
  }

  async #sampleMemory(): Promise<void> {
    const { redis } = this.#options;
    if (redis) this.#memory.push(await redis.memory());
  }
}
