import { describe, expect, it } from 'vitest';
import { LeasedBudget } from '../../../../src/rest/index.ts';
import type { ShareDraft } from '../../../../src/rest/shares/part.ts';

const LEASE_MS = 1_500;
const REPLY = { wasLive: true, nodes: 2, wishes: [], grants: [], notes: [] };

function newBudget() {
  const heard: string[] = [];
  const budget = new LeasedBudget({
    limit: 10,
    marginMs: 50,
    leaseTtlMs: LEASE_MS,
    onShort: () => heard.push('short'),
    onRoom: () => heard.push('room'),
  });
  return {
    budget,
    heard,
    /** Granted so many places at `atMs`. */
    grant: (size: number, atMs: number) => budget.hear({ ...REPLY, size }, {}, atMs + LEASE_MS, atMs),
    told(atMs: number): ShareDraft {
      const draft: ShareDraft = {};
      budget.tell(draft, atMs);
      return draft;
    },
    take(count: number, atMs: number): number {
      return Array.from({ length: count }, () => budget.take(atMs)).filter(Boolean).length;
    },
  };
}

describe('a part of the global limit', () => {
  it('is none before it was granted, and says when there is room', () => {
    const { heard, grant, take } = newBudget();
    expect(take(1, 0)).toBe(0);
    grant(3, 10);
    expect(heard).toEqual(['short', 'room']);
    expect(take(5, 20)).toBe(3);
  });

  it('ends with its lease, also for a process that hung', () => {
    const { budget, grant, take } = newBudget();
    grant(3, 0);
    expect(take(1, LEASE_MS - 1)).toBe(1);
    expect(take(1, LEASE_MS)).toBe(0);
    expect(budget.nextAtMs(LEASE_MS)).toBe(Number.POSITIVE_INFINITY);
  });

  it('is said to be none when its lease ended so long ago that others may have it', () => {
    const { budget, grant, told } = newBudget();
    grant(3, 0);
    expect(told(LEASE_MS + 10)).toMatchObject({ held: 3 });
    expect(told(LEASE_MS + budget.lastingMs)).toMatchObject({ held: 0 });
  });

  it('that is as large as before is told of when it had ended meanwhile', () => {
    const { heard, grant, take } = newBudget();
    grant(3, 0);
    grant(3, 250);
    expect(heard).toEqual(['room']);
    take(1, 2_000);
    grant(3, 2_010);
    expect(heard).toEqual(['room', 'short', 'room']);
  });

  it('that is to be smaller is given up as what is in use comes free', () => {
    const { grant, take, told } = newBudget();
    grant(6, 0);
    expect(take(6, 0)).toBe(6);
    grant(2, 500);
    expect(told(500)).toMatchObject({ held: 6 });
    expect(take(1, 500)).toBe(0);
    expect(told(1_050)).toMatchObject({ held: 2 });
    expect(take(3, 1_050)).toBe(2);
  });

  it('asks for more at once when it is short, but not again and again', () => {
    const { heard, grant, take } = newBudget();
    grant(2, 0);
    take(9, 10);
    expect(heard).toEqual(['room', 'short']);
    take(1, 200);
    expect(heard).toEqual(['room', 'short', 'short']);
  });

  it('asks for all of it while it is short, and later for what it uses, and some more', () => {
    const { grant, take, told } = newBudget();
    grant(4, 0);
    take(5, 10);
    expect(told(20)).toMatchObject({ wanted: 10, limit: 10 });
    grant(4, 1_400);
    expect(told(1_500)).toMatchObject({ wanted: 6 });
    expect(told(2_400)).toMatchObject({ wanted: 6 });
    expect(told(2_600)).toMatchObject({ wanted: 1 });
  });
});

describe('while the store is away', () => {
  it('it is nothing at first where the lease ended long before, as when the process hung', () => {
    const { budget, grant, take } = newBudget();
    grant(8, 0);
    budget.goAlone(2, LEASE_MS + budget.lastingMs);
    expect(take(1, LEASE_MS + budget.lastingMs)).toBe(0);
    expect(take(9, 2 * (LEASE_MS + budget.lastingMs))).toBe(5);
  });

  it('it is no more than an equal part at once, and that when the others have given up theirs', () => {
    const { budget, grant, take } = newBudget();
    grant(8, 0);
    budget.goAlone(2, 1_500);
    expect(take(9, 1_500)).toBe(5);
    const small = newBudget();
    small.grant(1, 0);
    small.budget.goAlone(2, 1_500);
    expect(small.take(9, 1_500)).toBe(1);
    const fullAtMs = 1_500 + LEASE_MS + small.budget.lastingMs;
    expect(small.budget.nextAtMs(1_600)).toBe(2_550);
    expect(small.take(9, fullAtMs)).toBe(5);
  });

  it('a node that had nothing wakes up for its part', () => {
    const { budget, grant } = newBudget();
    grant(0, 0);
    budget.goAlone(2, 1_500);
    expect(budget.nextAtMs(1_500)).toBe(1_500 + LEASE_MS + budget.lastingMs);
  });
});
