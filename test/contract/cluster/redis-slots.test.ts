import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../../support/redis.ts';
import { identifySlotsContract } from './identify-slots-contract.ts';
import { redisEnvironment } from './redis-environment.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

identifySlotsContract('Redis', async ({ intervalMs }) => {
  const environment = await redisEnvironment(redis, undefined, { identifyIntervalMs: intervalMs });
  const [one, other] = [await environment.openStore(), await environment.openStore()];
  // Both openings in turn: whatever asks for another one gets another.
  let given = 0;
  return {
    slots: () => (given++ % 2 === 0 ? one : other).slots,
    elapse: (ms) => environment.elapse(ms),
    [Symbol.asyncDispose]: () => environment[Symbol.asyncDispose](),
  };
});

it('after a loss of data every bucket counts as used, and the budget is what Discord says', async () => {
  await using environment = await redisEnvironment(redis, undefined, { identifyIntervalMs: 200 });
  const { slots } = await environment.openStore();
  const budget = { maxConcurrency: 1, remaining: 100, resetAfterMs: 60_000 };
  await slots.setBudget(budget, await slots.markBudget());
  const { waitMs } = await slots.reserve(0);
  await environment.elapse(waitMs);
  expect(await slots.take(0, 0)).toEqual({ kind: 'granted' });
  await environment.elapse(waitMs);
  const mark = await slots.markBudget();
  expect(mark).toBe(1);
  await environment.loseData?.();
  expect(await slots.take(0, 0)).toEqual({ kind: 'budget-unknown' });
  await slots.setBudget(budget, mark);
  expect(await slots.budget()).toMatchObject({ remaining: 100 });
  expect(await slots.take(0, 0)).toMatchObject({ kind: 'wait' });
});

it('keeps to Discord’s five seconds unless told otherwise', async () => {
  await using environment = await redisEnvironment(redis);
  const { slots } = await environment.openStore();
  await slots.reserve(0);
  const { waitMs } = await slots.reserve(0);
  expect(waitMs).toBeGreaterThan(9_000);
  expect(waitMs).toBeLessThanOrEqual(10_200);
});
