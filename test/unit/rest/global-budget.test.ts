import { describe, expect, it } from 'vitest';
import { LocalGlobalBudget } from '../../../src/rest/global-budget.ts';
import { Random } from '../../../src/simulator/random.ts';

/** When an experienced budget has all its places. */
const LATER = 200_000;

/** After as many answers as it takes to know the shortest way, each 20 ms after its request. */
function experienced(limit: number): LocalGlobalBudget {
  const budget = new LocalGlobalBudget({ limit, marginMs: 50 });
  for (let atMs = 0; atMs < LATER - 10_000; atMs += 1_100) budget.take(atMs)?.answered(atMs + 20);
  return budget;
}

describe('the global limit of a node alone', () => {
  it('lets no more than its limit go in a second and the margin', () => {
    const budget = new LocalGlobalBudget({ limit: 3, marginMs: 50 });
    for (const atMs of [0, 10, 20]) expect(budget.take(atMs)).toBeDefined();
    expect(budget.take(1_049)).toBeUndefined();
    expect(budget.nextAtMs(1_049)).toBe(1_050);
    expect(budget.take(1_050)).toBeDefined();
    expect(budget.take(1_050)).toBeUndefined();
  });

  it('needs less of a margin for a request whose answer came as fast as any', () => {
    const budget = experienced(1);
    budget.take(LATER + 0)?.answered(LATER + 20);
    expect(budget.nextAtMs(LATER + 20)).toBe(LATER + 1_005);
  });

  it('keeps the margin until it knows how short the way is', () => {
    const budget = new LocalGlobalBudget({ limit: 1, marginMs: 50 });
    budget.take(0)?.answered(20);
    expect(budget.nextAtMs(20)).toBe(1_050);
  });

  it('keeps the margin for one whose answer took longer: it may have been counted late', () => {
    const budget = experienced(2);
    const [fast, slow] = [budget.take(LATER + 0), budget.take(LATER + 0)];
    fast?.answered(LATER + 20);
    slow?.answered(LATER + 50);
    expect(budget.take(LATER + 1_005)).toBeDefined();
    expect(budget.nextAtMs(LATER + 1_005)).toBe(LATER + 1_035);
  });

  it('counts a request that had to wait for a connection from when it left', () => {
    const budget = experienced(1);
    const place = budget.take(LATER + 0);
    place?.sent(LATER + 200);
    place?.answered(LATER + 220);
    expect(budget.nextAtMs(LATER + 220)).toBe(LATER + 1_205);
  });

  it('counts it also where its place had come free by then', () => {
    const budget = new LocalGlobalBudget({ limit: 1, marginMs: 50 });
    const place = budget.take(0);
    place?.sent(10_000);
    expect(budget.nextAtMs(10_001)).toBe(11_050);
    expect(budget.take(10_001)).toBeUndefined();
    place?.answered(10_020);
    expect(budget.nextAtMs(10_020)).toBe(11_050);
    expect(budget.take(11_050)).toBeDefined();
  });

  it('gives back the place of what never left', () => {
    const budget = new LocalGlobalBudget({ limit: 1, marginMs: 50 });
    budget.take(0)?.unused();
    expect(budget.take(0)).toBeDefined();
  });

  it('says that there is room now, where there is', () => {
    const budget = new LocalGlobalBudget({ limit: 2, marginMs: 50 });
    budget.take(7);
    expect(budget.nextAtMs(8)).toBe(8);
  });

  it('counts what was sent before a restart for as long as it would have', () => {
    const before = new LocalGlobalBudget({ limit: 3, marginMs: 50 });
    for (const atMs of [0, 100]) before.take(atMs);
    const after = new LocalGlobalBudget({ limit: 3, marginMs: 50 });
    after.importState(before.exportState(200), 300);
    expect(after.take(300)).toBeDefined();
    expect(after.nextAtMs(300)).toBe(1_050);
    expect(after.take(1_050)).toBeDefined();
    expect(after.nextAtMs(1_050)).toBe(1_150);
  });

  it('takes what a restart kept for no longer than a request could count', () => {
    const budget = new LocalGlobalBudget({ limit: 1, marginMs: 50 });
    budget.importState([9_999_999], 0);
    expect(budget.nextAtMs(0)).toBe(1_050);
  });

  it('agrees with a list of times, whatever happens', () => {
    const random = new Random(7);
    const budget = new LocalGlobalBudget({ limit: 20, marginMs: 50 });
    let taken: number[] = [];
    for (let nowMs = 0, step = 0; step < 5_000; step++) {
      nowMs += Math.floor(random.next() * (step % 500 === 0 ? 6_000 : 60));
      taken = taken.filter((freeAtMs) => freeAtMs > nowMs);
      const isRoom = taken.length < 20;
      expect(budget.nextAtMs(nowMs)).toBe(isRoom ? nowMs : Math.min(...taken));
      if (random.next() < 0.8) {
        expect(budget.take(nowMs) !== undefined).toBe(isRoom);
        if (isRoom) taken.push(nowMs + 1_050);
      } else {
        const place = budget.take(nowMs);
        if (random.next() < 0.5) place?.unused();
        else if (place) taken.push(nowMs + 1_050);
      }
    }
  });

  it('is not changed by an answer to an earlier request of the same place', () => {
    const budget = new LocalGlobalBudget({ limit: 1, marginMs: 50 });
    const late = budget.take(0);
    budget.take(1_050);
    late?.answered(1_100);
    late?.unused();
    expect(budget.nextAtMs(1_100)).toBe(2_100);
  });
});
