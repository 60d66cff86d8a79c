/** How shards share the time for merging. */
import { expect, it } from 'vitest';
import { type Mergeable, MergeRounds } from '../../../src/guilds/index.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const INTERVAL_MS = 20;

/** Something to do for so many steps, each of which takes a time of its own. */
class Work implements Mergeable {
  readonly #clock: SlowClock;
  readonly #log: string[];
  readonly #name: string;
  #left: number;

  constructor(clock: SlowClock, log: string[], name: string, steps: number) {
    this.#clock = clock;
    this.#log = log;
    this.#name = name;
    this.#left = steps;
  }

  mergeSome(maxMs: number): boolean {
    this.#log.push(`${this.#name} ${maxMs}`);
    this.#clock.workedMs += 1;
    this.#left -= 1;
    return this.#left > 0;
  }
}

/** Time also passes while something is being done. */
class SlowClock extends ManualClock {
  workedMs = 0;

  override now(): number {
    return super.now() + this.workedMs;
  }
}

it('shards take turns, and together do not take longer than a step', () => {
  const clock = new SlowClock();
  using rounds = new MergeRounds({ clock, maxStepMs: 2, intervalMs: INTERVAL_MS });
  const log: string[] = [];
  for (const name of ['a', 'b', 'c']) rounds.wake(new Work(clock, log, name, 2));
  clock.advance(INTERVAL_MS);
  expect(log).toEqual(['a 2', 'b 1']);
  clock.advance(INTERVAL_MS);
  expect(log.slice(2)).toEqual(['c 2', 'a 1']);
  clock.advance(INTERVAL_MS);
  expect(log.slice(4)).toEqual(['b 2', 'c 1']);
  expect(clock.pendingTimers).toBe(0);
});

it('without anything to do there is no timer, and a shard that is gone gets no turn', () => {
  const clock = new SlowClock();
  using rounds = new MergeRounds({ clock });
  const log: string[] = [];
  const work = new Work(clock, log, 'a', 1);
  rounds.wake(work);
  rounds.remove(work);
  expect(clock.pendingTimers).toBe(0);
  rounds.wake(work);
  rounds[Symbol.dispose]();
  clock.advance(100);
  expect(log).toEqual([]);
});
