import { describe, expect, test } from 'vitest';
import {
  FAULT_KINDS,
  type Fault,
  MAX_AT_ONCE,
  planOf,
  recoveredAtMs,
  subjectOf,
} from '../../bench/chaos/plan.ts';

const DEPLOYMENT = { nodes: 3, haproxies: 2, workers: 4, shards: 16 };
const SEEDS = Array.from({ length: 10 }, (_, index) => index + 1);

const minute = (seed: number) => planOf({ seed, durationMs: 60_000, ...DEPLOYMENT });

/** Those that go on when `fault` begins, itself among them. */
function goingOnAt(plan: readonly Fault[], { atMs }: Fault): Fault[] {
  return plan.filter((other) => other.atMs <= atMs && recoveredAtMs(other) > atMs);
}

describe('the plan of the faults', () => {
  test('is the same for the same seed, and another for another', () => {
    expect(minute(7)).toEqual(minute(7));
    expect(minute(7)).not.toEqual(minute(8));
  });

  test('has every kind of fault within ten seeds', () => {
    const kinds = new Set(SEEDS.flatMap((seed) => minute(seed).map(({ kind }) => kind)));
    expect([...kinds].sort()).toEqual([...FAULT_KINDS].sort());
  });

  test.each(SEEDS)('keeps busy, with overlaps, and ends in time (seed %i)', (seed) => {
    const plan = minute(seed);
    expect(plan.length).toBeGreaterThan(10);
    expect(plan.map(({ atMs }) => atMs)).toEqual(plan.map(({ atMs }) => atMs).toSorted((a, b) => a - b));
    expect(plan.at(-1)?.atMs).toBeLessThan(60_000);
    expect(plan.some((fault) => goingOnAt(plan, fault).length === MAX_AT_ONCE)).toBe(true);
  });

  test.each(SEEDS)('never has more at once than are bearable (seed %i)', (seed) => {
    const plan = planOf({ seed, durationMs: 600_000, ...DEPLOYMENT });
    for (const fault of plan) {
      const goingOn = goingOnAt(plan, fault);
      expect(goingOn.length).toBeLessThanOrEqual(MAX_AT_ONCE);
      const parts = goingOn.flatMap(({ kind, targets }) => targets.map((one) => `${subjectOf(kind)} ${one}`));
      expect(new Set(parts).size).toBe(parts.length);
      const nodes = goingOn.filter(({ kind }) => subjectOf(kind) === 'node');
      expect(nodes.length).toBeLessThan(DEPLOYMENT.nodes);
      if (goingOn.some(({ kind }) => kind === 'redis-empty')) expect(nodes).toEqual([]);
    }
  });

  test('stays within the bounds of each kind', () => {
    for (const { kind, forMs, latencyMs, targets } of SEEDS.flatMap(minute)) {
      if (kind === 'node-hang') expect(forMs).toBeGreaterThanOrEqual(1_000);
      if (kind === 'haproxy-hang') expect(forMs).toBeLessThanOrEqual(5_000);
      if (kind === 'redis-slow') expect(latencyMs).toBeGreaterThanOrEqual(50);
      else expect(latencyMs).toBe(0);
      expect(forMs).toBeLessThanOrEqual(20_000);
      expect(targets.length).toBeGreaterThan(0);
    }
  });

  test('has only the kinds that are asked for', () => {
    const kinds = ['node-kill', 'redis-slow'] as const;
    const plan = planOf({ seed: 1, durationMs: 300_000, kinds, ...DEPLOYMENT });
    expect(new Set(plan.map(({ kind }) => kind))).toEqual(new Set(kinds));
  });
});
