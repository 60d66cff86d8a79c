/**
 * What the tail costs and how far it trails: the same paced events through a node without a tail, one with a tail on disk, and one
 * with a tail in Redis. All three run at once and get their events in turn, a short slice each, so that whatever else this machine
 * does falls on all of them alike. Metrics and memory are looked at afterwards, because looking costs CPU itself.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from '../medians.ts';
import type { Latencies, Traffic } from '../messages.ts';
import { type Parties, SETTLE_MS, send, type TrafficOutcome, withParties } from '../parties.ts';
import { BenchRedis, type RedisMemory } from '../redis.ts';
import { rotated } from '../rotated.ts';
import { trafficOf, warmUpOf } from '../scenarios.ts';
import { cpuNs } from '../usage.ts';
import { Sampling } from './sampling.ts';

export const TAIL_STORES = ['off', 'disk', 'redis'] as const;
export type TailStoreName = (typeof TAIL_STORES)[number];

/** The default of `tail.maxBytesPerShard`; the events of the warm-up alone are more. */
export const MAX_TAIL_BYTES = 4 * 1024 * 1024;

/** Two collections of garbage or so; shorter ones would have one or none. */
const SLICE_SECONDS = 2;

/** A run has this many slices of each store for each second that was asked for. */
const SLICES_PER_SECOND = 1.5;

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
  readonly seconds: number;
  readonly profileDirectory: string | null;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
}

interface Node {
  readonly store: TailStoreName;
  readonly parties: Parties;
  readonly redis: BenchRedis | undefined;
  /** Of Redis, before anything was in it. */
  readonly emptyBytes: number;
}

interface Slice {
  readonly cpuUsPerEvent: number;
  readonly redisCpuUsPerEvent: number | null;
  readonly p99Us: number;
}

/** One measurement of each store. */
export function measureTails(options: TailMeasureOptions): Promise<TailMeasurement[]> {
  return withNodes(TAIL_STORES, [], options, (nodes) => measureNodes(nodes, options));
}

async function withNodes<Result>(
  [store, ...others]: readonly TailStoreName[],
  started: readonly Node[],
  options: TailMeasureOptions,
  body: (nodes: readonly Node[]) => Promise<Result>,
): Promise<Result> {
  if (store === undefined) return body(started);
  const { profileDirectory, signal } = options;
  await using stack = new AsyncDisposableStack();
  const redis = store === 'redis' ? stack.use(await BenchRedis.start(signal)) : undefined;
  const emptyBytes = (await redis?.memory())?.usedBytes ?? 0;
  const settings = { ...redis?.settings, SHARDMUX_TAIL_STORE: store };
  // Awaited here, because Redis stops with this function.
  return await withParties({ variant: 'shardmux', settings, profileDirectory, signal }, (parties) =>
    withNodes(others, [...started, { store, parties, redis, emptyBytes }], options, body),
  );
}

async function measureNodes(
  nodes: readonly Node[],
  { seconds, signal, warn }: TailMeasureOptions,
): Promise<TailMeasurement[]> {
  for (const { parties } of nodes)
    for (const warmUp of warmUpOf(trafficOf('paced-10000', 1))) await send(parties, warmUp);
  const slices = new Map(nodes.map((node) => [node, [] as Slice[]]));
  const traffic = trafficOf('paced-10000', SLICE_SECONDS);
  for (let round = 0; round < Math.ceil(seconds * SLICES_PER_SECOND); round++) {
    for (const node of rotated(nodes, round)) {
      await sleep(SETTLE_MS, undefined, { signal });
      slices.get(node)?.push(await measureSlice(node, traffic, warn));
    }
  }
  const measurements: TailMeasurement[] = [];
  for (const node of nodes)
    measurements.push({ ...medianOf(slices.get(node) ?? []), ...(await watch(node, seconds)) });
  return measurements;
}

async function measureSlice(
  { store, parties, redis }: Node,
  traffic: Traffic,
  warn: TailMeasureOptions['warn'],
): Promise<Slice> {
  const redisStartNs = redis ? cpuNs(redis.process.pid) : 0;
  const outcome: TrafficOutcome = await send(parties, traffic);
  const redisNs = redis ? cpuNs(redis.process.pid) - redisStartNs : null;
  if (outcome.late) warn(`tail ${store}: events did not keep their pace; read its numbers with care`);
  const { p99Us } = outcome.latencies as Latencies; // There are some of every paced run.
  const usPerEvent = (ns: number) => ns / 1e3 / traffic.events;
  return {
    cpuUsPerEvent: usPerEvent(outcome.usedNs),
    redisCpuUsPerEvent: redisNs === null ? null : usPerEvent(redisNs),
    p99Us,
  };
}

function medianOf(slices: readonly Slice[]): Slice {
  const ofRedis = slices.flatMap(({ redisCpuUsPerEvent }) => redisCpuUsPerEvent ?? []);
  return {
    cpuUsPerEvent: median(slices.map(({ cpuUsPerEvent }) => cpuUsPerEvent)),
    redisCpuUsPerEvent: ofRedis.length === 0 ? null : median(ofRedis),
    p99Us: median(slices.map(({ p99Us }) => p99Us)),
  };
}

/** How far the tail trails, and what it takes, while events flow. */
async function watch({ store, parties, redis, emptyBytes }: Node, seconds: number) {
  const sampling = new Sampling({ statusUrl: parties.statusUrl, redis });
  await send(parties, trafficOf('paced-10000', seconds));
  const { trailingMs, memory } = await sampling.stop();
  const most = (of: (one: RedisMemory) => number) => (redis ? Math.max(...memory.map(of)) : null);
  return {
    store,
    trailingP99Ms: at(trailingMs, 0.99),
    trailingMaxMs: at(trailingMs, 1),
    tailBytes: most(({ tailBytes }) => tailBytes),
    redisGrownBytes: most(({ usedBytes }) => usedBytes - emptyBytes),
  };
}

function at(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
}
