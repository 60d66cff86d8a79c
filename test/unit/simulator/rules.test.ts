import { describe, expect, test } from 'vitest';
import { ReplayBuffer } from '../../../src/simulator/replay-buffer.ts';
import { HeartbeatWatch } from '../../../src/simulator/rules/heartbeat-watch.ts';
import { IdentifyGate } from '../../../src/simulator/rules/identify-gate.ts';
import { MemberRequestLimit } from '../../../src/simulator/rules/member-requests.ts';
import { SlidingWindow } from '../../../src/simulator/rules/sliding-window.ts';
import { TruthLog } from '../../../src/simulator/truth.ts';

describe('the identify gate', () => {
  const gate = (remaining = 10) =>
    new IdentifyGate({
      maxConcurrency: 2,
      intervalMs: 5_000,
      budget: { total: 10, remaining, resetAfterMs: 60_000 },
      nowMs: 0,
    });

  test('accepts one per bucket and interval, to the millisecond', () => {
    const strict = gate();
    expect(strict.arrive(0, 0)).toEqual({ kind: 'accepted' });
    expect(strict.arrive(1, 0)).toEqual({ kind: 'accepted' });
    expect(strict.arrive(2, 4_999)).toEqual({ kind: 'too-soon', waitMs: 1 });
    expect(strict.arrive(2, 5_000)).toEqual({ kind: 'accepted' });
  });

  test('charges the budget for what came too soon as well, and refills it', () => {
    const strict = gate(2);
    strict.arrive(0, 0);
    strict.arrive(0, 1);
    expect(strict.arrive(1, 2)).toEqual({ kind: 'budget-exhausted' });
    expect(strict.arrive(1, 60_000)).toEqual({ kind: 'accepted' });
    expect(strict.limit(60_000)).toEqual({
      total: 10,
      remaining: 9,
      reset_after: 60_000,
      max_concurrency: 2,
    });
  });
});

test('the sliding window admits its limit in any window, and counts what it refused', () => {
  const window = new SlidingWindow(2, 100);
  const admitted = [0, 90, 99, 100, 190, 200].map((nowMs) => window.admit(nowMs));
  expect(admitted).toEqual([true, true, false, false, false, true]);
});

describe('the heartbeat watch', () => {
  test('calls a client silent after one and a half intervals', () => {
    const watch = new HeartbeatWatch(1_000, 0);
    expect(watch.isSilent(1_500)).toBe(false);
    expect(watch.isSilent(1_501)).toBe(true);
    watch.beat(null, null, 1_400);
    expect(watch.isSilent(2_900)).toBe(false);
  });

  test('does not count time in which nobody listened', () => {
    const watch = new HeartbeatWatch(1_000, 0);
    watch.excuse(500);
    expect(watch.isSilent(2_000)).toBe(false);
  });

  test('takes any sequence before there is a session, and none ahead after', () => {
    const watch = new HeartbeatWatch(1_000, 0);
    expect(watch.beat(99, null, 1)).toBeUndefined();
    expect(watch.beat(5, 5, 2)).toBeUndefined();
    expect(watch.beat(6, 5, 3)?.kind).toBe('heartbeat-sequence');
    expect(watch.beat(null, 5, 4)?.kind).toBe('heartbeat-sequence');
  });
});

test('a guild gives all its members once per interval', () => {
  const limit = new MemberRequestLimit(30_000);
  expect([
    limit.admit('1', 0),
    limit.admit('2', 0),
    limit.admit('1', 10_000),
    limit.admit('1', 30_000),
  ]).toEqual([0, 0, 20_000, 0]);
});

describe('the replay buffer', () => {
  test('reaches back as far as its capacity and no further', () => {
    const buffer = new ReplayBuffer(3);
    for (let sequence = 1; sequence <= 5; sequence += 1) buffer.push(Buffer.from(String(sequence)));
    expect([1, 2, 5, 6].map((sequence) => buffer.reaches(sequence))).toEqual([false, true, true, false]);
    expect([...buffer.after(2)].map(String)).toEqual(['3', '4', '5']);
  });

  test('makes again what it did not keep', () => {
    const buffer = new ReplayBuffer(3);
    buffer.push(() => Buffer.from('again'));
    expect([...buffer.after(0)].map(String)).toEqual(['again']);
  });
});

test('the truth keeps every entry across growth', () => {
  const log = new TruthLog();
  for (let index = 0; index < 5_000; index += 1) log.append(index % 2 ? 'ODD' : 'EVEN', index, index * 2);
  const entries = [...log.entries()];
  expect(entries).toHaveLength(5_000);
  expect(entries[4_999]).toEqual({ s: 5_000, t: 'ODD', crc32: 4_999, sentAtUs: 9_998 });
});
