/** The main of the contract on every way to run Redis: a Redis Cluster, Sentinels with a failover, TLS, an ACL user. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LeaseLostError, type RedisState } from '../../../src/cluster/index.ts';
import { StoredGuildsLostError } from '../../../src/guilds/index.ts';
import { eventually } from '../../support/eventually.ts';
import { startRedis } from '../../support/redis.ts';
import {
  type RedisCluster,
  type SentinelSetup,
  startRedisCluster,
  startSentinelSetup,
} from '../../support/redis-groups.ts';
import { DEFAULTS, identityOf, join, newNode, type TestNode } from './cluster-environment.ts';
import { type RedisEnvironment, redisEnvironment } from './redis-environment.ts';

const BASE = { sequence: 0, state: { session: 's1' } };
const PASSWORD = 'correct-horse-battery';

function chunkBehind(afterSequence: number) {
  return {
    afterSequence,
    lastSequence: afterSequence + 1,
    writtenAtMs: Date.now(),
    compressed: Buffer.alloc(50, afterSequence),
  };
}

/** Each part of the port once, with two nodes. */
async function expectWorks(environment: RedisEnvironment): Promise<void> {
  const a = await newNode(environment, 'node-a');
  const store = await environment.openStore();
  expect(store.warnings).toEqual([]);
  const b = await join(store, identityOf('node-b'));
  expect(await a.acquire([0, 1])).toHaveLength(2);
  expect(await b.acquire([0, 1])).toEqual([]);
  await expectTailMoves(a, b);
  await expectGuildsMove(a, b);
  expect((await b.renew()).view.members).toHaveLength(2);
  expect((await a.renew()).lost).toEqual([0, 1]);
  await expectHears(a, b);
  await store.slots.setBudget({ maxConcurrency: 1, remaining: 9, resetAfterMs: 60_000 }, 0);
  expect((await store.slots.reserve(0)).waitMs).toBeGreaterThan(0);
  expect((await store.slots.take(0, 0)).kind).toBe('wait');
  await store.slots.noteSent(0);
  expect(await store.slots.budget()).toMatchObject({ remaining: 9 });
  expect((await store.readDeployment())?.shardCount).toBe(8);
  await a.membership.leave();
}

async function expectTailMoves(a: TestNode, b: TestNode): Promise<void> {
  const tail = a.membership.openTail(0, a.epochOf(0));
  await tail.begin(BASE);
  await tail.append(chunkBehind(0), () => BASE);
  const { position } = await b.membership.loadTail(0);
  await tail.append(chunkBehind(1), () => BASE);
  b.held.set(0, (await a.pass(0, b))?.epoch ?? 0);
  await expect(tail.append(chunkBehind(2), () => BASE)).rejects.toBeInstanceOf(LeaseLostError);
  const stored = await b.membership.loadTail(0, position);
  expect(stored).toMatchObject({ isContinuation: true, parts: [{ chunks: [{ lastSequence: 2 }] }] });
  await b.membership.openTail(0, b.epochOf(0)).append(chunkBehind(2), () => BASE);
  expect((await a.membership.loadTail(0)).parts[0]?.chunks).toHaveLength(3);
}

async function expectGuildsMove(a: TestNode, b: TestNode): Promise<void> {
  const checkpoint = { epoch: 'e', sequence: 1, guildIds: ['1'], ownUser: undefined };
  const guild = { guildId: '1', sequence: 1, body: Buffer.from('body'), pending: Buffer.alloc(0) };
  const former = a.membership.openGuilds(1, a.epochOf(1));
  await former.begin(checkpoint);
  await former.put([guild]);
  b.held.set(1, (await a.pass(1, b))?.epoch ?? 0);
  await expect(former.put([guild])).rejects.toBeInstanceOf(LeaseLostError);
  for await (const batch of (await b.membership.loadGuilds(1))?.guilds ?? []) expect(batch).toEqual([guild]);
  const store = b.membership.openGuilds(1, b.epochOf(1));
  await store.put([{ ...guild, sequence: 2, body: undefined }]);
  await store.commit({ ...checkpoint, sequence: 2, guildIds: [] });
  for await (const batch of (await a.membership.loadGuilds(1))?.guilds ?? []) expect(batch).toEqual([]);
}

async function expectHears(a: TestNode, b: TestNode): Promise<void> {
  let heard = 0;
  using _subscription = b.membership.subscribe(() => heard++);
  await a.membership.publish({ from: 'node-a', kind: 'changed' });
  await eventually(() => heard === 1);
}

describe('Redis Cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  it('does what one Redis does, whichever of its nodes has the keys', async () => {
    // Each application has a slot of its own: some of them are on every node.
    for (let count = 0; count < 4; count++) {
      await using environment = await redisEnvironment(cluster.nodes[0]!, DEFAULTS, {
        mode: 'cluster',
        hosts: cluster.addresses,
      });
      await expectWorks(environment);
    }
    for (const node of cluster.nodes) expect(Number(await node.command('DBSIZE'))).toBeGreaterThan(0);
  });

  it('is found through any of its nodes that is up', async () => {
    const [first, second] = cluster.addresses;
    await using environment = await redisEnvironment(cluster.nodes[0]!, DEFAULTS, {
      mode: 'cluster',
      hosts: [{ host: '127.0.0.1', port: 1 }, second!, first!],
    });
    const node = await newNode(environment, 'node-a');
    expect(await node.acquire([0])).toHaveLength(1);
  });

  it('is used again when a node of it comes back, empty', async () => {
    const states: RedisState['kind'][] = [];
    await using environment = await redisEnvironment(cluster.nodes[0]!, DEFAULTS, {
      mode: 'cluster',
      hosts: cluster.addresses,
      commandTimeoutMs: 500,
      onState: ({ kind }) => states.push(kind),
    });
    const node = await newNode(environment, 'node-a');
    await node.acquire([0]);
    const heard: string[] = [];
    node.membership.subscribe(({ from }) => heard.push(from));
    for (const server of cluster.nodes) await server.kill();
    await expect(node.renew()).rejects.toThrow(/Redis/);
    await eventually(() => states.at(-1) === 'lost');
    await Promise.all(cluster.nodes.map((server) => server.start()));
    const renewal = await eventually(() => node.renew(), 20_000);
    expect(renewal).toMatchObject({ hadLapsed: true, wasForgotten: true, lost: [] });
    const tail = node.membership.openTail(0, node.epochOf(0));
    await eventually(() => tail.begin(BASE).then(() => true), 10_000);
    await eventually(() => states.at(-1) === 'connected');
    const other = await join(await environment.openStore(), identityOf('node-b'));
    await eventually(async () => {
      await other.membership.publish({ from: 'node-b', kind: 'changed' });
      return heard.length > 0;
    }, 40_000);
    // ioredis looks for another node to listen at in its own time.
  }, 90_000);
});

describe('Sentinels', () => {
  let setup: SentinelSetup;
  beforeAll(async () => {
    setup = await startSentinelSetup({ password: PASSWORD });
  });
  afterAll(() => setup[Symbol.asyncDispose]());

  it('lead to the master, and after a failover that lost writes to the next, where the fence holds', async () => {
    const states: RedisState['kind'][] = [];
    await using environment = await redisEnvironment(setup.master, DEFAULTS, {
      mode: 'sentinel',
      hosts: setup.addresses,
      sentinelName: setup.name,
      password: PASSWORD,
      onState: ({ kind }) => states.push(kind),
    });
    await expectWorks(environment);
    const [a, b] = [await newNode(environment, 'node-c'), await newNode(environment, 'node-d')];
    await a.acquire([4, 5]);
    const tail = a.membership.openTail(4, a.epochOf(4));
    await tail.begin(BASE);
    const guilds = a.membership.openGuilds(5, a.epochOf(5));
    const checkpoint = { epoch: 'e', sequence: 1, guildIds: ['1'], ownUser: undefined };
    const guild = { guildId: '1', sequence: 1, body: Buffer.from('body'), pending: Buffer.alloc(0) };
    await guilds.begin(checkpoint);
    await setup.master.command('WAIT', '1', '5000');

    // From here on the replica learns nothing: it will be the master, and older.
    await setup.replica.command('CONFIG', 'SET', 'masterauth', 'another');
    await setup.master.command('CLIENT', 'KILL', 'TYPE', 'replica');
    await tail.append(chunkBehind(0), () => BASE);
    await guilds.put([guild]);
    b.held.set(4, (await a.pass(4, b))?.epoch ?? 0);
    await setup.failOver();

    const renewal = await eventually(() => b.renew(), 10_000);
    expect(renewal.lost).toEqual([]);
    expect(renewal.view.leases.get(4)).toEqual({ shardId: 4, epoch: b.epochOf(4), holder: b.identity });
    expect((await eventually(() => a.renew(), 10_000)).lost).toEqual([4]);
    await eventually(() => expect(tail.begin(BASE)).rejects.toBeInstanceOf(LeaseLostError), 10_000);

    // The new owner has read one chunk more than the new master knows: it goes on from a base of its own.
    const next = b.membership.openTail(4, b.epochOf(4));
    await eventually(() => next.append(chunkBehind(1), () => BASE).then(() => true));
    const stored = await b.membership.loadTail(4);
    expect(stored.parts).toMatchObject([{ base: { sequence: 1 }, chunks: [{ lastSequence: 2 }] }]);

    // A guild is missing there that its writer has stored: nothing is added to what is too old.
    await expect(guilds.commit({ ...checkpoint, sequence: 2 })).rejects.toBeInstanceOf(StoredGuildsLostError);
    expect((await a.membership.loadGuilds(5))?.checkpoint).toEqual(checkpoint);
    await guilds.begin(checkpoint);
    await guilds.put([guild]);
    expect(new Set(states)).toEqual(new Set(['lost', 'connected']));
    expect(states.at(-1)).toBe('connected');
  });
});

describe('TLS', () => {
  it('is spoken with certificates on both sides', async () => {
    await using redis = await startRedis({ tls: { wantsClientCertificate: true }, password: PASSWORD });
    const { ca, cert, key } = redis.certificates!;
    const change = { tls: { ca, cert, key }, password: PASSWORD };
    await using environment = await redisEnvironment(redis, DEFAULTS, change);
    await expectWorks(environment);
  });

  it('is spoken with a server that wants no certificate, under its own name', async () => {
    await using redis = await startRedis({ tls: { wantsClientCertificate: false } });
    const change = { tls: { ca: redis.certificates!.ca, servername: 'localhost' } };
    await using environment = await redisEnvironment(redis, DEFAULTS, change);
    await expectWorks(environment);
  });
});

/** The rule that the documentation gives, of which every word counts. */
function documentedRule(marker: string): string[] {
  const document = readFileSync(new URL('../../../docs/redis-keys.md', import.meta.url), 'utf8');
  const line = document.split('\n').find((text) => text.startsWith(`ACL SETUSER shardmux ${marker}`));
  if (!line) throw new Error(`no rule that begins with ${marker}`);
  return line.replace('<password>', PASSWORD).split(' ').slice(3);
}

describe('an ACL user', () => {
  it('with the documented rights can do all that is needed, in a database too', async () => {
    await using redis = await startRedis();
    const rule = documentedRule('on ');
    await redis.command('ACL', 'SETUSER', 'shardmux', ...rule, '+select');
    const change = { username: 'shardmux', password: PASSWORD, keyPrefix: 'shardmux', database: 3 };
    await using environment = await redisEnvironment(redis, DEFAULTS, change);
    await expectWorks(environment);
  });

  it('on a Redis Cluster has two more', async () => {
    await using cluster = await startRedisCluster();
    const rule = documentedRule('on ');
    const more = documentedRule('+cluster');
    for (const node of cluster.nodes) await node.command('ACL', 'SETUSER', 'shardmux', ...rule, ...more);
    await using environment = await redisEnvironment(cluster.nodes[0]!, DEFAULTS, {
      mode: 'cluster',
      hosts: cluster.addresses,
      username: 'shardmux',
      password: PASSWORD,
      keyPrefix: 'shardmux',
    });
    await expectWorks(environment);
  });

  it('needs each of them', async () => {
    await using redis = await startRedis();
    const rule = documentedRule('on ');
    const change = { username: 'shardmux', password: PASSWORD, keyPrefix: 'shardmux', connectTimeoutMs: 0 };
    await using environment = await redisEnvironment(redis, DEFAULTS, change);
    const rights = rule.filter((word) => /^[+~&]/.test(word));
    expect(rights.length).toBeGreaterThan(20);
    for (const left of rights) {
      await redis.command('ACL', 'SETUSER', 'shardmux', 'reset', ...rule.filter((word) => word !== left));
      const opened = await environment.openStore().then(() => `opened without ${left}`, String);
      expect(opened).toMatch(/^ClusterStoreError: redis\.username: /);
    }
  });
});
