/** What only Redis comes across with guilds: replies that were lost, a Redis that is older than its writer, foreign hands. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RedisStoreOptions } from '../../../src/cluster/index.ts';
import { loadScripts } from '../../../src/cluster/redis/scripts.ts';
import { type GuildStore, type StoredGuild, StoredGuildsLostError } from '../../../src/guilds/index.ts';
import { type RedisServer, startRedis } from '../../support/redis.ts';
import { DEFAULTS, DEPLOYMENT, identityOf, join } from './cluster-environment.ts';
import { type RedisEnvironment, redisEnvironment } from './redis-environment.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

const checkpointAt = (sequence: number, guildIds: readonly string[] = ['1', '2']) => ({
  epoch: 'e',
  sequence,
  guildIds,
  ownUser: undefined,
});

function guildAt(guildId: string, sequence: number) {
  return {
    guildId,
    sequence,
    body: Buffer.from(`body ${sequence}`),
    pending: Buffer.from(`pending ${sequence}`),
  };
}

/** A node that holds shard 0, and what it writes to; begun. */
async function openGuilds(environment: RedisEnvironment, change: Partial<RedisStoreOptions> = {}) {
  const node = await join(await environment.openStore(change), identityOf('node-a'));
  await node.acquire([0]);
  const open = (): GuildStore => node.membership.openGuilds(0, node.epochOf(0));
  const store = open();
  await store.begin(checkpointAt(10));
  const load = async () => {
    const guilds: StoredGuild[] = [];
    for await (const batch of (await node.membership.loadGuilds(0))?.guilds ?? []) guilds.push(...batch);
    return guilds.sort((one, other) => Number(one.guildId) - Number(other.guildId));
  };
  return { node, store, open, load };
}

const keyOf = ({ applicationId }: RedisEnvironment) => `test:{${applicationId}}:8:guilds:0`;

it('a write whose reply was lost may be made again, and what comes after it may be made', async () => {
  await using environment = await redisEnvironment(redis);
  const { store, open, load } = await openGuilds(environment);
  // It knows of its own writes only, as if it had not heard of what the other one wrote.
  const deaf = open();
  await deaf.put([guildAt('1', 11)]);
  await store.put([guildAt('1', 12)]);
  await store.put([guildAt('1', 12)]);
  await deaf.put([guildAt('1', 12)]);
  await deaf.commit(checkpointAt(12));
  expect(await load()).toEqual([guildAt('1', 12)]);
});

it.each([
  'begin-guilds',
  'put-guilds',
  'commit-guilds',
] as const)('a call of %s that comes after a later one changes nothing', async (name) => {
  await using environment = await redisEnvironment(redis);
  const { node, store, load } = await openGuilds(environment);
  for (const sequence of [11, 12]) await store.put([guildAt('1', sequence)]);
  const key = keyOf(environment);
  const [number = '', writer = ''] = String(await redis.command('HGET', key, 'revision')).split(' ');
  const { nodeId, incarnation } = node.identity;
  const fence = [nodeId, incarnation, '0', String(node.epochOf(0))];
  const before = String(Number(number) - 1);
  const late = {
    'begin-guilds': [writer, before, '1000', '{}'],
    'put-guilds': [writer, before, '1000', `1 ${writer}`, '2', '1', '1', '99 late', 'late'],
    'commit-guilds': [writer, before, '1000', `1 ${writer}`, '2', '{}', '99', '1'],
  }[name];
  const lua = loadScripts().get(name)!.lua; // All of them are there.
  const leases = key.replace('guilds:0', 'leases');
  expect(await redis.command('EVAL', lua, '2', leases, key, ...fence, ...late)).toEqual(['torn']);
  expect(await load()).toEqual([guildAt('1', 12)]);
});

it.each([
  ['put', (store: GuildStore) => store.put([guildAt('2', 13)])],
  ['commit', (store: GuildStore) => store.commit(checkpointAt(13))],
])('a Redis that is older than its writer is found out by the next %s', async (_name, write) => {
  await using environment = await redisEnvironment(redis);
  const { store, load } = await openGuilds(environment);
  await store.put([guildAt('1', 11)]);
  await redis.command('COPY', keyOf(environment), `${keyOf(environment)}:copy`);
  await store.put([guildAt('1', 12)]);
  await redis.command('COPY', `${keyOf(environment)}:copy`, keyOf(environment), 'REPLACE');
  await expect(write(store)).rejects.toBeInstanceOf(StoredGuildsLostError);
  expect(await load()).toEqual([guildAt('1', 11)]);
  await store.begin(checkpointAt(14));
  await store.put([guildAt('1', 14)]);
  expect(await load()).toEqual([guildAt('1', 14)]);
});

it('a guild that can not be understood is told and left out, and goes with the next commit that does not name it', async () => {
  await using environment = await redisEnvironment(redis);
  const told: string[] = [];
  const onUnreadable = (key: string, reason: string) => told.push(`${key}: ${reason}`);
  const { store, open, load } = await openGuilds(environment, { onUnreadable });
  await store.put([guildAt('1', 11), guildAt('2', 11)]);
  await redis.command('HSET', keyOf(environment), 'p2', 'nonsense');
  expect(await load()).toEqual([guildAt('1', 11)]);
  expect(told).toEqual([`${keyOf(environment)}: what is stored of guild 2 is not one`]);
  await open().commit(checkpointAt(11, ['1']));
  const fields = (await redis.command('HKEYS', keyOf(environment))) as string[];
  expect(fields.sort()).toEqual(['b1', 'checkpoint', 'generation', 'p1', 'revision']);
});

it('a checkpoint that can not be understood is told, and nothing is stored', async () => {
  await using environment = await redisEnvironment(redis);
  const told: string[] = [];
  const { node } = await openGuilds(environment, { onUnreadable: (key) => told.push(key) });
  for (const checkpoint of ['{}', '{"epoch":1}', 'nonsense', '']) {
    await redis.command('HSET', keyOf(environment), 'checkpoint', checkpoint);
    expect(await node.membership.loadGuilds(0)).toBeUndefined();
  }
  expect(told).toEqual(Array.from({ length: 4 }, () => keyOf(environment)));
});

it('guilds of another number of shards are never met', async () => {
  await using environment = await redisEnvironment(redis);
  const { node } = await openGuilds(environment);
  await node.membership.leave();
  const store = await environment.openStore();
  const other = await join(store, identityOf('node-b'), {}, { ...DEPLOYMENT, shardCount: 16 });
  expect(await other.membership.loadGuilds(0)).toBeUndefined();
});

it('they are kept without chunks of the tail too', async () => {
  const tail = { maxBytes: 64 * 1024, maxAgeMs: 1_000, keepsChunks: false };
  await using environment = await redisEnvironment(redis, DEFAULTS, { tail });
  const { store, load } = await openGuilds(environment);
  await store.put([guildAt('1', 11)]);
  expect(await load()).toEqual([guildAt('1', 11)]);
});

const inRedis = async (environment: RedisEnvironment) =>
  Number(await redis.command('MEMORY', 'USAGE', keyOf(environment), 'SAMPLES', '0'));

function sizedGuild(guildId: string, sequence: number, bytes: number) {
  return { guildId, sequence, body: Buffer.alloc(bytes, 'x'), pending: Buffer.alloc(bytes / 5, 'x') };
}

/** From 0.7 to 1.3 times `bytes`, evenly: each by the golden ratio after the one before. */
const spread = (bytes: number, n: number) => Math.round(bytes * (0.7 + 0.6 * ((n * 0.618034) % 1)));

it.each([
  [2, 600],
  [300, 600],
  [300, 5_000],
  [20, 90_000],
])('it tells what %i guilds of %i bytes take, about as Redis reckons it', async (count, bytes) => {
  await using environment = await redisEnvironment(redis);
  const { store } = await openGuilds(environment);
  for (let n = 0; n < count; n++) {
    await store.put([sizedGuild(String(100_000_000_000_000_000 + n), 1_000_000 + n, spread(bytes, n))]);
  }
  const reckoned = await inRedis(environment);
  expect(store.bytes).toBeGreaterThan(reckoned * 0.9);
  expect(store.bytes).toBeLessThan(reckoned * 1.1);
});

it("it tells what a guild of any size takes, also where it only just needs the next of the allocator's sizes", async () => {
  await using environment = await redisEnvironment(redis);
  const { store } = await openGuilds(environment);
  const told: [bytes: number, ratio: number][] = [];
  for (let bytes = 420; bytes <= 780; bytes += 5) {
    await store.put([sizedGuild('100000000000000000', 1_000_000, bytes)]);
    told.push([bytes, store.bytes / (await inRedis(environment))]);
  }
  expect(told.filter(([, ratio]) => ratio < 0.9 || ratio > 1.1)).toEqual([]);
});
