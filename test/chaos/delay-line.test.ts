import { expect, test } from 'vitest';
import { DelayLine } from '../../bench/deployment/delay-line.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { ManualClock } from '../support/manual-clock.ts';

test('what is pushed comes out so much later', () => {
  const clock = new ManualClock();
  const out: string[] = [];
  using line = new DelayLine<string>(clock, (item) => out.push(item));
  line.push('a', 100);
  clock.advance(60);
  line.push('b', 100);
  clock.advance(40);
  expect(out).toEqual(['a']);
  clock.advance(60);
  expect(out).toEqual(['a', 'b']);
  line.push('c', 0);
  expect(out).toEqual(['a', 'b', 'c']);
});

test('nothing overtakes when the delay becomes shorter', () => {
  const clock = new ManualClock();
  const out: string[] = [];
  using line = new DelayLine<string>(clock, (item) => out.push(item));
  line.push('a', 100);
  line.push('b', 0);
  expect(out).toEqual([]);
  clock.advance(100);
  expect(out).toEqual(['a', 'b']);
});

test('nothing overtakes when a timer is late', () => {
  let nowMs = 0;
  const timers: (() => void)[] = [];
  const clock: Clock = {
    now: () => nowMs,
    setTimer: (run) => {
      timers.push(run);
      return { [Symbol.dispose]: () => undefined };
    },
  };
  const out: string[] = [];
  using line = new DelayLine<string>(clock, (item) => out.push(item));
  line.push('a', 100);
  nowMs = 150;
  line.push('b', 0);
  expect(out).toEqual([]);
  timers.shift()?.();
  expect(out).toEqual(['a', 'b']);
});

test('nothing comes out of one that was disposed of', () => {
  const clock = new ManualClock();
  const out: string[] = [];
  const line = new DelayLine<string>(clock, (item) => out.push(item));
  line.push('a', 100);
  line[Symbol.dispose]();
  clock.advance(100);
  expect({ out, timers: clock.pendingTimers }).toEqual({ out: [], timers: 0 });
});
