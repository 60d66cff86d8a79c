import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { expect, it } from 'vitest';
import { YoungGarbage } from '../../../src/runtime/young-garbage.ts';
import { eventually } from '../../support/eventually.ts';

const MIB = 1024 * 1024;
const { NODE_PERFORMANCE_GC_MINOR: MINOR, NODE_PERFORMANCE_GC_FLAGS_FORCED: FORCED } = constants;

/** What entries of the type `gc` have besides; the types that Node has for all entries don't say so. */
type Collection = PerformanceEntry & { readonly detail: { readonly kind: number; readonly flags: number } };

it('young garbage is collected each time 16 MiB have gone by, and nothing else is', async () => {
  const forced: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries() as Collection[]) {
      if ((detail.flags & FORCED) !== 0) forced.push(detail.kind);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  const garbage = new YoungGarbage();
  garbage.add(15 * MIB);
  garbage.add(2 * MIB);
  garbage.add(15 * MIB);
  garbage.add(MIB);
  await eventually(() => forced.length >= 2);
  observer.disconnect();
  expect(forced).toEqual([MINOR, MINOR]);
});

it('without a way to collect, garbage is left to V8', () => {
  let tries = 0;
  const garbage = new YoungGarbage(() => {
    tries++;
    throw new ReferenceError('gc is not defined');
  });
  for (let times = 0; times < 3; times++) garbage.add(17 * MIB);
  expect(tries).toBe(1);
});
