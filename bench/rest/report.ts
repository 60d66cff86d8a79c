/** From measurements of requests and uploads to what is printed. Pure. */
import { median, medianOrNull } from '../medians.ts';
import { tableOf } from '../table.ts';
import type { Pace, RestMeasurement, WayName } from './measure.ts';
import type { Shape } from './shapes.ts';
import type { UploadMeasurement } from './uploads.ts';

const CPU_GOAL_TIMES_PASS_THROUGH = 1.3;
const P99_GOAL_MORE_US = 1_000;
const UPLOAD_GOAL_MB = 200;

/** Of several runs the medians, number by number. */
export function restResults(measurements: readonly RestMeasurement[]): RestMeasurement[] {
  const groups = Map.groupBy(measurements, ({ shape, pace, way }) => `${shape} ${pace} ${way}`);
  return [...groups.values()].flatMap((runs) => {
    const [first] = runs;
    if (!first) return [];
    return {
      ...first,
      cpuUsPerRequest: medianOrNull(runs.map((run) => run.cpuUsPerRequest)),
      requestsPerSecond: median(runs.map((run) => run.requestsPerSecond)),
      p50Us: median(runs.map((run) => run.p50Us)),
      p99Us: median(runs.map((run) => run.p99Us)),
    };
  });
}

/** Of several runs: the least favourable peak. */
export function uploadResults(measurements: readonly UploadMeasurement[]): UploadMeasurement[] {
  return [...Map.groupBy(measurements, ({ way }) => way)].map(([way, runs]) => ({
    way,
    idleMb: median(runs.map((run) => run.idleMb)),
    peakMb: Math.max(...runs.map((run) => run.peakMb)),
    megabytesPerSecond: median(runs.map((run) => run.megabytesPerSecond)),
  }));
}

const COLUMNS = [
  { heading: 'requests', width: 10, isText: true },
  { heading: 'load', width: 12, isText: true },
  { heading: 'way', width: 14, isText: true },
  { heading: 'requests/s', width: 10 },
  { heading: 'CPU us/request', width: 16 },
  { heading: 'x pass-through', width: 16 },
  { heading: 'p50 us', width: 8 },
  { heading: 'p99 us', width: 8 },
  { heading: 'added p50', width: 11 },
  { heading: 'added p99', width: 11 },
] as const;

const UPLOAD_COLUMNS = [
  { heading: 'uploads', width: 14, isText: true },
  { heading: 'idle RSS MB', width: 13 },
  { heading: 'peak RSS MB', width: 13 },
  { heading: 'MB/s', width: 8 },
] as const;

const grouped = (value: number) => Math.round(value).toLocaleString('en');

export class RestResults {
  readonly #all: readonly RestMeasurement[];

  constructor(all: readonly RestMeasurement[]) {
    this.#all = all;
  }

  table(): string {
    return tableOf(
      COLUMNS,
      this.#all.map((one) => this.#cells(one)),
    );
  }

  goals(): string[] {
    return this.#all
      .filter(({ way }) => way === 'shardmux')
      .flatMap(({ shape, pace, p99Us, cpuUsPerRequest }) => {
        const bare = this.#find(shape, pace, 'pass-through');
        if (!bare?.cpuUsPerRequest || cpuUsPerRequest === null)
          return [`goals of ${shape} ${pace}: not measured`];
        const times = cpuUsPerRequest / bare.cpuUsPerRequest;
        const more = p99Us - bare.p99Us;
        return [
          `goal: ${shape} ${pace}, CPU per request <= ${CPU_GOAL_TIMES_PASS_THROUGH} x pass-through: ${times.toFixed(2)}: ${verdict(times <= CPU_GOAL_TIMES_PASS_THROUGH)}`,
          `goal: ${shape} ${pace}, p99 <= pass-through + ${grouped(P99_GOAL_MORE_US)} us: ${grouped(more)}: ${verdict(more <= P99_GOAL_MORE_US)}`,
        ];
      });
  }

  #cells({ shape, pace, way, cpuUsPerRequest, requestsPerSecond, p50Us, p99Us }: RestMeasurement): string[] {
    const direct = this.#find(shape, pace, 'direct');
    const bareUs = this.#find(shape, pace, 'pass-through')?.cpuUsPerRequest;
    const isDirect = way === 'direct' || !direct;
    return [
      shape,
      pace,
      way,
      grouped(requestsPerSecond),
      cpuUsPerRequest?.toFixed(1) ?? '-',
      cpuUsPerRequest !== null && bareUs ? (cpuUsPerRequest / bareUs).toFixed(2) : '-',
      grouped(p50Us),
      grouped(p99Us),
      isDirect ? '-' : grouped(p50Us - direct.p50Us),
      isDirect ? '-' : grouped(p99Us - direct.p99Us),
    ];
  }

  #find(shape: Shape, pace: Pace, way: WayName): RestMeasurement | undefined {
    return this.#all.find((one) => one.shape === shape && one.pace === pace && one.way === way);
  }
}

export function uploadTable(results: readonly UploadMeasurement[]): string {
  const rows = results.map(({ way, idleMb, peakMb, megabytesPerSecond }) => [
    way,
    idleMb.toFixed(0),
    peakMb.toFixed(0),
    megabytesPerSecond.toFixed(0),
  ]);
  return tableOf(UPLOAD_COLUMNS, rows);
}

export function uploadGoal(results: readonly UploadMeasurement[]): string {
  const peakMb = results.find(({ way }) => way === 'shardmux')?.peakMb;
  if (peakMb === undefined) return 'goal of uploads: not measured';
  return `goal: 20 uploads of 25 MB at a time, peak RSS < ${UPLOAD_GOAL_MB} MB: ${peakMb.toFixed(0)}: ${verdict(peakMb < UPLOAD_GOAL_MB)}`;
}

function verdict(isMet: boolean): string {
  return isMet ? 'met' : 'MISSED';
}
