/** The contract of what REST nodes share, on a real Redis, and on the one in memory that simulations use. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRedisShares, type RedisShareStore } from '../../../src/cluster/index.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { MemoryShareStore } from '../../support/memory-share-store.ts';
import { type RedisServer, startRedis } from '../../support/redis.ts';
import { Node, newScope } from './share-node.ts';
import { sharePlacesContract } from './share-places-contract.ts';
import { sharesContract } from './shares-contract.ts';

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
  sharePlacesContract(() => store);
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

it('what was given back in Redis is forgotten with how far it is used', async () => {
  const scope = newScope();
  const node = new Node(store, scope);
  await node.exchange({ claims: ['1'] });
  await node.exchange({ usages: [['1', 'half']], releases: ['1'] });
  const key = (name: string) => `test:{${'id' in scope ? scope.id : ''}}:rest:${name}`;
  const past = /left:\d+/.exec(String(await redis.command('HKEYS', key('nodes'))))?.[0] ?? '';
  const long = { held: 0, wanted: 0, lapsesAtMs: 1, hasLeft: true, number: 0, begun: 0 };
  await redis.command('HSET', key('nodes'), past, JSON.stringify(long));
  await node.exchange();
  for (const name of ['usages', 'holders']) expect(await redis.command('EXISTS', key(name))).toBe(0);
});

describe('in memory', () => {
  const memory = new MemoryShareStore(() => performance.now());
  sharePlacesContract(() => memory);
  sharesContract(() => memory);
});
