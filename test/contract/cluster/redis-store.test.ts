import { afterAll, beforeAll } from 'vitest';
import { type RedisServer, startRedis } from '../../support/redis.ts';
import { clusterStoreContract } from './cluster-store-contract.ts';
import { redisEnvironment } from './redis-environment.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

clusterStoreContract('Redis', {
  open: (options) => redisEnvironment(redis, options),
  canLoseData: true,
  canContinue: true,
});
