/** What is true of a cluster whatever happened to it. Not a test itself. */
import { expect, vi } from 'vitest';
import type { Cluster } from '../../support/cluster.ts';

/** Clusters are many processes: where the machine is busy, starting one takes long. */
const TIMEOUT_MS = 90_000;

vi.setConfig({ testTimeout: TIMEOUT_MS, hookTimeout: TIMEOUT_MS });

/**
 * Every worker has every dispatch once and in order and kept its session, and Discord had an IDENTIFY for each shard, ever, and nothing
 * to complain about.
 */
export async function expectUnharmed(cluster: Cluster): Promise<void> {
  await cluster.complete();
  const { identifies, resumesRefused, violations, shards } = cluster.simulator.stats();
  expect({ identifies, resumesRefused, violations }).toEqual({
    identifies: shards,
    resumesRefused: 0,
    violations: {},
  });
  expect(cluster.workers.filter(({ invalidSessions }) => invalidSessions > 0)).toEqual([]);
}
