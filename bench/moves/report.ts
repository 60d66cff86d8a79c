/** What was measured, as the JSON line and in plain words. Pure. */
import { percentile } from '../deployment/gaps.ts';
import { type ShardVerdict, sumsOf } from '../deployment/judge.ts';

/** Goals. */
const MOVE_P99_MS = 300;
const KILL_MAX_MS = 6_000;

/** In the order of the JSON line. */
export interface Result {
  readonly moves: number;
  readonly moveP50Ms: number;
  readonly moveP99Ms: number;
  readonly moveMaxMs: number;
  readonly kills: number;
  readonly killP50Ms: number;
  readonly killMaxMs: number;
  readonly fourthMoved: number;
  readonly fourthIdentifies: number;
  readonly identifies: number;
  readonly identifiesExpected: number;
  readonly violations: number;
  readonly dispatched: number;
  readonly delivered: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly invalidSessions: number;
}

export interface Measured {
  readonly moveGapsUs: readonly number[];
  readonly killGapsUs: readonly number[];
  readonly kills: number;
  readonly fourthMoved: number;
  readonly fourthIdentifies: number;
  readonly identifies: number;
  readonly violations: number;
  readonly invalidSessions: number;
}

export function resultOf(shards: readonly ShardVerdict[], measured: Measured): Result {
  const moves = Float64Array.from(measured.moveGapsUs, (us) => us / 1000).sort();
  const kills = Float64Array.from(measured.killGapsUs, (us) => us / 1000).sort();
  return {
    moves: moves.length,
    moveP50Ms: percentile(moves, 0.5),
    moveP99Ms: percentile(moves, 0.99),
    moveMaxMs: percentile(moves, 1),
    kills: measured.kills,
    killP50Ms: percentile(kills, 0.5),
    killMaxMs: percentile(kills, 1),
    fourthMoved: measured.fourthMoved,
    fourthIdentifies: measured.fourthIdentifies,
    identifies: measured.identifies,
    identifiesExpected: shards.length,
    violations: measured.violations,
    ...sumsOf(shards),
    invalidSessions: measured.invalidSessions,
  };
}

/** What is wrong, or short of a goal; empty where all is well. `fourthShare`: what the fourth node had to get. */
export function problemsOf(result: Result, fourthShare: number): string[] {
  const { lost, duplicated, reordered, violations, identifies, identifiesExpected } = result;
  return [
    lost > 0 && `${lost} lost`,
    duplicated > 0 && `${duplicated} duplicated`,
    reordered > 0 && `${reordered} reordered`,
    violations > 0 && `${violations} of Discord's rules broken`,
    identifies !== identifiesExpected && `${identifies} IDENTIFYs instead of ${identifiesExpected}`,
    result.invalidSessions > 0 && `${result.invalidSessions} INVALID_SESSIONs to workers`,
    result.fourthMoved !== fourthShare &&
      `${result.fourthMoved} shards moved to the fourth node instead of ${fourthShare}`,
    result.moveP99Ms > MOVE_P99_MS &&
      `p99 of the planned moves is ${result.moveP99Ms} ms, above ${MOVE_P99_MS}`,
    result.killMaxMs > KILL_MAX_MS &&
      `a worker of a killed node waited ${result.killMaxMs} ms, more than ${KILL_MAX_MS}`,
  ].filter((problem) => problem !== false);
}

export function resultText(result: Result, problems: readonly string[]): string {
  const { moves, moveP50Ms, moveP99Ms, moveMaxMs, kills, killP50Ms, killMaxMs } = result;
  return [
    `${moves} planned moves: a worker's gap is ${moveP50Ms} ms (median), ${moveP99Ms} ms (p99), ${moveMaxMs} ms (longest)`,
    `${kills} nodes killed: a worker's gap is ${killP50Ms} ms (median), ${killMaxMs} ms (longest)`,
    `the fourth node: ${result.fourthMoved} shards moved, ${result.fourthIdentifies} IDENTIFYs`,
    `${result.delivered} delivered of ${result.dispatched}, ${result.lost} lost, ${result.duplicated} duplicated, ${result.reordered} reordered; ${result.identifies} IDENTIFYs`,
    problems.length === 0 ? '✓ as it should be' : `✗ ${problems.join('; ')}`,
  ].join('\n');
}
