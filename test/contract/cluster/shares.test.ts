/** The contract of what REST nodes share, on a real Redis, and on the one in memory that simulations use. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRedisShares, type RedisShareStore } from '../../../src/cluster/index.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { MemoryShareStore } from '../../support/memory-share-store.ts';
import { type RedisServer, startRedis } from '../../support/redis.ts';
import { Node, newScope, sharesContract } from './shares-contract.ts';

let redis: RedisServer;
let store: RedisShareStore;

beforeAll(async () => {
  redis = await startRedis();
  store = await openRedisShares({
    mode: 'standalone',
    hosts: [redis.address],
    keyPrefix: 'test',
    commandTimeoutMs: 2_000,
    connectTimeoutMs: 5_000,
    clock: systemClock,
  });
});

afterAll(async () => {
  await store[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

describe('in Redis', () => {
  sharesContract(() => store);

  it('what was shared is begun anew where the store has lost it', async () => {
    const scope = newScope();
    const node = new Node(store, scope);
    await node.exchange({ claims: ['1'] });
    await redis.command('FLUSHALL');
    const reply = await node.exchange({ claims: ['1'] });
    expect(reply).toMatchObject({ wasLive: false, size: 50, grants: [{ origin: 'new' }] });
  });
});

describe('in memory', () => {
  const memory = new MemoryShareStore(() => performance.now());
  sharesContract(() => memory);
});
