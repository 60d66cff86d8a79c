/** From measurements to what is printed: medians, JSON lines, a table with ratios, and the goals. Pure. */
import { median, medianOrNull } from './medians.ts';
import type { Measurement, Scenario, Variant } from './scenarios.ts';
import { tableOf } from './table.ts';

/** The goals of the project; a benchmark says whether they are met and is not a test. */
const BURST_GOAL_TIMES_STOCK = 5;
const PACED_GOAL_TIMES_RELAY = 1.3;

/** Deferred work under this share of the measured work is noise. */
const DEFERRED_SHARE_WORTH_SAYING = 0.1;

/** One measurement a scenario and variant: the medians over its runs, number by number. */
export function medians(measurements: readonly Measurement[]): Measurement[] {
  const groups = Map.groupBy(measurements, (one) => `${one.scenario} ${one.variant}`);
  return [...groups.values()].map((runs) => {
    const first = runs[0] as Measurement; // A group has at least one member.
    return {
      scenario: first.scenario,
      variant: first.variant,
      eventsPerSecondPerCore: median(runs.map((run) => run.eventsPerSecondPerCore)),
      cpuUsPerEvent: median(runs.map((run) => run.cpuUsPerEvent)),
      p50Us: medianOrNull(runs.map((run) => run.p50Us)),
      p99Us: medianOrNull(runs.map((run) => run.p99Us)),
      p999Us: medianOrNull(runs.map((run) => run.p999Us)),
      rssMb: median(runs.map((run) => run.rssMb)),
      afterUsPerEvent: median(runs.map((run) => run.afterUsPerEvent)),
    };
  });
}

export function jsonLine(measurement: Measurement): string {
  const { scenario, variant, p50Us, p99Us, p999Us } = measurement;
  return JSON.stringify({
    scenario,
    variant,
    eventsPerSecondPerCore: Math.round(measurement.eventsPerSecondPerCore),
    cpuUsPerEvent: Number(measurement.cpuUsPerEvent.toFixed(3)),
    p50Us,
    p99Us,
    p999Us,
    rssMb: Number(measurement.rssMb.toFixed(1)),
  });
}

const COLUMNS = [
  { heading: 'scenario', width: 12, isText: true },
  { heading: 'variant', width: 9, isText: true },
  { heading: 'events/s/core', width: 14 },
  { heading: 'x stock', width: 9 },
  { heading: 'CPU us/event', width: 13 },
  { heading: 'x relay', width: 9 },
  { heading: 'p50 us', width: 8 },
  { heading: 'p99 us', width: 8 },
  { heading: 'p99.9 us', width: 9 },
  { heading: 'RSS MB', width: 8 },
] as const;

const grouped = (value: number) => Math.round(value).toLocaleString('en');

export class Results {
  readonly #all: readonly Measurement[];

  constructor(all: readonly Measurement[]) {
    this.#all = all;
  }

  table(): string {
    return [
      tableOf(
        COLUMNS,
        this.#all.map((one) => this.#cells(one)),
      ),
      ...this.#deferred(),
    ].join('\n');
  }

  #cells(one: Measurement): string[] {
    const { eventsPerSecondPerCore, cpuUsPerEvent, p50Us, p99Us, p999Us } = one;
    return [
      one.scenario,
      one.variant,
      grouped(eventsPerSecondPerCore),
      this.#times(eventsPerSecondPerCore, this.#find(one.scenario, 'stock')?.eventsPerSecondPerCore),
      cpuUsPerEvent.toFixed(2),
      this.#times(cpuUsPerEvent, this.#find(one.scenario, 'relay')?.cpuUsPerEvent),
      ...[p50Us, p99Us, p999Us].map((latency) => (latency === null ? '-' : grouped(latency))),
      one.rssMb.toFixed(0),
    ];
  }

  /** A line a goal, or why it can't be told. */
  goals(): string[] {
    const burst = this.#find('burst', 'shardmux')?.eventsPerSecondPerCore;
    const stock = this.#find('burst', 'stock')?.eventsPerSecondPerCore;
    const paced = this.#find('paced-10000', 'shardmux')?.cpuUsPerEvent;
    const relay = this.#find('paced-10000', 'relay')?.cpuUsPerEvent;
    const verdict = (ratio: number, met: boolean) => `${ratio.toFixed(2)}: ${met ? 'met' : 'MISSED'}`;
    const told = (a: number | undefined, b: number | undefined, met: (ratio: number) => boolean) =>
      a === undefined || b === undefined ? 'not measured' : verdict(a / b, met(a / b));
    return [
      `goal: burst, events/s per core, shardmux >= ${BURST_GOAL_TIMES_STOCK} x stock: ${told(burst, stock, (ratio) => ratio >= BURST_GOAL_TIMES_STOCK)}`,
      `goal: 10,000 events/s, CPU per event, shardmux <= ${PACED_GOAL_TIMES_RELAY} x relay: ${told(paced, relay, (ratio) => ratio <= PACED_GOAL_TIMES_RELAY)}`,
    ];
  }

  #deferred(): string[] {
    return this.#all
      .filter((one) => one.afterUsPerEvent > DEFERRED_SHARE_WORTH_SAYING * one.cpuUsPerEvent)
      .map((one) => {
        const after = one.afterUsPerEvent.toFixed(2);
        return `note: ${one.variant} ${one.scenario} spent another ${after} us/event after the last delivery, not counted above`;
      });
  }

  #find(scenario: Scenario, variant: Variant): Measurement | undefined {
    return this.#all.find((one) => one.scenario === scenario && one.variant === variant);
  }

  #times(value: number, reference: number | undefined): string {
    return reference === undefined ? '-' : (value / reference).toFixed(2);
  }
}
