/** A Redis that goes away: methods reject at once, the connection comes back by itself, and nothing else is lost. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  type ClusterMessage,
  type RedisState,
  type RedisStore,
  StoreUnreachableError,
} from '../../../src/cluster/index.ts';
import { eventually } from '../../support/eventually.ts';
import { type RedisServer, startRedis } from '../../support/redis.ts';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { DEFAULTS, identityOf, join, STATE, type TestNode } from './cluster-environment.ts';
import { type RedisEnvironment, redisEnvironment } from './redis-environment.ts';

const COMMAND_TIMEOUT_MS = 300;

/** Far less than a command timeout: whoever asks learns at once that there is no connection. */
const AT_ONCE_MS = 100;

/** A dead connection is noticed, given up and made again. */
const RECOVERY_DEADLINE_MS = 10_000;

let redis: RedisServer;
let proxy: TcpProxy;
let environment: RedisEnvironment;
let store: RedisStore;
let node: TestNode;
let states: RedisState[];

beforeEach(async () => {
  states = [];
  redis = await startRedis();
  proxy = await startTcpProxy(redis.address);
  environment = await redisEnvironment(redis, DEFAULTS, {
    hosts: [proxy.address],
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
    onState: (state) => states.push(state),
  });
  store = await environment.openStore();
  node = await join(store, identityOf('node-a'));
  await node.acquire([0]);
});

afterEach(async () => {
  await environment[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});

const lost = () => eventually(() => states.at(-1)?.kind === 'lost', RECOVERY_DEADLINE_MS);
const found = () => eventually(() => states.at(-1)?.kind === 'connected', RECOVERY_DEADLINE_MS);

async function failure(
  call: () => Promise<unknown>,
): Promise<{ readonly message: string; readonly ms: number }> {
  const startedAtMs = performance.now();
  const error = await call().then(
    () => new Error('it did not fail'),
    (reason: Error) => reason,
  );
  return { message: error.message, ms: performance.now() - startedAtMs };
}

it('every method rejects at once while it is cut off, and works again by itself', async () => {
  const tail = node.membership.openTail(0, node.epochOf(0));
  const guilds = node.membership.openGuilds(0, node.epochOf(0));
  const checkpoint = { epoch: 'e', sequence: 0, guildIds: [], ownUser: undefined };
  await guilds.begin(checkpoint);
  await proxy.cut();
  await lost();
  expect(store.isConnected).toBe(false);
  const methods = [
    () => node.renew(),
    () => node.acquire([1]),
    () => node.pass(0, undefined),
    () => node.membership.loadTail(0),
    () => tail.begin({ sequence: 0, state: {} }),
    () => node.membership.loadGuilds(0),
    () => guilds.put([]),
    () => guilds.commit(checkpoint),
    () => guilds.begin(checkpoint),
    () => node.membership.publish({ from: 'node-a', kind: 'changed' }),
    () => store.slots.reserve(0),
    () => store.readDeployment(),
    () => store.join(identityOf('node-b'), STATE, { shardCount: 8, fingerprints: {} }),
  ];
  for (const method of methods) {
    const { message, ms } = await failure(method);
    expect(message).toMatch(/^not connected to Redis/);
    expect(ms).toBeLessThan(AT_ONCE_MS);
  }
  const { errors } = store.counts;
  expect(errors).toBeGreaterThanOrEqual(methods.length);
  await proxy.mend();
  await found();
  expect(store.isConnected).toBe(true);
  expect((await node.renew()).view.leases.get(0)?.holder).toEqual(node.identity);
  await eventually(() => guilds.commit({ ...checkpoint, sequence: 5 }).then(() => true));
  expect((await node.membership.loadGuilds(0))?.checkpoint.sequence).toBe(5);
  expect(store.counts.reconnects).toBeGreaterThan(0);
  expect(states.map(({ kind }) => kind)).toEqual(['lost', 'connected']);
});

it('what is asked when the connection breaks is rejected with it, not when the timeout is over', async () => {
  redis.pause();
  const asked = failure(() => node.renew());
  await proxy.cut();
  redis.resume();
  expect((await asked).message).toMatch(/Redis/);
  expect((await asked).ms).toBeLessThan(COMMAND_TIMEOUT_MS);
});

it('guilds that are being read are not taken for all of them', async () => {
  const guilds = node.membership.openGuilds(0, node.epochOf(0));
  await guilds.begin({ epoch: 'e', sequence: 0, guildIds: ['1'], ownUser: undefined });
  await guilds.put([{ guildId: '1', sequence: 0, body: Buffer.from('b'), pending: Buffer.alloc(0) }]);
  const stored = await node.membership.loadGuilds(0);
  const reading = stored!.guilds[Symbol.asyncIterator](); // It was begun above.
  await proxy.cut();
  await lost();
  await expect(reading.next()).rejects.toBeInstanceOf(StoreUnreachableError);
});

it('a connection that lets nothing through is noticed, and made again', async () => {
  proxy.blackHole();
  const { message } = await failure(() => node.renew());
  expect(message).toMatch(/did not answer within 300 ms/);
  await lost();
  // The old connections stay dead: whoever waits for them to be closed waits for ever.
  await proxy.mend({ keepsDead: true });
  await found();
  await eventually(() => node.renew(), RECOVERY_DEADLINE_MS);
  await eventually(() => node.membership.loadTail(0), RECOVERY_DEADLINE_MS);
});

it('a Redis that stood still for a while is used again', async () => {
  redis.pause();
  await lost();
  redis.resume();
  await found();
  await eventually(() => node.renew());
});

it('a Redis that comes back empty is filled by those who hold', async () => {
  await redis.restart();
  const renewal = await eventually(() => node.renew(), RECOVERY_DEADLINE_MS);
  expect(renewal).toMatchObject({ hadLapsed: true, lost: [] });
  expect(renewal.view.leases.get(0)?.epoch).toBe(node.epochOf(0));
});

it('messages are heard again after the connection broke', async () => {
  const heard: ClusterMessage[] = [];
  node.membership.subscribe((message) => heard.push(message));
  const other = await join(await environment.openStore({ hosts: [redis.address] }), identityOf('node-b'));
  await proxy.cut();
  await lost();
  await proxy.mend();
  await found();
  await eventually(async () => {
    await other.membership.publish({ from: 'node-b', kind: 'changed' });
    return heard.length > 0;
  });
});

it('a renewal does not wait behind tails', async () => {
  const writer = node.membership.openTail(0, node.epochOf(0));
  await writer.begin({ sequence: 0, state: {} });
  const compressed = Buffer.alloc(1024 * 1024);
  const chunk = { afterSequence: 0, lastSequence: 1, writtenAtMs: Date.now(), compressed };
  await writer.append(chunk, () => ({ sequence: 0, state: {} }));
  const loads = Array.from({ length: 64 }, () => node.membership.loadTail(0));
  let isLoading = true;
  const loaded = Promise.all(loads).then(() => {
    isLoading = false;
  });
  for (let times = 0; times < 3; times++) await node.renew();
  expect(isLoading).toBe(true);
  await loaded;
});

it('a store that was disposed of leaves no connection behind', async () => {
  await environment[Symbol.asyncDispose]();
  await eventually(() => proxy.connections === 0);
  await expect(node.renew()).rejects.toThrow(/not connected/);
  expect(states).toEqual([]);
});

it('a store can be disposed of while it is cut off', async () => {
  await proxy.cut();
  await lost();
  const startedAtMs = performance.now();
  await environment[Symbol.asyncDispose]();
  expect(performance.now() - startedAtMs).toBeLessThan(COMMAND_TIMEOUT_MS);
});

it('a store that could not be opened leaves no connection behind', async () => {
  await redis.command('ACL', 'SETUSER', 'default', '-xadd');
  await expect(environment.openStore()).rejects.toThrow(/redis\.username/);
  await environment[Symbol.asyncDispose]();
  await eventually(() => proxy.connections === 0);
});
