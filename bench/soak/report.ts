/** The verdict of a run, as the JSON line and in plain words. Pure. */

import { BUCKETS, type SimulatorStats } from '../../src/simulator/index.ts';
import { percentile } from '../deployment/gaps.ts';
import { allowedBy, allowedGlobally } from './allowance.ts';
import type { Book } from './book.ts';
import { fairnessOf } from './fairness.ts';
import type { SoakBucket } from './load.ts';
import type { Outcome } from './messages.ts';

/** Of what the limits allow, so much has to be done. */
export const GOAL = 0.95;

export interface KindVerdict {
  readonly buckets: number;
  /** By its own buckets' limits. */
  readonly allowed: number;
  readonly done: number;
}

/** In the order of the JSON line. */
export interface Verdict {
  readonly globalLimit: number;
  readonly seconds: number;
  readonly nodes: number;
  readonly workers: number;
  readonly buckets: number;
  readonly killed: boolean;
  /** By all limits together. */
  readonly allowed: number;
  readonly done: number;
  readonly ratio: number;
  /** 429s of which the client could have known: all `rest-…-429`. */
  readonly avoidable: number;
  /** Requests over the global limit. */
  readonly globalViolations: number;
  /** All of Discord's rules that were broken, those two included. */
  readonly violations: SimulatorStats['violations'];
  readonly notes: SimulatorStats['notes'];
  readonly starved: number;
  /** What the worst-off bucket got of its fair part. */
  readonly leastOfFair: number;
  readonly longestSilenceMs: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** Requests without an answer while no node was down. */
  readonly failedUncalledFor: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly kinds: Readonly<Record<string, KindVerdict>>;
  readonly perSecond: readonly number[];
  /** The starved buckets, in words; the first few. */
  readonly hungry: readonly string[];
  readonly broken: readonly string[];
}

export interface Counted {
  readonly globalLimit: number;
  readonly seconds: number;
  readonly nodes: number;
  readonly workers: number;
  readonly buckets: readonly SoakBucket[];
  readonly book: Book;
  readonly stats: Pick<SimulatorStats, 'violations' | 'notes'>;
  /** While a node was down (monotonic ms), and what was on its way came back. */
  readonly outage: { readonly fromMs: number; readonly untilMs: number } | undefined;
  /** What went wrong beside the counts. */
  readonly broken: readonly string[];
}

export function verdictOf(counted: Counted): Verdict {
  const { globalLimit, seconds, nodes, workers, buckets, book, stats, outage, broken } = counted;
  const ms = seconds * 1_000;
  const allowances = buckets.map(({ kind }) => allowedBy(BUCKETS[kind.limit], ms));
  const allowed = Math.min(allowedGlobally(globalLimit, ms), sum(allowances));
  const fairness = fairnessOf({ buckets, allowances, total: allowed, ms }, book);
  const took = Float64Array.from(book.tookMs).sort();
  return {
    ...{ globalLimit, seconds, nodes, workers, buckets: buckets.length, killed: outage !== undefined },
    ...{ allowed, done: book.done, ratio: round(book.done / allowed, 4) },
    avoidable: sum(
      Object.entries(stats.violations).map(([kind, count]) => (/^rest-.*-429$/.test(kind) ? count : 0)),
    ),
    globalViolations: stats.violations['rest-global-limit'] ?? 0,
    violations: stats.violations,
    notes: stats.notes,
    starved: fairness.starved,
    leastOfFair: round(fairness.leastOfFair, 3),
    longestSilenceMs: Math.round(fairness.longestSilenceMs),
    outcomes: book.outcomes,
    failedUncalledFor: book.failures.filter(
      ({ atMs }) => !outage || atMs < outage.fromMs || atMs > outage.untilMs,
    ).length,
    ...{ p50Ms: Math.round(percentile(took, 0.5)), p99Ms: Math.round(percentile(took, 0.99)) },
    kinds: kindsOf(buckets, book, allowances),
    perSecond: Array.from({ length: seconds }, (_, second) => book.perSecond[second] ?? 0),
    hungry: fairness.hungry,
    broken,
  };
}

function kindsOf(
  buckets: readonly SoakBucket[],
  book: Book,
  allowances: readonly number[],
): Record<string, KindVerdict> {
  const kinds: Record<string, KindVerdict> = {};
  for (const [at, { kind }] of buckets.entries()) {
    const { buckets: count, allowed, done } = kinds[kind.limit] ?? { buckets: 0, allowed: 0, done: 0 };
    kinds[kind.limit] = {
      buckets: count + 1,
      allowed: allowed + (allowances[at] ?? 0),
      done: done + (book.doneBy[at] ?? 0),
    };
  }
  return kinds;
}

/** What is wrong; empty where all is well. */
export function problemsOf(verdict: Verdict): string[] {
  const { violations, starved, hungry, outcomes, failedUncalledFor, ratio, broken } = verdict;
  const broke = Object.entries(violations).map(([kind, count]) => `${count} × ${kind}`);
  return [
    ...broken,
    broke.length > 0 && `Discord's rules broken: ${broke.join(', ')}`,
    ratio < GOAL && `${percent(ratio)} of what the limits allowed`,
    starved > 0 && `${starved} buckets starved: ${hungry.join('; ')}`,
    outcomes.wrong > 0 && `${outcomes.wrong} answers that are none of Discord's`,
    failedUncalledFor > 0 && `${failedUncalledFor} requests failed while no node was down`,
  ].filter((problem) => problem !== false);
}

export function verdictText(verdict: Verdict): string {
  const { globalLimit, allowed, done, ratio, outcomes, notes, p50Ms, p99Ms, starved, kinds } = verdict;
  const problems = problemsOf(verdict);
  const said = Object.entries(notes).map(([kind, count]) => `${count} × ${kind}`);
  const rows = Object.entries(kinds).map(
    ([name, kind]) =>
      `  ${name.padEnd(20)}${`${kind.buckets}`.padStart(5)} buckets${`${kind.done}`.padStart(8)} of${`${kind.allowed}`.padStart(7)}  ${percent(kind.done / kind.allowed)}`,
  );
  return `${problems.length === 0 ? '✓' : '✗'} global limit ${globalLimit}/s: ${number(done)} requests done of ${number(allowed)} that the limits allowed: ${percent(ratio)}${problems.length === 0 ? '' : `\n  ${problems.join('\n  ')}`}
${rows.join('\n')}
  each second: ${verdict.perSecond.join(' ')}
  429s that were avoidable ${verdict.avoidable}, global ${verdict.globalViolations}; noted: ${said.join(', ') || 'nothing'}
  starved ${starved}; the worst-off bucket got ${percent(verdict.leastOfFair)} of its fair part, the longest silence was ${number(verdict.longestSilenceMs)} ms
  refused by shardmux ${outcomes.refused}, 429s passed on ${outcomes.limited}, 502-504 ${outcomes.unavailable}, connections broken ${outcomes.broken}
  from request to answer, turns included: ${number(p50Ms)} ms (median), ${number(p99Ms)} ms (99 %)`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

function round(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}

function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(1)} %`;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}
