/** The verdict over all shards, as the JSON line and in plain words. Pure. */
import { percentile } from '../deployment/gaps.ts';
import { type ShardVerdict, sumsOf } from '../deployment/judge.ts';
import type { ActCounts } from './acts.ts';

/** In the order of the JSON line. */
export interface Verdict {
  readonly shards: number;
  readonly identifies: number;
  readonly violations: number;
  readonly dispatched: number;
  readonly delivered: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly workerRestarts: number;
  readonly nodeRestarts: number;
  readonly hopP50Us: number;
  readonly hopP99Us: number;
  readonly nodesAdded: number;
  readonly nodesDrained: number;
  readonly nodesKilled: number;
  readonly invalidSessions: number;
}

export interface Counted extends Readonly<ActCounts> {
  readonly identifies: number;
  readonly violations: number;
  readonly invalidSessions: number;
}

export function verdictOf(shards: readonly ShardVerdict[], counted: Counted): Verdict {
  const hopsUs = Float64Array.from(shards.flatMap((shard) => shard.hopsUs)).sort();
  return {
    shards: shards.length,
    identifies: counted.identifies,
    violations: counted.violations,
    ...sumsOf(shards),
    workerRestarts: counted.workerRestarts,
    nodeRestarts: counted.nodesDrained + counted.nodesKilled,
    hopP50Us: percentile(hopsUs, 0.5),
    hopP99Us: percentile(hopsUs, 0.99),
    nodesAdded: counted.nodesAdded,
    nodesDrained: counted.nodesDrained,
    nodesKilled: counted.nodesKilled,
    invalidSessions: counted.invalidSessions,
  };
}

/** What is wrong; empty where all is well. */
export function problemsOf(verdict: Verdict): string[] {
  const { shards, identifies, violations, lost, duplicated, reordered, invalidSessions } = verdict;
  return [
    lost > 0 && `${count(lost, 'dispatch', 'dispatches')} lost`,
    duplicated > 0 && `${count(duplicated, 'dispatch', 'dispatches')} received twice`,
    reordered > 0 && `${count(reordered, 'dispatch', 'dispatches')} received out of order`,
    violations > 0 && `${count(violations, 'rule', 'rules')} of Discord broken`,
    identifies !== shards && `${count(identifies, 'IDENTIFY', 'IDENTIFYs')} instead of ${shards}`,
    invalidSessions > 0 &&
      `${count(invalidSessions, 'worker session', 'worker sessions')} ended with INVALID_SESSION`,
  ].filter((problem) => problem !== false);
}

export function verdictText(verdict: Verdict, examples: readonly string[]): string {
  const { shards, dispatched, hopP50Us, hopP99Us } = verdict;
  const problems = problemsOf(verdict);
  const restarts = `${count(verdict.workerRestarts, 'restart', 'restarts')} of all 4 workers at once, with ${count(verdict.nodesAdded, 'node', 'nodes')} added, ${format(verdict.nodesDrained)} drained and ${format(verdict.nodesKilled)} killed`;
  const outcome =
    problems.length === 0
      ? `✓ The workers got each of ${format(dispatched)} dispatches exactly once, in order and intact, over ${restarts}.
Discord saw ${count(verdict.identifies, 'IDENTIFY', 'IDENTIFYs')}, one a shard, and no rule of its was broken.`
      : `✗ Not as it should be: ${problems.join(', ')}; of ${format(dispatched)} dispatches on ${shards} shards, over ${restarts}.${examples.map((example) => `\n  ${example}`).join('')}`;
  return `${outcome}
From Discord through a node and HAProxy to a worker a dispatch took ${milliseconds(hopP50Us)} (median; 99 % took less than ${milliseconds(hopP99Us)}),
measured while no restart was in progress.`;
}

export function format(number: number): string {
  return number.toLocaleString('en-US');
}

export function milliseconds(us: number): string {
  return `${(us / 1000).toFixed(us < 10_000 ? 2 : 0)} ms`;
}

function count(number: number, one: string, many: string): string {
  return `${format(number)} ${number === 1 ? one : many}`;
}
