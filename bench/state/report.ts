/** From measurements of guild state to what is printed. Pure. */
import { tableOf } from '../table.ts';
import {
  mediansOf,
  STATE_SCENARIOS,
  STATES,
  type StateMeasurement,
  type StateName,
  type StateScenario,
} from './measure.ts';

const CPU_GOAL_TIMES_OFF = 1.15;

export function stateResults(measurements: readonly StateMeasurement[]): StateMeasurement[] {
  return STATE_SCENARIOS.flatMap((scenario) =>
    STATES.map((state) =>
      mediansOf(measurements.filter((one) => one.state === state && one.scenario === scenario)),
    ),
  );
}

const COLUMNS = [
  { heading: 'scenario', width: 13, isText: true },
  { heading: 'guild state', width: 17, isText: true },
  { heading: 'CPU us/event', width: 12 },
  { heading: 'x off', width: 7 },
  { heading: 'merging', width: 9 },
  { heading: 'without it', width: 12 },
  { heading: 'x off', width: 7 },
  { heading: 'afterwards', width: 12 },
  { heading: 'p99 us', width: 8 },
  { heading: 'RSS MB', width: 8 },
] as const;

const withoutMerging = (one: StateMeasurement) => one.cpuUsPerEvent - one.mergeUsPerEvent;

/** What each is compared with. */
const OFF: Readonly<Record<StateName, StateName>> = {
  off: 'off',
  memory: 'off',
  'off, no tail': 'off, no tail',
  'memory, no tail': 'off, no tail',
};

export function stateTable(results: readonly StateMeasurement[]): string {
  const rows = results.map((one) => {
    const off = find(results, one.scenario, OFF[one.state]);
    return [
      one.scenario,
      one.state,
      one.cpuUsPerEvent.toFixed(2),
      off ? (one.cpuUsPerEvent / off.cpuUsPerEvent).toFixed(2) : '-',
      one.mergeUsPerEvent.toFixed(2),
      withoutMerging(one).toFixed(2),
      off ? (withoutMerging(one) / withoutMerging(off)).toFixed(2) : '-',
      one.afterUsPerEvent.toFixed(2),
      one.p99Us === null ? '-' : Math.round(one.p99Us).toLocaleString('en'),
      one.rssMb.toFixed(0),
    ];
  });
  return tableOf(COLUMNS, rows);
}

export function stateGoals(results: readonly StateMeasurement[]): string[] {
  const [off, memory] = [find(results, 'paced-10000', 'off'), find(results, 'paced-10000', 'memory')];
  if (!off || !memory) return ['goal of guild state: not measured'];
  const ratio = memory.cpuUsPerEvent / off.cpuUsPerEvent;
  const verdict = ratio <= CPU_GOAL_TIMES_OFF ? 'met' : 'MISSED';
  return [
    `goal: 10,000 events/s, CPU per event, merging included, guild state <= ${CPU_GOAL_TIMES_OFF} x off: ${ratio.toFixed(2)}: ${verdict}`,
  ];
}

function find(
  results: readonly StateMeasurement[],
  scenario: StateScenario,
  state: StateName,
): StateMeasurement | undefined {
  return results.find((one) => one.scenario === scenario && one.state === state);
}
