/** Which faults happen when. Pure: the same seed gives the same plan. What they do: faults.ts. */
import { Random } from '../../src/simulator/random.ts';

export const FAULT_KINDS = [
  'node-kill',
  'node-hang',
  'node-restart',
  'haproxy-kill',
  'haproxy-reload',
  'haproxy-hang',
  'redis-stop',
  'redis-restart',
  'redis-empty',
  'redis-hang',
  'redis-slow',
  'workers-kill',
  'workers-restart',
  'discord-disconnect',
  'discord-reconnect',
  'discord-invalid-session',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** What a fault happens to. */
export type Subject = 'node' | 'haproxy' | 'redis' | 'workers' | 'discord';

export interface Fault {
  readonly kind: FaultKind;
  /** From the start of the chaos. */
  readonly atMs: number;
  /** How long the part is down, hangs or is slow; 0 where it is over at once. */
  readonly forMs: number;
  /** Nodes, HAProxies, workers or shards by number from 0; [0] for Redis. */
  readonly targets: readonly number[];
  /** What Redis takes longer for each request; 0 for every other kind. */
  readonly latencyMs: number;
}

export interface PlanOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly nodes: number;
  readonly haproxies: number;
  readonly workers: number;
  readonly shards: number;
  /** All, unless said otherwise. */
  readonly kinds?: readonly FaultKind[];
}

/** So many faults at once, their recovery included. */
export const MAX_AT_ONCE = 2;

/** Between two faults of a row. */
const PAUSE_MS = [300, 2_500] as const;

/** Of the node kills: so many come back late, when others have taken the shards long since. */
const LATE_RETURNS = 0.25;
const LATE_RETURN_MS = [7_000, 12_000] as const;

const LATENCY_MS = [50, 400] as const;

/** Of the faults that may hit one or all: so many hit all. */
const HITS_ALL = 0.4;

const MAX_PICKS = 20;

interface Kind {
  readonly subject: Subject;
  /** How often it is picked, relative to the others. */
  readonly weight: number;
  readonly forMs: readonly [least: number, most: number];
  /**
   * What recovery may take: a fault counts as going on for so long after its end. A node's is the lease's 5 s and the takeover. Redis's
   * is long enough for a takeover that waited for it, so that a shard is never away longer than Discord keeps its events.
   */
  readonly recoveryMs: number;
}

const KINDS: Readonly<Record<FaultKind, Kind>> = {
  'node-kill': { subject: 'node', weight: 3, forMs: [0, 3_000], recoveryMs: 7_000 },
  'node-hang': { subject: 'node', weight: 2, forMs: [1_000, 20_000], recoveryMs: 5_000 },
  'node-restart': { subject: 'node', weight: 3, forMs: [0, 1_000], recoveryMs: 5_000 },
  'haproxy-kill': { subject: 'haproxy', weight: 1, forMs: [0, 3_000], recoveryMs: 1_500 },
  'haproxy-reload': { subject: 'haproxy', weight: 1, forMs: [0, 0], recoveryMs: 1_000 },
  'haproxy-hang': { subject: 'haproxy', weight: 1, forMs: [1_000, 5_000], recoveryMs: 1_500 },
  'redis-stop': { subject: 'redis', weight: 1, forMs: [1_000, 10_000], recoveryMs: 7_000 },
  'redis-restart': { subject: 'redis', weight: 1, forMs: [0, 0], recoveryMs: 7_000 },
  'redis-empty': { subject: 'redis', weight: 1, forMs: [0, 1_000], recoveryMs: 7_000 },
  'redis-hang': { subject: 'redis', weight: 1, forMs: [1_000, 10_000], recoveryMs: 7_000 },
  'redis-slow': { subject: 'redis', weight: 1, forMs: [2_000, 6_000], recoveryMs: 1_000 },
  'workers-kill': { subject: 'workers', weight: 1, forMs: [0, 2_000], recoveryMs: 2_000 },
  'workers-restart': { subject: 'workers', weight: 1, forMs: [0, 1_000], recoveryMs: 2_000 },
  'discord-disconnect': { subject: 'discord', weight: 1, forMs: [0, 0], recoveryMs: 1_500 },
  'discord-reconnect': { subject: 'discord', weight: 1, forMs: [0, 0], recoveryMs: 1_500 },
  'discord-invalid-session': { subject: 'discord', weight: 1, forMs: [0, 0], recoveryMs: 6_000 },
};

export function subjectOf(kind: FaultKind): Subject {
  return KINDS[kind].subject;
}

/** When its recovery may be over, too; from the start of the chaos. */
export function recoveredAtMs({ kind, atMs, forMs }: Fault): number {
  return atMs + forMs + KINDS[kind].recoveryMs;
}

/**
 * Whether two faults may go on at once. One part has one fault at a time. And what only a node's memory holds must not be lost with
 * the node: while Redis is empty the sessions are there alone, so a node that dies then costs IDENTIFYs, by design.
 */
export function mayOverlap(one: Fault, other: Fault): boolean {
  if (subjectOf(one.kind) === subjectOf(other.kind))
    return !one.targets.some((target) => other.targets.includes(target));
  const isEmptying = (fault: Fault) => fault.kind === 'redis-empty';
  const isOfNode = (fault: Fault) => subjectOf(fault.kind) === 'node';
  return !(isEmptying(one) && isOfNode(other)) && !(isEmptying(other) && isOfNode(one));
}

/** By time. Rows of faults run side by side; in a row one follows the other's recovery. */
export function planOf(options: PlanOptions): Fault[] {
  const random = new Random(options.seed);
  const planned: Fault[] = [];
  const freeAtMs = Array.from({ length: MAX_AT_ONCE }, () => between(random, PAUSE_MS));
  for (;;) {
    const row = freeAtMs.indexOf(Math.min(...freeAtMs));
    const atMs = freeAtMs[row] ?? 0;
    if (atMs >= options.durationMs) return planned;
    const fault = pickFault(random, options, atMs, planned);
    if (fault) planned.push(fault);
    freeAtMs[row] = (fault ? recoveredAtMs(fault) : atMs) + between(random, PAUSE_MS);
  }
}

/** `undefined`: nothing that goes with what is going on was found. */
function pickFault(
  random: Random,
  options: PlanOptions,
  atMs: number,
  planned: readonly Fault[],
): Fault | undefined {
  const goingOn = planned.filter((fault) => recoveredAtMs(fault) > atMs);
  const bag = (options.kinds ?? FAULT_KINDS).flatMap((kind) =>
    Array<FaultKind>(KINDS[kind].weight).fill(kind),
  );
  for (let picks = 0; picks < MAX_PICKS; picks += 1) {
    const fault = makeFault(random, options, random.pick(bag), atMs);
    if (goingOn.every((other) => mayOverlap(fault, other))) return fault;
  }
  return undefined;
}

function makeFault(random: Random, options: PlanOptions, kind: FaultKind, atMs: number): Fault {
  const isLate = kind === 'node-kill' && random.next() < LATE_RETURNS;
  return {
    kind,
    atMs,
    forMs: between(random, isLate ? LATE_RETURN_MS : KINDS[kind].forMs),
    targets: pickTargets(random, options, subjectOf(kind)),
    latencyMs: kind === 'redis-slow' ? between(random, LATENCY_MS) : 0,
  };
}

function pickTargets(random: Random, options: PlanOptions, subject: Subject): readonly number[] {
  switch (subject) {
    case 'redis':
      return [0];
    case 'node':
      return [random.below(options.nodes)];
    case 'haproxy':
      return [random.below(options.haproxies)];
    case 'workers':
      return oneOrAll(random, options.workers);
    case 'discord':
      return oneOrAll(random, options.shards);
  }
}

function oneOrAll(random: Random, count: number): readonly number[] {
  if (random.next() < HITS_ALL) return Array.from({ length: count }, (_, index) => index);
  return [random.below(count)];
}

function between(random: Random, [least, most]: readonly [number, number]): number {
  return least + random.below(most - least + 1);
}
