import { describe, expect, it } from 'vitest';
import { LocalGlobalBudget } from '../../../src/rest/global-budget.ts';

describe('the global limit of a node alone', () => {
  it('lets no more than its limit go in a second and the margin', () => {
    const budget = new LocalGlobalBudget({ limit: 3, marginMs: 50 });
    for (const atMs of [0, 10, 20]) expect(budget.take(atMs)).toBeDefined();
    expect(budget.take(1_049)).toBeUndefined();
    expect(budget.nextAtMs()).toBe(1_050);
    expect(budget.take(1_050)).toBeDefined();
    expect(budget.take(1_050)).toBeUndefined();
  });

  it('needs less of a margin for a request whose answer came as fast as any', () => {
    const budget = new LocalGlobalBudget({ limit: 1, marginMs: 50 });
    budget.take(0)?.answered(20);
    expect(budget.nextAtMs()).toBe(1_005);
  });

  it('keeps the margin for one whose answer took longer: it may have been counted late', () => {
    const budget = new LocalGlobalBudget({ limit: 2, marginMs: 50 });
    const [fast, slow] = [budget.take(0), budget.take(0)];
    fast?.answered(20);
    slow?.answered(50);
    expect(budget.take(1_005)).toBeDefined();
    expect(budget.nextAtMs()).toBe(1_035);
  });

  it('counts a request that had to wait for a connection from when it left', () => {
    const budget = new LocalGlobalBudget({ limit: 1, marginMs: 50 });
    const place = budget.take(0);
    place?.sent(200);
    expect(budget.nextAtMs()).toBe(1_250);
    place?.answered(220);
    expect(budget.nextAtMs()).toBe(1_205);
  });

  it('gives back the place of what never left', () => {
    const budget = new LocalGlobalBudget({ limit: 1, marginMs: 50 });
    budget.take(0)?.unused();
    expect(budget.take(0)).toBeDefined();
  });

  it('is not changed by an answer to an earlier request of the same place', () => {
    const budget = new LocalGlobalBudget({ limit: 1, marginMs: 50 });
    const late = budget.take(0);
    budget.take(1_050);
    late?.answered(1_100);
    late?.unused();
    expect(budget.nextAtMs()).toBe(2_100);
  });
});
