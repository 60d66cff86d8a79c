/** Compares what the workers received of a shard with what the simulated Discord has sent there. Pure. */
import type { SessionTruth, ShardTruth, TruthEntry } from '../../src/simulator/index.ts';
import type { Received } from './record.ts';

/** They take sequence numbers, and end at shardmux: workers get a READY and RESUMED of their own. */
const NOT_FOR_WORKERS: ReadonlySet<string> = new Set(['READY', 'RESUMED']);

export interface JudgeOptions {
  readonly truth: ShardTruth;
  /** Sequence of the first READY that a worker got; `null` where none did, and then nothing had to come. */
  readonly firstReadySequence: number | null;
  readonly received: Received;
  /** Whether the hop of a dispatch sent then counts. */
  readonly isQuiet: (sentAtUs: number) => boolean;
  /** What to take off a `sentAtUs` to compare it with `received.timesUs`. */
  readonly clockOffsetUs: number;
}

export interface ShardVerdict {
  readonly dispatched: number;
  readonly delivered: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  /** Received, but not what was sent under that sequence. Counted as lost, too. */
  readonly corrupted: number;
  /** Sequences of the first few that were not as they should be. */
  readonly examples: readonly string[];
  readonly hopsUs: readonly number[];
  /** By index of `received`: when it was sent, on the clock of `received.timesUs`; NaN for what was not sent. */
  readonly sentUs: Float64Array;
}

const MAX_EXAMPLES = 5;

interface Slot {
  readonly entry: TruthEntry;
  state: 'expected' | 'received' | 'not for workers';
}

export function judgeShard(options: JudgeOptions): ShardVerdict {
  const { truth, firstReadySequence, received, isQuiet, clockOffsetUs } = options;
  const sent = new Sent(truth.sessions);
  const first = firstReadySequence === null ? sent.slots.length : sent.placeAfter(firstReadySequence);
  const examples: string[] = [];
  const note = (what: string, sequence: number) => {
    if (examples.length < MAX_EXAMPLES) examples.push(`shard ${truth.shard}: ${what} ${sequence}`);
  };
  const hopsUs: number[] = [];
  const sentUs = new Float64Array(received.length).fill(Number.NaN);
  const corrupted: number[] = [];
  let [delivered, duplicated, reordered, newest] = [0, 0, 0, first - 1];
  for (let index = 0; index < received.length; index += 1) {
    const sequence = received.sequences[index] ?? 0;
    const place = sent.find(sequence, received.crcs[index] ?? 0);
    const slot = sent.slots[place];
    if (slot) sentUs[index] = slot.entry.sentAtUs - clockOffsetUs;
    if (!slot) {
      corrupted.push(sequence);
      note('corrupted', sequence);
    } else if (slot.state === 'received') {
      duplicated += 1;
      note('duplicated', sequence);
    } else {
      slot.state = 'received';
      if (place >= first) delivered += 1;
      if (place < newest || place < first) {
        reordered += 1;
        note('reordered', sequence);
      } else newest = place;
      if (isQuiet(slot.entry.sentAtUs)) hopsUs.push((received.timesUs[index] ?? 0) - (sentUs[index] ?? 0));
    }
  }
  const due = sent.slots.slice(first).filter((slot) => slot.state !== 'not for workers');
  const missing = due.filter((slot) => slot.state === 'expected');
  for (const { entry } of missing) note('lost', entry.s);
  // A corrupted one is lost; one that nobody sent, or that also came intact, is counted here so that it doesn't hide.
  const missingSequences = new Set(missing.map((slot) => slot.entry.s));
  const strays = corrupted.filter((sequence) => !missingSequences.has(sequence)).length;
  const lost = missing.length + strays;
  const counts = { dispatched: due.length, delivered, lost, duplicated, reordered };
  return { ...counts, corrupted: corrupted.length, examples, hopsUs, sentUs };
}

/** Over all shards. */
export type VerdictSums = Readonly<
  Record<'dispatched' | 'delivered' | 'lost' | 'duplicated' | 'reordered', number>
>;

export function sumsOf(shards: readonly VerdictSums[]): VerdictSums {
  const sum = (key: keyof VerdictSums) => shards.reduce((total, shard) => total + shard[key], 0);
  return {
    dispatched: sum('dispatched'),
    delivered: sum('delivered'),
    lost: sum('lost'),
    duplicated: sum('duplicated'),
    reordered: sum('reordered'),
  };
}

/** The last sequence that workers have to get; 0 where there is none. */
export function lastForWorkers(truth: ShardTruth): number {
  return truth.sessions.at(-1)?.dispatches.findLast(({ t }) => !NOT_FOR_WORKERS.has(t))?.s ?? 0;
}

/** The dispatches of all sessions of a shard in one row. Nearly always there is one session: another costs an IDENTIFY. */
class Sent {
  readonly slots: readonly Slot[];
  readonly #sessions: readonly {
    readonly startSequence: number;
    readonly place: number;
    readonly end: number;
  }[];
  #current = 0;

  constructor(sessions: readonly SessionTruth[]) {
    this.slots = sessions
      .flatMap((session) => session.dispatches)
      .map((entry) => ({ entry, state: NOT_FOR_WORKERS.has(entry.t) ? 'not for workers' : 'expected' }));
    let place = 0;
    this.#sessions = sessions.map(({ startSequence, dispatches }) => {
      const session = { startSequence, place, end: place + dispatches.length };
      place = session.end;
      return session;
    });
  }

  /** Of the first slot behind this sequence, in the first session that has come so far. */
  placeAfter(sequence: number): number {
    for (const { startSequence, place, end } of this.#sessions) {
      const found = place + sequence + 1 - startSequence;
      if (found <= end) return found;
    }
    return this.slots.length;
  }

  /** The slot that this was sent as: in the session of the one before it, or else in a later one. -1 where there is none. */
  find(sequence: number, crc: number): number {
    for (let at = this.#current; at < this.#sessions.length; at += 1) {
      const session = this.#sessions[at];
      const place = session ? session.place + sequence - session.startSequence : -1;
      const slot = session && place >= session.place && place < session.end ? this.slots[place] : undefined;
      if (slot && slot.state !== 'not for workers' && slot.entry.crc32 === crc) {
        this.#current = at;
        return place;
      }
    }
    return -1;
  }
}
