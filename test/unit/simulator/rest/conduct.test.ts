import { describe, expect, test } from 'vitest';
import { type Call, Conduct } from '../../../../src/simulator/rest/conduct.ts';
import type { Excess } from '../../../../src/simulator/rest/limiter.ts';
import { Violations } from '../../../../src/simulator/violations.ts';

const GRACE_MS = 100;
const USER: Excess = { key: 'create-message bot 1', scope: 'user', isHidden: false, retryAfterMs: 1_000 };

function callAt(arrivedMs: number, bucket = 'bot POST 1'): Call {
  return { who: 'bot', route: 'POST', bucket, arrivedMs };
}

function judged() {
  const violations = new Violations();
  return { conduct: new Conduct(violations, GRACE_MS), violations };
}

describe('a 429 of a route', () => {
  test('is unforeseen where nothing was told and nothing else in flight', () => {
    const { conduct, violations } = judged();
    conduct.begins(callAt(0));
    conduct.exceeds(callAt(0), USER);
    expect([violations.counts, violations.notes]).toEqual([{}, { 'rest-unforeseen-429': 1 }]);
  });

  test('is unprobed where another was in flight in the same bucket, which is over when it ends', () => {
    const { conduct, violations } = judged();
    conduct.begins(callAt(0));
    conduct.begins(callAt(1));
    conduct.exceeds(callAt(1), USER);
    expect(violations.counts).toEqual({ 'rest-unprobed-429': 1 });
    conduct.ends(callAt(0));
    conduct.exceeds(callAt(2), USER);
    expect(violations.notes).toEqual({ 'rest-unforeseen-429': 1 });
  });

  test('is avoidable for whoever was told, and for nobody else', () => {
    const { conduct, violations } = judged();
    conduct.hasSentHeaders(callAt(0, 'bot POST 2'));
    conduct.exceeds(callAt(1), USER);
    conduct.exceeds({ ...callAt(1), who: '10.0.0.1' }, USER);
    conduct.exceeds({ ...callAt(1), route: 'PATCH' }, USER);
    expect(violations.counts).toEqual({ 'rest-avoidable-429': 1 });
    expect(violations.notes).toEqual({ 'rest-unforeseen-429': 2 });
  });
});

describe('a wait that was told', () => {
  test.each([
    [99, {}],
    [100, { 'rest-ignored-429': 1 }],
    [999, { 'rest-ignored-429': 1 }],
    [1_000, {}],
  ])('is ignored, or not, by what arrives after %i ms: %o', (arrivedMs, counts) => {
    const { conduct, violations } = judged();
    conduct.hasSentWait(USER.key, 0, 1_000);
    conduct.exceeds(callAt(arrivedMs), USER);
    expect(violations.counts).toEqual(counts);
  });

  test('counts from when it was told first, however often it is told', () => {
    const { conduct, violations } = judged();
    conduct.hasSentWait(USER.key, 0, 1_000);
    conduct.hasSentWait(USER.key, 90, 1_000);
    conduct.exceeds(callAt(150), USER);
    expect(violations.counts).toEqual({ 'rest-ignored-429': 1 });
  });

  test('is a new one after the old one is over', () => {
    const { conduct, violations } = judged();
    conduct.hasSentWait(USER.key, 0, 1_000);
    conduct.hasSentWait(USER.key, 1_000, 2_000);
    conduct.exceeds(callAt(1_050), USER);
    expect(violations.counts).toEqual({});
  });
});

test('a global limit costs a violation each time, a shared or hidden one none', () => {
  const { conduct, violations } = judged();
  conduct.hasSentHeaders(callAt(0));
  conduct.exceeds(callAt(1), { ...USER, key: 'global bot', scope: 'global' });
  conduct.exceeds(callAt(1), { ...USER, key: 'a', scope: 'shared', isHidden: true });
  conduct.exceeds(callAt(1), { ...USER, key: 'b', isHidden: true });
  expect(violations.counts).toEqual({ 'rest-global-limit': 1 });
  expect(violations.notes).toEqual({ 'rest-shared-limit': 1, 'rest-hidden-limit': 1 });
});
