/** Source, middle and sink of one measurement: started, joined, and given traffic. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BOT_TOKEN, type LaunchOptions, launchMiddle, launchPeer } from './launch.ts';
import type { FromSink, FromSource, Latencies, ToSink, ToSource, Traffic } from './messages.ts';
import type { BenchProcess } from './processes.ts';
import { cpuNs } from './usage.ts';

const START_TIMEOUT_MS = 20_000;

/** Quiet time after warm-up, and after the last delivery: collections and whatever was put off end in it. */
export const SETTLE_MS = 500;

/** A middle slower than this in a burst has hung. */
const SLOWEST_EVENTS_PER_SECOND = 4_000;
const DELIVERY_GRACE_MS = 15_000;

/** A paced run whose source took this much longer than planned did not measure that rate. */
const MAX_PACE_STRETCH = 1.1;

/** Time for the other parties to say what they saw, after the first has failed. */
const BLAME_MS = 300;

export interface Parties {
  readonly source: BenchProcess;
  readonly middle: BenchProcess;
  readonly sink: BenchProcess;
  /** Where the middle's metrics are, if it has any. */
  readonly statusUrl: string | null;
}

export interface PartiesOptions extends Omit<LaunchOptions, 'discordPort' | 'temporaryDirectory'> {
  /** Of the bot; events are of them then. None where left out. */
  readonly guilds?: number;
}

export interface TrafficOutcome {
  readonly latencies: Latencies | null;
  /** CPU time of the middle, from before the first event to the delivery of the last. */
  readonly usedNs: number;
  /** The source could not keep the pace. */
  readonly late: boolean;
}

type Message<Union, Type> = Extract<Union, { readonly type: Type }>;

/** Starts the three, lets the worker connect, hands them to `body`, and stops them. */
export async function withParties<Result>(
  options: PartiesOptions,
  body: (parties: Parties) => Promise<Result>,
): Promise<Result> {
  const { signal } = options;
  await using stack = new AsyncDisposableStack();
  const temporaryDirectory = mkdtempSync(join(tmpdir(), 'shardmux-bench-'));
  stack.defer(() => rmSync(temporaryDirectory, { recursive: true, force: true }));

  const source = stack.use(launchPeer('source', signal, options.guilds ? [String(options.guilds)] : []));
  const { port } = await source.message<Message<FromSource, 'listening'>>('listening', START_TIMEOUT_MS);
  const launched = stack.use(await launchMiddle({ ...options, discordPort: port, temporaryDirectory }));
  const sink = stack.use(launchPeer('sink', signal));
  const parties = { source, middle: launched.process, sink, statusUrl: launched.statusUrl };
  try {
    const connected = sink.message<Message<FromSink, 'connected'>>('connected', START_TIMEOUT_MS);
    const url = `${launched.workersUrl}/shards/0`;
    sink.send({ type: 'connect', url, token: BOT_TOKEN } satisfies ToSink);
    await Promise.race([connected, launched.process.failure, source.failure]);
    return await body(parties);
  } catch (error) {
    throw await explain(error, parties);
  }
}

/** Sends the traffic through and returns when its last event has been delivered. */
export async function send(parties: Parties, traffic: Traffic): Promise<TrafficOutcome> {
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

/** One party's end makes the others fail too; the middle's own account comes first. */
async function explain(error: unknown, { middle, source, sink }: Parties): Promise<Error> {
  await sleep(BLAME_MS);
  const problems = [middle, source, sink].map((party) => party.problem).filter((problem) => problem !== null);
  return new Error(problems.join('\n') || String(error), { cause: error });
}
