/** What a node says of a Redis that will not do. Every wording is in test/contract/cluster/redis-refusals.test.ts; here are processes. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { spawnNode } from '../../support/node.ts';
import { type RedisServer, startRedis } from '../../support/redis.ts';
import {
  clusterEnvironment,
  type Environment,
  expectNoSecrets,
  NO_DISCORD,
  refused,
  SECRETS,
} from './refused.ts';

let redis: RedisServer;

beforeAll(async () => {
  redis = await startRedis({
    password: SECRETS.redisPassword,
    users: { foreign: `on >${SECRETS.redisPassword} ~other:* resetchannels &other:* +@all` },
  });
});
afterAll(() => redis?.[Symbol.asyncDispose]());

it.each<[string, Environment, string]>([
  ['without a password', {}, 'redis.password: <redis> wants a password, and none is set'],
  [
    'with a wrong password',
    { SHARDMUX_REDIS_PASSWORD: SECRETS.wrongRedisPassword },
    'redis.password: <redis> does not accept it',
  ],
  [
    'as a user that there is not',
    { SHARDMUX_REDIS_USERNAME: 'nobody', SHARDMUX_REDIS_PASSWORD: SECRETS.redisPassword },
    'redis.password: <redis> does not accept it, or there is no user nobody (redis.username)',
  ],
  [
    'as a user that may not',
    { SHARDMUX_REDIS_USERNAME: 'foreign', SHARDMUX_REDIS_PASSWORD: SECRETS.redisPassword },
    'redis.username: the user foreign may not do what shardmux does at <redis>; docs/redis-keys.md has the rule it needs (NOPERM',
  ],
  [
    'with TLS, where there is none',
    { SHARDMUX_REDIS_TLS: 'true', SHARDMUX_REDIS_PASSWORD: SECRETS.redisPassword },
    'redis.tls: <redis> does not speak TLS; set redis.tls to false, or give its TLS port',
  ],
  [
    'as a Redis Cluster',
    { SHARDMUX_REDIS_MODE: 'cluster', SHARDMUX_REDIS_PASSWORD: SECRETS.redisPassword },
    'redis.mode: <redis> is no Redis Cluster; set redis.mode to standalone or sentinel',
  ],
  [
    'as a Sentinel',
    {
      SHARDMUX_REDIS_MODE: 'sentinel',
      SHARDMUX_REDIS_SENTINEL_NAME: 'any',
      SHARDMUX_REDIS_SENTINEL_PASSWORD: SECRETS.redisPassword,
    },
    'redis.mode: <redis> is no Sentinel; set redis.mode to standalone or cluster',
  ],
])('a node that comes %s is refused at once', async (_how, change, reason) => {
  const refusal = await refused({ ...clusterEnvironment(redis.port, 'node-a'), ...change });
  expect(refusal.msg).toBe('shardmux can not start');
  expect(refusal.reason).toContain(reason.replace('<redis>', `127.0.0.1:${redis.port}`));
  expect(refusal.before).toEqual([]);
});

it('a node that speaks no TLS where Redis wants it is refused', async () => {
  await using encrypted = await startRedis({ tls: { wantsClientCertificate: false } });
  const { reason } = await refused(clusterEnvironment(encrypted.port, 'node-a'));
  expect(reason).toBe(`redis.tls: 127.0.0.1:${encrypted.port} wants TLS; set redis.tls to true`);
});

it('a Redis that is too old is refused, with both versions', async () => {
  await using old = await startOldRedis();
  const { reason } = await refused(clusterEnvironment(old.port, 'node-a'));
  expect(reason).toBe(`redis.hosts: 127.0.0.1:${old.port} is Redis 6.0.16; shardmux needs 6.2 or newer`);
});

it('where nothing listens a node says that it waits, for how long, and then what is wrong', async () => {
  const gone = await startOldRedis();
  await gone[Symbol.asyncDispose]();
  const env = { ...clusterEnvironment(gone.port, 'node-a'), SHARDMUX_REDIS_CONNECT_TIMEOUT_MS: '1500' };
  await using node = spawnNode({ discord: NO_DISCORD, env });
  expect(await node.exited).toBe(1);
  const wrong = `redis.hosts: nothing listens at 127.0.0.1:${gone.port}; start Redis there, or correct the address`;
  expect(node.logs()).toMatchObject([
    { level: 'warn', msg: 'waiting for Redis', reason: wrong, forMs: 1500 },
    {
      level: 'fatal',
      msg: 'shardmux can not start',
      reason: `${wrong} (waited for redis.connectTimeoutMs, 1500 ms)`,
    },
  ]);
  expectNoSecrets(node.logs());
});

/** Says no more than that. */
async function startOldRedis(): Promise<AsyncDisposable & { readonly port: number }> {
  const info = 'redis_version:6.0.16\r\nredis_mode:standalone\r\nrole:master\r\n';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      const isInfo = /\r\ninfo\r\n/i.test(bytes.toString());
      socket.write(isInfo ? `$${info.length}\r\n${info}\r\n` : '-ERR unknown command `HELLO`, with args\r\n');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port, // TCP: always an AddressInfo
    [Symbol.asyncDispose]: async () => void (await once(server.close(), 'close')),
  };
}
