import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { EmbeddedIdentifySlots, IdentifySlotsFile } from '../../../src/cluster/index.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { stateDirectory } from '../../support/node.ts';

const START_MS = 1_000_000_000_000;
const BUDGET = { maxConcurrency: 16, remaining: 1_000, resetAfterMs: 86_400_000 };

function newProcess(directory: string, clock: ManualClock) {
  const errors: Error[] = [];
  const file = new IdentifySlotsFile(directory, (error) => errors.push(error));
  return { slots: new EmbeddedIdentifySlots({ clock, file }), errors };
}

/** A process that uses a bucket and ends. */
async function use(directory: string, clock: ManualClock, bucket: number): Promise<void> {
  await take(newProcess(directory, clock).slots, bucket);
}

async function take(slots: EmbeddedIdentifySlots, bucket: number): Promise<void> {
  await slots.setBudget(BUDGET, await slots.markBudget());
  expect(await slots.take(bucket, 0)).toEqual({ kind: 'granted' });
}

it('a bucket counts as used from before the answer on, for the next process too', async () => {
  using directory = stateDirectory();
  const clock = new ManualClock(START_MS);
  await use(directory.path, clock, 3);
  clock.advance(2_000);
  const { slots, errors } = newProcess(directory.path, clock);
  expect((await slots.reserve(3)).waitMs).toBe(3_070);
  expect(errors).toEqual([]);
});

it('a bucket that a whole file does not name was never used', async () => {
  using directory = stateDirectory();
  const clock = new ManualClock(START_MS);
  expect((await newProcess(directory.path, clock).slots.reserve(0)).waitMs).toBe(0);
  await use(directory.path, clock, 3);
  expect((await newProcess(directory.path, clock).slots.reserve(0)).waitMs).toBe(0);
});

it.each([
  '{"3":12',
  '',
  'null',
  '[]',
  '[1]',
  '"x"',
  '{"3":"soon"}',
])('behind a torn or foreign file (%s) every bucket counts as used when it was read', async (text) => {
  using directory = stateDirectory();
  const clock = new ManualClock(START_MS);
  writeFileSync(join(directory.path, 'identify-slots.json'), text);
  const { slots } = newProcess(directory.path, clock);
  clock.advance(1_000);
  expect((await slots.reserve(3)).waitMs).toBe(4_070);
  clock.advance(10_000);
  await take(slots, 3);
  expect(JSON.parse(readFileSync(join(directory.path, 'identify-slots.json'), 'utf8'))).toEqual({
    3: START_MS + 11_000,
  });
});

it('a use in the future, from a clock that was wrong, makes nobody wait longer than one interval', async () => {
  using directory = stateDirectory();
  await use(directory.path, new ManualClock(START_MS + 3_600_000), 0);
  const clock = new ManualClock(START_MS);
  const { slots } = newProcess(directory.path, clock);
  expect((await slots.reserve(0)).waitMs).toBe(5_070);
  clock.advance(3_600_000);
  expect((await slots.reserve(0)).waitMs).toBe(0);
});

it('the budget is asked for anew after a restart', async () => {
  using directory = stateDirectory();
  const clock = new ManualClock(START_MS);
  await use(directory.path, clock, 0);
  expect(await newProcess(directory.path, clock).slots.budget()).toBeUndefined();
});

it('slots hold in memory where they can not be written, which is told', async () => {
  using directory = stateDirectory();
  const clock = new ManualClock(START_MS);
  mkdirSync(join(directory.path, 'identify-slots.json.new'));
  const { slots, errors } = newProcess(directory.path, clock);
  await slots.setBudget(BUDGET, await slots.markBudget());
  expect(await slots.take(0, 0)).toEqual({ kind: 'granted' });
  expect(await slots.take(0, 0)).toEqual({ kind: 'wait', waitMs: 5_055 });
  expect(errors).toHaveLength(1);
});
