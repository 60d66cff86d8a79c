/** What became of all requests: by bucket, by outcome, by second. Pure; times are monotonic milliseconds. */
import { OUTCOMES, type Outcome } from './messages.ts';

/** Of the buckets of one name; see load.ts. */
export interface NamedRecord {
  done: number;
  lastAtMs: number;
  /** The longest time without one that was done, the ends of the run included. */
  longestSilenceMs: number;
}

/** A request that had no answer, or one that says that it had none. */
export interface Failure {
  readonly outcome: Outcome;
  readonly atMs: number;
}

export class Book {
  /** Requests that were done, by bucket. */
  readonly doneBy: number[];
  readonly named = new Map<string, NamedRecord>();
  readonly outcomes: Record<Outcome, number>;
  /** Outcomes `unavailable` and `broken`. */
  readonly failures: Failure[] = [];
  readonly examples: string[] = [];
  readonly tookMs: number[] = [];
  /** Requests that were done in each second. */
  readonly perSecond: number[] = [];
  readonly #beganAtMs: number;
  readonly #names: readonly string[];

  /** `names`: by bucket. */
  constructor(names: readonly string[], beganAtMs: number) {
    this.#beganAtMs = beganAtMs;
    this.#names = names;
    this.doneBy = names.map(() => 0);
    for (const name of names) this.named.set(name, { done: 0, lastAtMs: beganAtMs, longestSilenceMs: 0 });
    // Every outcome is there: that is what the cast says.
    this.outcomes = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
  }

  get done(): number {
    return this.outcomes.done;
  }

  answered(bucket: number, outcome: Outcome, { atMs, tookMs }: { atMs: number; tookMs: number }): void {
    this.outcomes[outcome] += 1;
    if (outcome === 'unavailable' || outcome === 'broken') this.failures.push({ outcome, atMs });
    const record = this.named.get(this.#names[bucket] ?? '');
    if (outcome !== 'done' || !record) return;
    record.done += 1;
    this.doneBy[bucket] = (this.doneBy[bucket] ?? 0) + 1;
    hear(record, atMs);
    this.tookMs.push(tookMs);
    const second = Math.floor((atMs - this.#beganAtMs) / 1_000);
    this.perSecond[second] = (this.perSecond[second] ?? 0) + 1;
  }

  example(outcome: Outcome, text: string): void {
    this.examples.push(`${outcome}: ${text}`);
  }

  /** No more will come. */
  end(atMs: number): void {
    for (const record of this.named.values()) hear(record, atMs);
  }
}

/** Workers of different processes are heard in turn: what comes later may have been earlier. */
function hear(record: NamedRecord, atMs: number): void {
  record.longestSilenceMs = Math.max(record.longestSilenceMs, atMs - record.lastAtMs);
  record.lastAtMs = Math.max(record.lastAtMs, atMs);
}
