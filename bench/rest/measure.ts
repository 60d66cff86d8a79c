/**
 * What a request costs on its way through: the same load directly, through a bare pass-through and through `shardmux rest`. All of them
 * run at once and get their requests in turn, a short slice each, so that whatever else this machine does falls on all alike.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { median } from '../medians.ts';
import type { Latencies } from '../messages.ts';
import { BenchProcess } from '../processes.ts';
import { rotated } from '../rotated.ts';
import { cpuNs } from '../usage.ts';
import type { FromApi, FromLoad, Load, Target, ToLoad } from './messages.ts';
import { directTarget, MIDDLES, type MiddleName, startMiddle } from './middles.ts';
import { SHAPES, type Shape } from './shapes.ts';

/** `closed`: 32 connections, each sends again when it has its answer. */
export const PACES = ['paced-1000', 'closed'] as const;
export type Pace = (typeof PACES)[number];

export type WayName = 'direct' | MiddleName;

export interface RestMeasurement {
  readonly shape: Shape;
  readonly pace: Pace;
  readonly way: WayName;
  /** Of the process between; there is none on the direct way. */
  readonly cpuUsPerRequest: number | null;
  readonly requestsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

export interface RestMeasureOptions {
  readonly seconds: number;
  readonly profileDirectory: string | null;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
}

const START_TIMEOUT_MS = 20_000;
const ANSWER_GRACE_MS = 30_000;
const SETTLE_MS = 300;
const PER_SECOND = 1_000;

/** Slower than anything that is measured here. */
const CLOSED_REQUESTS_PER_SECOND = 6_000;
/** Before it is measured: code is compiled, buckets are known. */
const WARM_UP_REQUESTS = 30_000;
/** Collections of garbage are in each slice. */
const SLICE_SECONDS = 1;
/** Of each way for each second that was asked for. */
const SLICES_PER_SECOND = 2;
/** A paced slice that took this much longer did not measure that rate. */
const MAX_STRETCH = 1.1;

interface Way {
  readonly name: WayName;
  readonly target: Target;
  readonly process: BenchProcess | undefined;
}

type Slice = Omit<RestMeasurement, 'shape' | 'pace' | 'way'>;

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** A process of ours that has a fake Discord or workers in it. */
export function startPeer(name: 'api' | 'load', signal: AbortSignal): BenchProcess {
  return new BenchProcess({ name, arguments: [here(`${name}.ts`)], environment: process.env, signal });
}

export async function startApi(
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<{ readonly process: BenchProcess; readonly port: number }> {
  const api = stack.use(startPeer('api', signal));
  const { port } = await api.message<FromApi>('listening', START_TIMEOUT_MS);
  return { process: api, port };
}

/** One measurement of each shape, pace and way. */
export async function measureRestOnce(options: RestMeasureOptions): Promise<RestMeasurement[]> {
  const { signal, profileDirectory } = options;
  await using stack = new AsyncDisposableStack();
  const api = await startApi(stack, signal);
  const load = stack.use(startPeer('load', signal));
  const ways: Way[] = [{ name: 'direct', target: directTarget(api.port), process: undefined }];
  for (const name of MIDDLES) {
    const middle = stack.use(await startMiddle(name, { apiPort: api.port, profileDirectory, signal }));
    ways.push(middle);
  }
  const failures = [api.process, ...ways.map((way) => way.process)];
  const failed = Promise.race(failures.flatMap((one) => one?.failure ?? []));
  failed.catch(() => undefined); // Seen by whoever waits for an answer.
  const sender = { load, failed };
  const measurements: RestMeasurement[] = [];
  for (const shape of SHAPES) {
    for (const way of ways) await send(sender, way, { shape, requests: WARM_UP_REQUESTS, perSecond: null });
    for (const pace of PACES) measurements.push(...(await measurePace(sender, ways, shape, pace, options)));
  }
  return measurements;
}

async function measurePace(
  sender: Sender,
  ways: readonly Way[],
  shape: Shape,
  pace: Pace,
  { seconds, signal, warn }: RestMeasureOptions,
): Promise<RestMeasurement[]> {
  const perSecond = pace === 'closed' ? null : PER_SECOND;
  const requests = Math.round((perSecond ?? CLOSED_REQUESTS_PER_SECOND) * SLICE_SECONDS);
  const slices = new Map(ways.map((way) => [way, [] as Slice[]]));
  for (let round = 0; round < Math.ceil(seconds * SLICES_PER_SECOND); round++) {
    for (const way of rotated(ways, round)) {
      await sleep(SETTLE_MS, undefined, { signal });
      const slice = await send(sender, way, { shape, requests, perSecond });
      if (perSecond !== null && slice.requestsPerSecond * MAX_STRETCH < perSecond)
        warn(`${way.name} ${shape}: requests did not keep their pace; read its numbers with care`);
      slices.get(way)?.push(slice);
    }
  }
  return ways.map((way) => ({ shape, pace, way: way.name, ...medianOf(slices.get(way) ?? []) }));
}

interface Sender {
  readonly load: BenchProcess;
  /** Rejects when any of the others fails. */
  readonly failed: Promise<never>;
}

async function send({ load, failed }: Sender, way: Way, what: Load): Promise<Slice> {
  const planMs = (what.requests / (what.perSecond ?? 1_000)) * 1e3;
  const answered = load.message<Extract<FromLoad, { type: 'answered' }>>(
    'answered',
    planMs + ANSWER_GRACE_MS,
  );
  const before = way.process && cpuNs(way.process.pid);
  load.send({ type: 'send', target: way.target, load: what } satisfies ToLoad);
  const { latencies, elapsedMs } = await Promise.race([answered, failed]);
  const usedNs = way.process && before !== undefined ? cpuNs(way.process.pid) - before : null;
  return sliceOf(what.requests, usedNs, latencies, elapsedMs);
}

function sliceOf(
  requests: number,
  usedNs: number | null,
  { p50Us, p99Us }: Latencies,
  elapsedMs: number,
): Slice {
  return {
    cpuUsPerRequest: usedNs === null ? null : usedNs / 1e3 / requests,
    requestsPerSecond: requests / (elapsedMs / 1e3),
    p50Us,
    p99Us,
  };
}

function medianOf(slices: readonly Slice[]): Slice {
  const cpu = slices.map((slice) => slice.cpuUsPerRequest).filter((us) => us !== null);
  return {
    cpuUsPerRequest: cpu.length === 0 ? null : median(cpu),
    requestsPerSecond: median(slices.map((slice) => slice.requestsPerSecond)),
    p50Us: median(slices.map((slice) => slice.p50Us)),
    p99Us: median(slices.map((slice) => slice.p99Us)),
  };
}
