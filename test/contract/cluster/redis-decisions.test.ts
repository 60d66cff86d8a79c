/** What only a shared store comes across: replies that were lost, a store that is older than its writers, other deployments. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClusterStoreError, type OpenTail, type StoredTail } from '../../../src/cluster/index.ts';
import type { TailChunk } from '../../../src/log/index.ts';
import { type RedisServer, startRedis } from '../../support/redis.ts';
import { DEFAULTS, DEPLOYMENT, identityOf, join, newNode, STATE } from './cluster-environment.ts';
import { type RedisEnvironment, redisEnvironment } from './redis-environment.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

function chunk(afterSequence: number, lastSequence: number, bytes = 100): TailChunk {
  const compressed = Buffer.alloc(bytes, lastSequence);
  return { afterSequence, lastSequence, writtenAtMs: Date.now(), compressed };
}

const baseAt = (sequence: number) => () => ({ sequence, state: { at: sequence } });

async function openTail(environment: RedisEnvironment) {
  const node = await newNode(environment, 'node-a');
  await node.acquire([0]);
  const tail = node.membership.openTail(0, node.epochOf(0));
  await tail.begin(baseAt(0)());
  return { node, tail, load: () => node.membership.loadTail(0) };
}

function ranges({ parts }: StoredTail): string[] {
  return parts.flatMap(({ chunks }) =>
    chunks.map(({ afterSequence, lastSequence }) => `${afterSequence}-${lastSequence}`),
  );
}

const append = (tail: OpenTail, after: number, last: number) =>
  tail.append(chunk(after, last), baseAt(after));

describe('a reply that was lost', () => {
  it.each([
    ['as it was', 20],
    ['longer', 25],
  ])('of an append: the chunk that is written again, %s, takes its place', async (_how, last) => {
    await using environment = await redisEnvironment(redis);
    const { tail, load } = await openTail(environment);
    await append(tail, 0, 10);
    await append(tail, 10, 20);
    const { bytes } = tail;
    await append(tail, 10, last);
    await append(tail, 10, last);
    expect(tail.bytes).toBe(bytes);
    await append(tail, last, 30);
    expect(ranges(await load())).toEqual(['0-10', `10-${last}`, `${last}-30`]);
  });

  it('of an acquire: whoever asks again is given it again, and the epoch that nobody knows is over', async () => {
    await using environment = await redisEnvironment(redis);
    const node = await newNode(environment, 'node-a');
    const [unknown] = await node.membership.acquire([0], { mayTakeLapsed: true });
    const [known] = await node.membership.acquire([0], { mayTakeLapsed: false });
    expect(known?.epoch).toBeGreaterThan(unknown?.epoch ?? 0);
    const stale = node.membership.openTail(0, unknown?.epoch ?? 0);
    await expect(stale.begin(baseAt(0)())).rejects.toThrow(/is another's by now/);
  });

  it('of an acquire: a renewal does not call it another’s', async () => {
    await using environment = await redisEnvironment(redis);
    const node = await newNode(environment, 'node-a');
    await node.acquire([0]);
    const [unknown] = await node.membership.acquire([0], { mayTakeLapsed: true });
    const { lost, view } = await node.renew();
    expect(lost).toEqual([]);
    expect(view.leases.get(0)).toEqual(unknown);
  });

  it('of giving back: the next renewal says that the lease is gone', async () => {
    await using environment = await redisEnvironment(redis);
    const node = await newNode(environment, 'node-a');
    await node.acquire([0]);
    await node.pass(0, undefined);
    expect((await node.renew()).lost).toEqual([0]);
  });
});

describe('a Redis that is older than its writer', () => {
  /** What the keys of shard 0 were goes to `copy`, or comes from there. */
  async function copyTail(environment: RedisEnvironment, direction: 'save' | 'restore'): Promise<void> {
    for (const kind of ['checkpoint', 'tail']) {
      const key = `test:{${environment.applicationId}}:8:${kind}:0`;
      const [from, to] = direction === 'save' ? [key, `${key}:copy`] : [`${key}:copy`, key];
      expect(await redis.command('COPY', from, to, 'REPLACE')).toBe(1);
    }
  }

  it('has a hole before the next chunk: the writer begins anew from a base of that moment', async () => {
    await using environment = await redisEnvironment(redis);
    const { tail, load } = await openTail(environment);
    await append(tail, 0, 10);
    await copyTail(environment, 'save');
    await append(tail, 10, 20);
    await copyTail(environment, 'restore');
    await expect(append(tail, 20, 30)).rejects.toThrow(/it begins anew/);
    await append(tail, 20, 30);
    await append(tail, 30, 40);
    const stored = await load();
    expect(ranges(stored)).toEqual(['20-30', '30-40']);
    expect(stored.parts[0]?.base).toEqual({ sequence: 20, state: { at: 20 } });
  });

  it('has another generation, whose numbers may fit by chance', async () => {
    await using environment = await redisEnvironment(redis);
    const { tail, load } = await openTail(environment);
    await append(tail, 0, 10);
    await copyTail(environment, 'save');
    await tail.begin(baseAt(5)());
    await append(tail, 5, 10);
    await copyTail(environment, 'restore');
    await expect(append(tail, 10, 20)).rejects.toThrow(/it begins anew/);
    await append(tail, 10, 20);
    expect(ranges(await load())).toEqual(['10-20']);
  });

  it('has the process before ours under our node id: that one is gone', async () => {
    await using environment = await redisEnvironment(redis);
    const before = await newNode(environment, 'node-a');
    const key = `test:{${environment.applicationId}}:members`;
    const older = String(await redis.command('HGET', key, 'node-a'));
    await before.membership.leave();
    await redis.command('DEBUG', 'SLEEP', '0.01');
    const after = await newNode(environment, 'node-a');
    await redis.command('HSET', key, 'node-a', older);
    expect(await after.renew()).toMatchObject({ kind: 'renewed', hadLapsed: true });
    expect(await before.membership.renew(STATE, new Map())).toMatchObject({ kind: 'replaced' });
  });
});

it('a node that comes back to a deployment of other settings is told so, and takes nothing', async () => {
  await using environment = await redisEnvironment(redis, { ...DEFAULTS, leaseTtlMs: 100 });
  const a = await newNode(environment, 'node-a');
  await environment.elapse(150);
  const store = await environment.openStore();
  const b = await join(store, identityOf('node-b'), {}, { ...DEPLOYMENT, shardCount: 16 });
  await b.renew();
  await expect(a.renew()).rejects.toThrow(ClusterStoreError);
  expect(await a.acquire([0])).toEqual([]);
  expect((await store.readDeployment())?.shardCount).toBe(16);
});

it('tails and leases of another number of shards are never met', async () => {
  await using environment = await redisEnvironment(redis);
  const { node, tail } = await openTail(environment);
  await append(tail, 0, 10);
  await node.membership.leave();
  const store = await environment.openStore();
  const other = await join(store, identityOf('node-b'), {}, { ...DEPLOYMENT, shardCount: 16 });
  expect((await other.renew()).view.leases.size).toBe(0);
  expect((await other.membership.loadTail(0)).parts).toEqual([]);
});

it('without chunks only the checkpoint moves, with a state of the last seconds', async () => {
  const tail = { maxBytes: 64 * 1024, maxAgeMs: 1_000, keepsChunks: false };
  await using environment = await redisEnvironment(redis, DEFAULTS, { tail });
  const opened = await openTail(environment);
  await append(opened.tail, 0, 10);
  const { bytes } = opened.tail;
  for (const after of [10, 20]) await append(opened.tail, after, after + 10);
  expect(opened.tail.bytes).toBe(bytes);
  // A reply that was lost: the checkpoint may go back.
  await append(opened.tail, 20, 25);
  const { parts, position } = await opened.load();
  expect(position.sequence).toBe(25);
  expect(parts).toEqual([{ base: { sequence: 25, state: { at: 0 } }, chunks: [] }]);
  await environment.elapse(150);
  await append(opened.tail, 25, 30);
  expect((await opened.load()).parts[0]?.base).toEqual({ sequence: 30, state: { at: 25 } });
});

it('every key has a time to live, and one application’s keys share a slot', async () => {
  await using environment = await redisEnvironment(redis);
  const { tail, node } = await openTail(environment);
  await append(tail, 0, 10);
  await node.membership
    .openGuilds(0, node.epochOf(0))
    .begin({ epoch: 'e', sequence: 10, guildIds: [], ownUser: undefined });
  const store = await environment.openStore();
  await store.slots.reserve(0);
  await store.slots.setBudget({ maxConcurrency: 1, remaining: 1, resetAfterMs: 1_000 }, 0);
  await node.renew();
  const keys = (await redis.command('KEYS', `*{${environment.applicationId}}*`)) as string[];
  const names = keys.map((key) => key.split('}:')[1]).sort();
  expect(names).toEqual(
    [
      '8:checkpoint:0',
      '8:guilds:0',
      '8:leases',
      '8:tail:0',
      'budget',
      'deployment',
      'members',
      'slots',
    ].sort(),
  );
  for (const key of keys) expect(Number(await redis.command('PTTL', key)), key).toBeGreaterThan(0);
});

it('a Redis that forgets its scripts is told them again', async () => {
  await using environment = await redisEnvironment(redis);
  const node = await newNode(environment, 'node-a');
  await redis.command('SCRIPT', 'FLUSH');
  expect((await node.renew()).hadLapsed).toBe(false);
});
