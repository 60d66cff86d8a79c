/** One measurement of a hop: source, middle and sink are started, warmed up, measured and stopped. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Parties, SETTLE_MS, send, withParties } from './parties.ts';
import {
  type Measurement,
  type Scenario,
  toMeasurement,
  trafficOf,
  type Variant,
  warmUpOf,
} from './scenarios.ts';
import { cpuNs, residentMb } from './usage.ts';

export interface MeasureOptions {
  readonly scenario: Scenario;
  readonly variant: Variant;
  readonly seconds: number;
  readonly profileDirectory: string | null;
  readonly signal: AbortSignal;
  /** Told about what makes a number doubtful. */
  readonly warn: (message: string) => void;
}

/** The measurement proper, on parties that are connected. */
async function measureConnected(parties: Parties, options: MeasureOptions): Promise<Measurement> {
  const { scenario, variant, seconds, signal } = options;
  const { pid } = parties.middle;
  const traffic = trafficOf(scenario, seconds);
  for (const warmUp of warmUpOf(traffic)) await send(parties, warmUp);
  await sleep(SETTLE_MS, undefined, { signal });
  const { latencies, usedNs, late } = await send(parties, traffic);
  const rssMb = residentMb(pid);
  const deliveredNs = cpuNs(pid);
  await sleep(SETTLE_MS, undefined, { signal });
  const cpuAfterNs = cpuNs(pid) - deliveredNs;
  if (late)
    options.warn(`${variant} ${scenario}: events did not keep their pace; read its numbers with care`);
  return toMeasurement(
    { scenario, variant },
    traffic.events,
    { cpuNs: usedNs, cpuAfterNs, rssMb },
    latencies,
  );
}

export function measure(options: MeasureOptions): Promise<Measurement> {
  return withParties(options, (parties) => measureConnected(parties, options));
}
