/** What is measured: scenarios, variants, and the results that come out. Rules and words only. */
import type { Latencies, Traffic } from './messages.ts';

export const SCENARIOS = ['burst', 'paced-1000', 'paced-10000'] as const;
export type Scenario = (typeof SCENARIOS)[number];

export const VARIANTS = ['relay', 'stock', 'shardmux'] as const;
export type Variant = (typeof VARIANTS)[number];

/** Long enough for a stable number (the stock way takes 4 s), short enough for memory: 130 MB of frames. */
export const BURST_EVENTS = 200_000;

/** Before each measurement the middle handles this burst, and then a second of the paced rate when that is measured. */
export const WARM_UP_EVENTS = 40_000;

export interface Measurement {
  readonly scenario: Scenario;
  readonly variant: Variant;
  readonly eventsPerSecondPerCore: number;
  readonly cpuUsPerEvent: number;
  readonly p50Us: number | null;
  readonly p99Us: number | null;
  readonly p999Us: number | null;
  readonly rssMb: number;
  /** CPU spent in the moments after the last delivery, per event: work that was put off, not saved. */
  readonly afterUsPerEvent: number;
}

export interface Usage {
  readonly cpuNs: number;
  readonly cpuAfterNs: number;
  readonly rssMb: number;
}

export function trafficOf(scenario: Scenario, seconds: number): Traffic {
  if (scenario === 'burst') return { events: BURST_EVENTS, eventsPerSecond: null };
  const eventsPerSecond = scenario === 'paced-1000' ? 1_000 : 10_000;
  return { events: Math.round(eventsPerSecond * seconds), eventsPerSecond };
}

export function warmUpOf(traffic: Traffic): Traffic[] {
  const burst = { events: WARM_UP_EVENTS, eventsPerSecond: null };
  const rate = traffic.eventsPerSecond;
  return rate === null ? [burst, burst] : [burst, { events: rate, eventsPerSecond: rate }];
}

export function toMeasurement(
  what: { readonly scenario: Scenario; readonly variant: Variant },
  events: number,
  usage: Usage,
  latencies: Latencies | null,
): Measurement {
  return {
    scenario: what.scenario,
    variant: what.variant,
    eventsPerSecondPerCore: events / (usage.cpuNs / 1e9),
    cpuUsPerEvent: usage.cpuNs / 1e3 / events,
    p50Us: latencies?.p50Us ?? null,
    p99Us: latencies?.p99Us ?? null,
    p999Us: latencies?.p999Us ?? null,
    rssMb: usage.rssMb,
    afterUsPerEvent: usage.cpuAfterNs / 1e3 / events,
  };
}
