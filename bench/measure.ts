/** One measurement: source, middle and sink are started, warmed up, measured and stopped. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BOT_TOKEN, launchMiddle, launchPeer } from './launch.ts';
import type { FromSink, FromSource, ToSink, ToSource, Traffic } from './messages.ts';
import type { BenchProcess } from './processes.ts';
import {
  type Measurement,
  type Scenario,
  toMeasurement,
  trafficOf,
  type Variant,
  warmUpOf,
} from './scenarios.ts';
import { cpuNs, residentMb } from './usage.ts';

const START_TIMEOUT_MS = 20_000;

/** Quiet time after warm-up, and after the last delivery: collections and whatever was put off end in it. */
const SETTLE_MS = 500;

/** A middle slower than this in a burst has hung. */
const SLOWEST_EVENTS_PER_SECOND = 4_000;
const DELIVERY_GRACE_MS = 15_000;

/** A paced run whose source took this much longer than planned did not measure that rate. */
const MAX_PACE_STRETCH = 1.1;

/** Time for the other parties to say what they saw, after the first has failed. */
const BLAME_MS = 300;

export interface MeasureOptions {
  readonly scenario: Scenario;
  readonly variant: Variant;
  readonly seconds: number;
  readonly profileDirectory: string | null;
  readonly signal: AbortSignal;
  /** Told about what makes a number doubtful. */
  readonly warn: (message: string) => void;
}

interface Parties {
  readonly source: BenchProcess;
  readonly middle: BenchProcess;
  readonly sink: BenchProcess;
}

type Message<Union, Type> = Extract<Union, { readonly type: Type }>;

/** Sends the traffic through and returns when its last event has been delivered. */
async function run(parties: Parties, traffic: Traffic) {
  const { source, middle, sink } = parties;
  const prepared = source.message<Message<FromSource, 'prepared'>>('prepared', START_TIMEOUT_MS);
  const expecting = sink.message<Message<FromSink, 'expecting'>>('expecting', START_TIMEOUT_MS);
  source.send({ type: 'prepare', traffic } satisfies ToSource);
  sink.send({ type: 'expect', traffic } satisfies ToSink);
  await Promise.all([prepared, expecting]);

  const planMs = (traffic.events / (traffic.eventsPerSecond ?? SLOWEST_EVENTS_PER_SECOND)) * 1e3;
  const timeoutMs = planMs * MAX_PACE_STRETCH + DELIVERY_GRACE_MS;
  const sent = source.message<Message<FromSource, 'sent'>>('sent', timeoutMs);
  const delivered = sink.message<Message<FromSink, 'delivered'>>('delivered', timeoutMs);
  const startNs = cpuNs(middle.pid);
  source.send({ type: 'send' } satisfies ToSource);
  const { latencies } = await Promise.race([delivered, source.failure, middle.failure]);
  const usedNs = cpuNs(middle.pid) - startNs;
  const { elapsedMs } = await sent;
  return {
    latencies,
    usedNs,
    late: traffic.eventsPerSecond !== null && elapsedMs > planMs * MAX_PACE_STRETCH,
  };
}

/** The measurement proper, on parties that are connected. */
async function measureConnected(parties: Parties, options: MeasureOptions): Promise<Measurement> {
  const { scenario, variant, seconds, signal } = options;
  const { pid } = parties.middle;
  const traffic = trafficOf(scenario, seconds);
  for (const warmUp of warmUpOf(traffic)) await run(parties, warmUp);
  await sleep(SETTLE_MS, undefined, { signal });
  const { latencies, usedNs, late } = await run(parties, traffic);
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

/** One party's end makes the others fail too; the middle's own account comes first. */
async function explain(error: unknown, { middle, source, sink }: Parties): Promise<Error> {
  await sleep(BLAME_MS);
  const problems = [middle, source, sink].map((party) => party.problem).filter((problem) => problem !== null);
  return new Error(problems.join('\n') || String(error), { cause: error });
}

export async function measure(options: MeasureOptions): Promise<Measurement> {
  const { variant, profileDirectory, signal } = options;
  await using stack = new AsyncDisposableStack();
  const temporaryDirectory = mkdtempSync(join(tmpdir(), 'shardmux-bench-'));
  stack.defer(() => rmSync(temporaryDirectory, { recursive: true, force: true }));

  const source = stack.use(launchPeer('source', signal));
  const { port } = await source.message<Message<FromSource, 'listening'>>('listening', START_TIMEOUT_MS);
  const launch = { variant, discordPort: port, temporaryDirectory, profileDirectory, signal };
  const launched = stack.use(await launchMiddle(launch));
  const sink = stack.use(launchPeer('sink', signal));
  const parties = { source, middle: launched.process, sink };
  try {
    const connected = sink.message<Message<FromSink, 'connected'>>('connected', START_TIMEOUT_MS);
    const url = `${launched.workersUrl}/shards/0`;
    sink.send({ type: 'connect', url, token: BOT_TOKEN } satisfies ToSink);
    await Promise.race([connected, launched.process.failure, source.failure]);
    return await measureConnected(parties, options);
  } catch (error) {
    throw await explain(error, parties);
  }
}
