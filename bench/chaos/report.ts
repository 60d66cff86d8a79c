/** The verdict of a run, as the JSON line and in plain words. Pure. */
import { type Gap, percentile } from '../deployment/gaps.ts';
import type { GuildComparison } from '../deployment/guilds.ts';
import { type ShardVerdict, sumsOf } from '../deployment/judge.ts';
import type { FaultKind } from './plan.ts';

/** In the order of the JSON line. */
export interface Verdict {
  readonly seed: number;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly identifies: number;
  readonly identifiesExpected: number;
  readonly violations: number;
  readonly dispatched: number;
  readonly delivered: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly invalidSessions: number;
  /** Guilds at the end, and those that a new worker does not get as they are. */
  readonly guilds: number;
  readonly guildsWrong: number;
  readonly worstGapMs: number;
  readonly p99GapMs: number;
}

export interface Counted {
  readonly seed: number;
  /** Those that were carried out. */
  readonly kinds: readonly FaultKind[];
  readonly identifies: number;
  readonly violations: number;
  readonly invalidSessions: number;
  readonly guilds: Pick<GuildComparison, 'guilds' | 'wrong'>;
  /** Those that faults caused. */
  readonly gaps: readonly Gap[];
}

export function verdictOf(shards: readonly ShardVerdict[], counted: Counted): Verdict {
  const gapsUs = Float64Array.from(counted.gaps, (gap) => gap.lengthUs).sort();
  const { seed, kinds, identifies, violations, invalidSessions, guilds } = counted;
  return {
    seed,
    faults: countsOf(kinds),
    identifies,
    identifiesExpected: shards.length,
    violations,
    ...sumsOf(shards),
    invalidSessions,
    guilds: guilds.guilds,
    guildsWrong: guilds.wrong,
    worstGapMs: Math.round((gapsUs.at(-1) ?? 0) / 1000),
    p99GapMs: Math.round(percentile(gapsUs, 0.99) / 1000),
  };
}

function countsOf(kinds: readonly FaultKind[]): Partial<Record<FaultKind, number>> {
  const counts: Partial<Record<FaultKind, number>> = {};
  for (const kind of kinds.toSorted()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** What is wrong; empty where all is well. `broken`: what went wrong beside the counts. */
export function problemsOf(verdict: Verdict, broken: readonly string[]): string[] {
  const { identifies, identifiesExpected, violations, invalidSessions, dispatched } = verdict;
  const { delivered, lost, duplicated, reordered, guilds, guildsWrong } = verdict;
  return [
    ...broken,
    dispatched === 0 && 'nothing was dispatched',
    lost > 0 && `${lost} lost`,
    duplicated > 0 && `${duplicated} duplicated`,
    reordered > 0 && `${reordered} reordered`,
    lost === 0 && delivered !== dispatched && `${delivered} delivered of ${dispatched}`,
    violations > 0 && `${violations} of Discord's rules broken`,
    identifies !== identifiesExpected && `${identifies} IDENTIFYs instead of ${identifiesExpected}`,
    invalidSessions > 0 && `${invalidSessions} INVALID_SESSIONs to workers that had kept their sessions`,
    guilds === 0 && 'there were no guilds',
    guildsWrong > 0 && `${guildsWrong} of ${guilds} guilds not as they are for a new worker`,
  ].filter((problem) => problem !== false);
}

export function verdictText(verdict: Verdict, problems: readonly string[]): string {
  const { seed, faults, dispatched, identifies, guilds, worstGapMs, p99GapMs } = verdict;
  const count = Object.values(faults).reduce((total, one) => total + one, 0);
  const over = `${dispatched.toLocaleString('en-US')} dispatches over ${count} faults (seed ${seed})`;
  const outcome =
    problems.length === 0
      ? `✓ The workers got each of ${over} exactly once, in order and intact; Discord saw ${identifies} IDENTIFYs and no rule broken;\n  a new worker gets all ${guilds} guilds as they are.`
      : `✗ Not as it should be, with ${over}: ${problems.join('; ')}.`;
  return `${outcome}
What a fault held up came after ${p99GapMs} ms (99 %) and ${worstGapMs} ms (all) at the latest.`;
}
