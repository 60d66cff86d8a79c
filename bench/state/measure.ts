/**
 * What guild state costs while events flow: the same world of guilds behind nodes that keep them and nodes that do not. All run at once
 * and get their events in turn, a short slice each, so that whatever else this machine does falls on all alike. Guilds are stored where
 * the tail is; what that costs is seen in the nodes that have none.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from '../medians.ts';
import type { Traffic } from '../messages.ts';
import { type Parties, SETTLE_MS, send, withParties } from '../parties.ts';
import { rotated } from '../rotated.ts';
import { trafficOf, warmUpOf } from '../scenarios.ts';
import { cpuNs, residentMb } from '../usage.ts';
import { PROBE_MESSAGE } from './probe-message.ts';

/** In pairs: guild state with `memory` is compared with the one before it. */
export const STATES = ['off', 'memory', 'off, no tail', 'memory, no tail'] as const;
export type StateName = (typeof STATES)[number];

const SETTINGS: Readonly<Record<StateName, Readonly<Record<string, string>>>> = {
  off: { SHARDMUX_GUILDS_STATE: 'off' },
  memory: { SHARDMUX_GUILDS_STATE: 'memory' },
  'off, no tail': { SHARDMUX_GUILDS_STATE: 'off', SHARDMUX_TAIL_STORE: 'off' },
  'memory, no tail': { SHARDMUX_GUILDS_STATE: 'memory', SHARDMUX_TAIL_STORE: 'off' },
};

/** The hop's, but for the size of the burst: it takes long to make, because each event depends on those before it. */
export const STATE_SCENARIOS = ['burst', 'paced-10000'] as const;
export type StateScenario = (typeof STATE_SCENARIOS)[number];
const BURST: Traffic = { events: 50_000, eventsPerSecond: null };

/** Of a shard. */
const GUILDS = 500;

/** In it each guild is merged at least once: they come to their bound all at about the same time. */
const SLICE_SECONDS = 4;

/** A run has this many slices of each kind for each second that was asked for. */
const SLICES_PER_SECOND = 1 / 2;

export interface StateMeasurement {
  readonly state: StateName;
  readonly scenario: StateScenario;
  /** All threads, from before the first event to the delivery of the last. */
  readonly cpuUsPerEvent: number;
  /** Of it, for looking through what has come, and for merging it into guilds. */
  readonly mergeUsPerEvent: number;
  /** In the half second after the last delivery. */
  readonly afterUsPerEvent: number;
  /** `null` in a burst. */
  readonly p99Us: number | null;
  readonly rssMb: number;
}

export interface StateMeasureOptions {
  readonly seconds: number;
  readonly profileDirectory: string | null;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
}

interface Node {
  readonly state: StateName;
  readonly parties: Parties;
  /** So far. */
  mergedUs(): number;
}

/** One measurement of each state and scenario. */
export function measureStates(options: StateMeasureOptions): Promise<StateMeasurement[]> {
  return withNodes(STATES, [], options, (nodes) => measureNodes(nodes, options));
}

function withNodes<Result>(
  [state, ...others]: readonly StateName[],
  started: readonly Node[],
  options: StateMeasureOptions,
  body: (nodes: readonly Node[]) => Promise<Result>,
): Promise<Result> {
  if (state === undefined) return body(started);
  const { profileDirectory, signal } = options;
  const settings = { ...SETTINGS[state], SHARDMUX_DISCORD_INTENTS: 'ALL' };
  let cpuUs = 0;
  const onLine = (line: string) => {
    if (line.includes(PROBE_MESSAGE)) ({ cpuUs } = JSON.parse(line) as { readonly cpuUs: number });
  };
  const preload = new URL('./probe.ts', import.meta.url).href;
  const node = { variant: 'shardmux', settings, preload, onLine, profileDirectory } as const;
  return withParties({ ...node, guilds: GUILDS, signal }, (parties) =>
    withNodes(others, [...started, { state, parties, mergedUs: () => cpuUs }], options, body),
  );
}

async function measureNodes(
  nodes: readonly Node[],
  { seconds, signal, warn }: StateMeasureOptions,
): Promise<StateMeasurement[]> {
  for (const { parties } of nodes)
    for (const warmUp of warmUpOf(trafficOf('paced-10000', 1))) await send(parties, warmUp);
  const slices: StateMeasurement[] = [];
  for (let round = 0; round < Math.ceil(seconds * SLICES_PER_SECOND); round++) {
    for (const scenario of STATE_SCENARIOS) {
      for (const node of rotated(nodes, round)) {
        await sleep(SETTLE_MS, undefined, { signal });
        slices.push(await measureSlice(node, scenario, { signal, warn }));
      }
    }
  }
  return [...Map.groupBy(slices, ({ state, scenario }) => `${state} ${scenario}`).values()].map(mediansOf);
}

async function measureSlice(
  node: Node,
  scenario: StateScenario,
  { signal, warn }: Pick<StateMeasureOptions, 'signal' | 'warn'>,
): Promise<StateMeasurement> {
  const { state, parties } = node;
  const traffic = scenario === 'burst' ? BURST : trafficOf(scenario, SLICE_SECONDS);
  const { pid } = parties.middle;
  const mergedBeforeUs = node.mergedUs();
  const { latencies, usedNs, late } = await send(parties, traffic);
  const deliveredNs = cpuNs(pid);
  const mergedUs = node.mergedUs() - mergedBeforeUs;
  await sleep(SETTLE_MS, undefined, { signal });
  if (late) warn(`state ${state}: events did not keep their pace; read its numbers with care`);
  const usPerEvent = (ns: number) => ns / 1e3 / traffic.events;
  return {
    state,
    scenario,
    cpuUsPerEvent: usPerEvent(usedNs),
    mergeUsPerEvent: usPerEvent(mergedUs * 1e3),
    afterUsPerEvent: usPerEvent(cpuNs(pid) - deliveredNs),
    p99Us: latencies?.p99Us ?? null,
    rssMb: residentMb(pid),
  };
}

/** Number by number, of one state and scenario. */
export function mediansOf(slices: readonly StateMeasurement[]): StateMeasurement {
  const [{ state, scenario }] = slices as [StateMeasurement]; // A group has at least one member.
  const middle = (of: (slice: StateMeasurement) => number) => median(slices.map(of));
  return {
    state,
    scenario,
    cpuUsPerEvent: middle(({ cpuUsPerEvent }) => cpuUsPerEvent),
    mergeUsPerEvent: middle(({ mergeUsPerEvent }) => mergeUsPerEvent),
    afterUsPerEvent: middle(({ afterUsPerEvent }) => afterUsPerEvent),
    p99Us: scenario === 'burst' ? null : middle(({ p99Us }) => p99Us ?? Number.NaN),
    rssMb: middle(({ rssMb }) => rssMb),
  };
}
