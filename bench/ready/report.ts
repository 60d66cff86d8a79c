/** From starts of a bot to what is printed. Pure. */
import { median } from '../medians.ts';
import { tableOf } from '../table.ts';
import type { Hops } from './live.ts';
import type { ReadyMeasurement, Start, Way } from './measure.ts';

const READY_GOAL_TIMES_DIRECT = 1.2;
const CPU_GOAL_TIMES_CLIENT = 0.3;
const LIVE_P99_GOAL_MS = 20;

const COLUMNS = [
  { heading: 'start', width: 10, isText: true },
  { heading: 'starts', width: 7 },
  { heading: 'ready ms', width: 10 },
  { heading: 'from', width: 8 },
  { heading: 'to', width: 8 },
  { heading: 'x direct', width: 10 },
  { heading: "client's CPU ms", width: 17 },
  { heading: "node's CPU ms", width: 15 },
  { heading: "x client's", width: 12 },
  { heading: 'no core ms', width: 12 },
  { heading: 'guilds', width: 8 },
] as const;

const LIVE_COLUMNS = [
  { heading: 'other workers', width: 18, isText: true },
  { heading: 'dispatches', width: 12 },
  { heading: 'p50 ms', width: 8 },
  { heading: 'p99 ms', width: 8 },
  { heading: 'worst p99', width: 11 },
  { heading: 'max ms', width: 8 },
] as const;

const whole = (value: number) => Math.round(value).toLocaleString('en');

export function readyTable(measurement: ReadyMeasurement): string {
  const { live, nodeRssMb } = measurement;
  return [
    tableOf(COLUMNS, [row(measurement, 'direct'), row(measurement, 'shardmux')]),
    tableOf(LIVE_COLUMNS, [
      liveRow(
        'alone',
        live.map(({ alone }) => alone),
      ),
      liveRow(
        'while it starts',
        live.map(({ starting }) => starting),
      ),
    ]),
    `the node's memory in the end: ${whole(nodeRssMb)} MB`,
  ].join('\n');
}

function row(measurement: ReadyMeasurement, way: Way): string[] {
  const starts = ofWay(measurement, way);
  const times = starts.map(({ readyMs }) => readyMs);
  const node = nodeCpu(starts);
  return [
    way,
    String(starts.length),
    whole(median(times)),
    whole(Math.min(...times)),
    whole(Math.max(...times)),
    (median(times) / readyMs(measurement, 'direct')).toFixed(2),
    whole(clientCpu(starts)),
    way === 'direct' ? '-' : whole(node),
    way === 'direct' ? '-' : cpuRatio(starts).toFixed(2),
    way === 'direct' ? '-' : whole(median(starts.map(({ nodeNoCoreMs }) => nodeNoCoreMs ?? Number.NaN))),
    whole(median(starts.map(({ guilds }) => guilds))),
  ];
}

function liveRow(name: string, hops: readonly Hops[]): string[] {
  const p99s = hops.map(({ p99Ms }) => p99Ms);
  return [
    name,
    whole(hops.reduce((sum, { dispatches }) => sum + dispatches, 0)),
    median(hops.map(({ p50Ms }) => p50Ms)).toFixed(2),
    median(p99s).toFixed(1),
    Math.max(...p99s).toFixed(1),
    Math.max(...hops.map(({ maxMs }) => maxMs)).toFixed(1),
  ];
}

export function readyGoals(measurement: ReadyMeasurement): string[] {
  const ratio = readyMs(measurement, 'shardmux') / readyMs(measurement, 'direct');
  const cpu = cpuRatio(ofWay(measurement, 'shardmux'));
  const p99Ms = median(measurement.live.map(({ starting }) => starting.p99Ms));
  const missing = measurement.starts.reduce((sum, start) => sum + start.missing, 0);
  const asked = measurement.identifies + measurement.commands;
  const verdict = (isMet: boolean) => (isMet ? 'met' : 'MISSED');
  return [
    `goal: a bot has all its guilds through shardmux in <= ${READY_GOAL_TIMES_DIRECT} x the time it needs at Discord: ${ratio.toFixed(2)}: ${verdict(ratio <= READY_GOAL_TIMES_DIRECT)}`,
    `goal: none is missing: ${missing}: ${verdict(missing === 0)}`,
    `goal: Discord is asked nothing for it: ${asked} IDENTIFYs and commands: ${verdict(asked === 0)}`,
    `goal: the node's CPU for it <= ${CPU_GOAL_TIMES_CLIENT} x the client's: ${cpu.toFixed(2)}: ${verdict(cpu <= CPU_GOAL_TIMES_CLIENT)}`,
    `goal: live p99 of other workers meanwhile < ${LIVE_P99_GOAL_MS} ms: ${p99Ms.toFixed(1)}: ${verdict(p99Ms < LIVE_P99_GOAL_MS)}`,
  ];
}

function ofWay({ starts }: ReadyMeasurement, way: Way): Start[] {
  return starts.filter((start) => start.way === way);
}

function readyMs(measurement: ReadyMeasurement, way: Way): number {
  return median(ofWay(measurement, way).map((start) => start.readyMs));
}

function clientCpu(starts: readonly Start[]): number {
  return median(starts.map(({ clientCpuMs }) => clientCpuMs));
}

function nodeCpu(starts: readonly Start[]): number {
  return median(starts.map(({ nodeCpuMs }) => nodeCpuMs ?? Number.NaN));
}

/** The median of what the starts gave, each with itself. */
function cpuRatio(starts: readonly Start[]): number {
  return median(starts.map(({ nodeCpuMs, clientCpuMs }) => (nodeCpuMs ?? Number.NaN) / clientCpuMs));
}
