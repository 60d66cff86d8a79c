/**
 * What the tail costs and how far it trails: the same paced events through a node without a tail, with one on disk, and with
 * one in Redis. CPU time is taken first; then the same again while metrics and memory are looked at, which costs CPU itself.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Parties, SETTLE_MS, send, withParties } from '../parties.ts';
import { BenchRedis, type RedisMemory } from '../redis.ts';
import { trafficOf, warmUpOf } from '../scenarios.ts';
import { cpuNs } from '../usage.ts';
import { Sampling } from './sampling.ts';

export const TAIL_STORES = ['off', 'disk', 'redis'] as const;
export type TailStoreName = (typeof TAIL_STORES)[number];

/** The default of `tail.maxBytesPerShard`; the events of the warm-up alone are more. */
export const MAX_TAIL_BYTES = 4 * 1024 * 1024;

export interface TailMeasurement {
  readonly store: TailStoreName;
  readonly cpuUsPerEvent: number;
  /** CPU time of Redis itself. */
  readonly redisCpuUsPerEvent: number | null;
  readonly p99Us: number;
  readonly trailingP99Ms: number | null;
  readonly trailingMaxMs: number | null;
  /** The most that checkpoint and stream took in Redis, and the most that Redis grew by in all. */
  readonly tailBytes: number | null;
  readonly redisGrownBytes: number | null;
}

export interface TailMeasureOptions {
  readonly store: TailStoreName;
  readonly seconds: number;
  readonly profileDirectory: string | null;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
}

export async function measureTail(options: TailMeasureOptions): Promise<TailMeasurement> {
  const { store, profileDirectory, signal } = options;
  await using stack = new AsyncDisposableStack();
  const redis = store === 'redis' ? stack.use(await BenchRedis.start(signal)) : undefined;
  const before = await redis?.memory();
  const settings = { ...redis?.settings, SHARDMUX_TAIL_STORE: store };
  return await withParties({ variant: 'shardmux', settings, profileDirectory, signal }, (parties) =>
    measureConnected(parties, options, redis, before),
  );
}

async function measureConnected(
  parties: Parties,
  { store, seconds, signal, warn }: TailMeasureOptions,
  redis: BenchRedis | undefined,
  before: RedisMemory | undefined,
): Promise<TailMeasurement> {
  const traffic = trafficOf('paced-10000', seconds);
  for (const warmUp of warmUpOf(traffic)) await send(parties, warmUp);
  await sleep(SETTLE_MS, undefined, { signal });
  const redisStartNs = redis && cpuNs(redis.process.pid);
  const { usedNs, latencies, late } = await send(parties, traffic);
  const redisNs = redis && redisStartNs !== undefined ? cpuNs(redis.process.pid) - redisStartNs : null;
  if (late) warn(`tail ${store}: events did not keep their pace; read its numbers with care`);

  const sampling = new Sampling({ statusUrl: parties.statusUrl, redis });
  await send(parties, traffic);
  const { trailingMs, memory } = await sampling.stop();
  const most = (of: (one: RedisMemory) => number) => (redis ? Math.max(...memory.map(of)) : null);
  const used = most(({ usedBytes }) => usedBytes);
  return {
    store,
    cpuUsPerEvent: usedNs / 1e3 / traffic.events,
    redisCpuUsPerEvent: redisNs === null ? null : redisNs / 1e3 / traffic.events,
    p99Us: latencies?.p99Us ?? Number.NaN,
    trailingP99Ms: at(trailingMs, 0.99),
    trailingMaxMs: at(trailingMs, 1),
    tailBytes: most(({ tailBytes }) => tailBytes),
    redisGrownBytes: used === null || !before ? null : used - before.usedBytes,
  };
}

function at(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
}
