import { expect, it } from 'vitest';
import type { ClusterView, Lease } from '../../../src/cluster/index.ts';
import { LostWrites } from '../../../src/cluster/lost-writes.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const LEASE_TTL_MS = 5_000;

/** A view in which the shards have these epochs. */
function viewOf(...epochs: number[]): ClusterView {
  const leases = epochs.map((epoch, shardId): Lease => ({ shardId, epoch, holder: undefined }));
  return { members: [], leases: new Map(leases.map((lease) => [lease.shardId, lease])) };
}

it('what a store has forgotten is gone by for as long as a lease lives, and so long it is waited for', () => {
  const clock = new ManualClock();
  const lostWrites = new LostWrites({ clock, leaseTtlMs: LEASE_TTL_MS });
  const known = viewOf(3, 7);
  const older = viewOf(3, 6);
  expect(lostWrites.leases(known, older)).toEqual([known.leases.get(1)]);
  expect(lostWrites.isWaitedFor).toBe(true);
  clock.advance(LEASE_TTL_MS - 1);
  expect(lostWrites.leases(known, older)).toHaveLength(1);
  clock.advance(1);
  expect(lostWrites.leases(known, older)).toEqual([]);
  expect(lostWrites.isWaitedFor).toBe(false);
});

it('a lease that is missing is forgotten too; one that was never known, and one that is newer, are not', () => {
  const lostWrites = new LostWrites({ clock: new ManualClock(), leaseTtlMs: LEASE_TTL_MS });
  expect(lostWrites.leases(viewOf(1, 1), viewOf(1)).map(({ shardId }) => shardId)).toEqual([1]);
  expect(lostWrites.leases(viewOf(1), viewOf(2, 1))).toEqual([]);
  expect(lostWrites.isWaitedFor).toBe(false);
});

it('what is forgotten a second time is waited for anew', () => {
  const clock = new ManualClock();
  const lostWrites = new LostWrites({ clock, leaseTtlMs: LEASE_TTL_MS });
  lostWrites.leases(viewOf(2), viewOf(1));
  clock.advance(LEASE_TTL_MS - 1);
  lostWrites.leases(viewOf(2), viewOf(2));
  clock.advance(1);
  expect(lostWrites.leases(viewOf(2), viewOf(1))).toHaveLength(1);
});
