/** From measurements of tails to what is printed. Pure. */
import { median, medianOrNull } from '../medians.ts';
import { tableOf } from '../table.ts';
import { MAX_TAIL_BYTES, type TailMeasurement, type TailStoreName } from './measure.ts';

const CPU_GOAL_TIMES_OFF = 1.1;
const TRAILING_GOAL_MS = 250;

/** CPU and latency: medians over the runs; what must stay inside a bound: the worst of all runs. */
export function tailResults(measurements: readonly TailMeasurement[]): TailMeasurement[] {
  return [...Map.groupBy(measurements, ({ store }) => store)].map(([store, runs]) => ({
    store,
    cpuUsPerEvent: median(runs.map((run) => run.cpuUsPerEvent)),
    redisCpuUsPerEvent: medianOrNull(runs.map((run) => run.redisCpuUsPerEvent)),
    p99Us: median(runs.map((run) => run.p99Us)),
    trailingP99Ms: worst(runs.map((run) => run.trailingP99Ms)),
    trailingMaxMs: worst(runs.map((run) => run.trailingMaxMs)),
    tailBytes: worst(runs.map((run) => run.tailBytes)),
    redisGrownBytes: worst(runs.map((run) => run.redisGrownBytes)),
  }));
}

function worst(values: readonly (number | null)[]): number | null {
  const numbers = values.filter((value) => value !== null);
  return numbers.length === 0 ? null : Math.max(...numbers);
}

const COLUMNS = [
  { heading: 'tail', width: 7, isText: true },
  { heading: 'CPU us/event', width: 13 },
  { heading: 'x off', width: 7 },
  { heading: "Redis' us/event", width: 17 },
  { heading: 'p99 us', width: 8 },
  { heading: 'trails p99 ms', width: 15 },
  { heading: 'max ms', width: 8 },
  { heading: 'keys MiB', width: 10 },
  { heading: 'Redis +MiB', width: 12 },
] as const;

const mebibytes = (bytes: number) => (bytes / 1024 / 1024).toFixed(2);

export function tailTable(results: readonly TailMeasurement[]): string {
  const or = (value: number | null, format: (value: number) => string) =>
    value === null ? '-' : format(value);
  const off = find(results, 'off')?.cpuUsPerEvent;
  const rows = results.map((one) => [
    one.store,
    one.cpuUsPerEvent.toFixed(2),
    off === undefined ? '-' : (one.cpuUsPerEvent / off).toFixed(2),
    or(one.redisCpuUsPerEvent, (us) => us.toFixed(2)),
    Math.round(one.p99Us).toLocaleString('en'),
    or(one.trailingP99Ms, (ms) => ms.toFixed(0)),
    or(one.trailingMaxMs, (ms) => ms.toFixed(0)),
    or(one.tailBytes, mebibytes),
    or(one.redisGrownBytes, mebibytes),
  ]);
  return tableOf(COLUMNS, rows);
}

export function tailGoals(results: readonly TailMeasurement[]): string[] {
  const [off, redis] = [find(results, 'off'), find(results, 'redis')];
  if (!off || !redis) return ['goals of the tail: not measured'];
  const ratio = redis.cpuUsPerEvent / off.cpuUsPerEvent;
  const verdict = (isMet: boolean) => (isMet ? 'met' : 'MISSED');
  const { trailingMaxMs, tailBytes } = redis;
  const trails = (trailingMaxMs ?? Number.NaN).toFixed(0);
  return [
    `goal: 10,000 events/s, CPU per event, tail in Redis <= ${CPU_GOAL_TIMES_OFF} x off: ${ratio.toFixed(2)}: ${verdict(ratio <= CPU_GOAL_TIMES_OFF)}`,
    `goal: 10,000 events/s, the tail in Redis trails by <= ${TRAILING_GOAL_MS} ms: ${trails}: ${verdict((trailingMaxMs ?? Infinity) <= TRAILING_GOAL_MS)}`,
    `goal: a tail's keys in Redis <= tail.maxBytesPerShard (${mebibytes(MAX_TAIL_BYTES)} MiB): ${mebibytes(tailBytes ?? Number.NaN)}: ${verdict((tailBytes ?? Infinity) <= MAX_TAIL_BYTES)}`,
  ];
}

function find(results: readonly TailMeasurement[], store: TailStoreName): TailMeasurement | undefined {
  return results.find((one) => one.store === store);
}
