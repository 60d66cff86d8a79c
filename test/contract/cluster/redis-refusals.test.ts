/** A Redis that will not do is refused at the start, with the setting to look at and without a secret. */

import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClusterStoreError, openRedisStore, type RedisStoreOptions } from '../../../src/cluster/index.ts';
import { RedisKeys } from '../../../src/cluster/redis/keys.ts';
import { type RedisServer, startRedis } from '../../support/redis.ts';
import { startSentinelSetup } from '../../support/redis-groups.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import { DEFAULTS, identityOf, STATE } from './cluster-environment.ts';
import { redisEnvironment, redisOptions } from './redis-environment.ts';

const PASSWORD = 'correct-horse-battery';
const WRONG_PASSWORD = 'wrong-donkey-battery';

type Change = Partial<RedisStoreOptions> & Pick<RedisStoreOptions, 'hosts'>;

async function refusal(change: Change): Promise<string> {
  const options = redisOptions(DEFAULTS, { connectTimeoutMs: 300, commandTimeoutMs: 500, ...change });
  try {
    await (await openRedisStore(options))[Symbol.asyncDispose]();
  } catch (error) {
    expect(error).toBeInstanceOf(ClusterStoreError);
    const { message } = error as ClusterStoreError;
    expect(message).not.toContain(PASSWORD);
    expect(message).not.toContain(WRONG_PASSWORD);
    return message;
  }
  throw new Error('it was not refused');
}

/** A server that answers as told, for what no real one at hand does. `info`: lines of INFO. */
async function startFakeRedis(info: readonly string[]): Promise<AsyncDisposable & { readonly port: number }> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      const text = info.join('\r\n');
      const isInfo = /\r\ninfo\r\n/i.test(bytes.toString());
      socket.write(isInfo ? `$${text.length}\r\n${text}\r\n` : '-ERR unknown command `HELLO`, with args\r\n');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port, // TCP: always an AddressInfo
    [Symbol.asyncDispose]: async () => void (await once(server.close(), 'close')),
  };
}

describe('a Redis is refused', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis({
      password: PASSWORD,
      users: {
        readonly: `on >${PASSWORD} ~* &* +@all -@write`,
        keyless: `on >${PASSWORD} ~other:* &* +@all`,
        silent: `on >${PASSWORD} ~* resetchannels +@all`,
        scriptless: `on >${PASSWORD} ~* &* +@all -eval -evalsha`,
      },
    });
  });
  afterAll(() => redis[Symbol.asyncDispose]());

  it('that is not there', async () => {
    const proxy = await startTcpProxy(redis.address);
    await proxy[Symbol.asyncDispose]();
    expect(await refusal({ hosts: [proxy.address] })).toContain(
      `redis.hosts: nothing listens at 127.0.0.1:${proxy.port}; start Redis there, or correct the address (waited for redis.connectTimeoutMs, 300 ms)`,
    );
  });

  it('whose name nobody knows', async () => {
    const said = await refusal({ hosts: [{ host: 'redis.invalid', port: 6379 }] });
    expect(said).toMatch(/^redis\.hosts: the name in redis\.invalid:6379 can not be resolved/);
  });

  it('that does not answer', async () => {
    await using proxy = await startTcpProxy(redis.address);
    proxy.blackHole();
    expect(await refusal({ hosts: [proxy.address] })).toMatch(/^redis\.hosts: .* does not answer in time/);
  });

  it('that is something else', async () => {
    await using web = await startWebServer();
    expect(await refusal({ hosts: [{ host: '127.0.0.1', port: web.port }] })).toMatch(
      /^redis\.hosts: what answers at .* is no Redis/,
    );
  });

  it('that is older than 6.2', async () => {
    await using old = await startFakeRedis(['redis_version:6.0.16', 'redis_mode:standalone', 'role:master']);
    expect(await refusal({ hosts: [{ host: '127.0.0.1', port: old.port }] })).toBe(
      `redis.hosts: 127.0.0.1:${old.port} is Redis 6.0.16; shardmux needs 6.2 or newer`,
    );
  });

  it('that wants a password', async () => {
    expect(await refusal({ hosts: [redis.address] })).toMatch(/^redis\.password: .* wants a password/);
  });

  it('that has another password', async () => {
    expect(await refusal({ hosts: [redis.address], password: WRONG_PASSWORD })).toMatch(
      /^redis\.password: .* does not accept it/,
    );
  });

  it('that does not know the user', async () => {
    const said = await refusal({ hosts: [redis.address], username: 'nobody', password: PASSWORD });
    expect(said).toMatch(/^redis\.password: .* there is no user nobody \(redis\.username\)/);
  });

  it.each([
    ['readonly', /^redis\.username: the user readonly may not .*HSET.*XADD.* on ~test:\*/],
    ['keyless', /^redis\.username: the user .* no permissions/],
    ['silent', /^redis\.username: the user .* no permissions/],
    ['scriptless', /^redis\.username: the user .* 'eval/],
  ])('whose user %s lacks rights', async (username, expected) => {
    expect(await refusal({ hosts: [redis.address], username, password: PASSWORD })).toMatch(expected);
  });

  it('that has no such database', async () => {
    const said = await refusal({ hosts: [redis.address], password: PASSWORD, database: 99 });
    expect(said).toMatch(/^redis\.database: .* has no such database/);
  });

  it('that is no Redis Cluster, or no Sentinel', async () => {
    const server = { hosts: [redis.address], password: PASSWORD };
    expect(await refusal({ ...server, mode: 'cluster' })).toMatch(/^redis\.mode: .* is no Redis Cluster/);
    const sentinel = { mode: 'sentinel', sentinelName: 'x', sentinelPassword: PASSWORD } as const;
    expect(await refusal({ ...server, ...sentinel })).toMatch(/^redis\.mode: .* is no Sentinel/);
  });

  it('that is part of a Redis Cluster', async () => {
    await using node = await startRedis({ directives: { 'cluster-enabled': 'yes' } });
    expect(await refusal({ hosts: [node.address] })).toMatch(/^redis\.mode: .* is part of a Redis Cluster/);
    // No slots yet, and nobody else to ask.
    expect(await refusal({ hosts: [node.address], mode: 'cluster' })).toMatch(/^redis\.hosts: /);
    expect(await refusal({ hosts: [node.address], mode: 'cluster', database: 1 })).toMatch(
      /^redis\.database: /,
    );
  });

  it('that can not be written to', async () => {
    await using master = await startRedis();
    await using full = await startRedis({ directives: { 'min-replicas-to-write': '1' } });
    await using replica = await startRedis({ directives: { replicaof: `127.0.0.1 ${master.port}` } });
    expect(await refusal({ hosts: [replica.address] })).toMatch(/^redis\.hosts: .* is a replica/);
    expect(await refusal({ hosts: [full.address] })).toMatch(
      /^redis\.hosts: Redis refuses to be written to: NOREPLICAS/,
    );
  });
});

describe('Sentinels are refused', () => {
  it('that do not know the name, or want another password, or are taken for a server', async () => {
    await using setup = await startSentinelSetup({ sentinelPassword: PASSWORD });
    const { addresses: hosts, name: sentinelName } = setup;
    const sentinels = { mode: 'sentinel', hosts, sentinelName, sentinelPassword: PASSWORD } as const;
    expect(await refusal({ ...sentinels, sentinelName: 'other' })).toMatch(
      /^redis\.sentinelName: .* knows no master other/,
    );
    expect(await refusal({ ...sentinels, sentinelPassword: WRONG_PASSWORD })).toMatch(
      /^redis\.sentinelPassword: .* does not accept it/,
    );
    expect(await refusal({ ...sentinels, sentinelPassword: undefined })).toMatch(
      /^redis\.sentinelPassword: .* wants a password/,
    );
    expect(await refusal({ hosts, password: PASSWORD })).toMatch(/^redis\.mode: .* is a Sentinel/);
  });
});

describe('TLS is refused', () => {
  it('to a server that speaks none', async () => {
    await using redis = await startRedis();
    expect(await refusal({ hosts: [redis.address], tls: {} })).toMatch(
      /^redis\.tls: .* does not speak TLS; set redis\.tls to false/,
    );
  });

  it('where it is left out, or the server can not be trusted, or is another, or wants a certificate', async () => {
    await using redis = await startRedis({ tls: { wantsClientCertificate: true } });
    const { ca, cert, key } = redis.certificates!;
    const hosts = [redis.address];
    expect(await refusal({ hosts })).toMatch(/^redis\.tls: .* wants TLS; set redis\.tls to true/);
    expect(await refusal({ hosts, tls: { cert, key } })).toMatch(
      /^redis\.tlsCaFile: .* nobody that is trusted/,
    );
    expect(await refusal({ hosts, tls: { ca } })).toMatch(/^redis\.tlsCertFile: .* wants one/);
    expect(await refusal({ hosts, tls: { ca, cert, key, servername: 'other' } })).toMatch(
      /^redis\.tlsServername: .* another name/,
    );
    expect(await refusal({ hosts, tls: { ca, cert: 'nonsense', key } })).toMatch(
      /^redis\.tlsCaFile, redis\.tlsCertFile/,
    );
  });
});

describe('at the start', () => {
  it('a Redis that is not up yet is waited for', async () => {
    await using redis = await startRedis();
    await redis.stop();
    const opening = openRedisStore(redisOptions(DEFAULTS, { hosts: [redis.address] }));
    await redis.start();
    await using store = await opening;
    expect(store.isConnected).toBe(true);
    expect(store.warnings).toEqual([]);
  });

  it.each([
    ['allkeys-lru', 1],
    ['volatile-ttl', 1],
    ['noeviction', 0],
  ])('a Redis with a bound on memory and the policy %s gives %i warnings', async (policy, count) => {
    await using redis = await startRedis({ directives: { maxmemory: '100mb', 'maxmemory-policy': policy } });
    await using store = await openRedisStore(redisOptions(DEFAULTS, { hosts: [redis.address] }));
    expect(store.warnings.filter((warning) => warning.includes('maxmemory-policy'))).toHaveLength(count);
  });
});

describe('a node that joins is refused, and does not wait,', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis[Symbol.asyncDispose]());

  it.each(['members', 'deployment'] as const)('where the key of the %s is something else', async (key) => {
    await using environment = await redisEnvironment(redis);
    await using store = await environment.openStore();
    const keys = new RedisKeys('test', environment.applicationId);
    await redis.command('SADD', keys[key], 'foreign');
    const joining = store.join(identityOf('node-a'), STATE, { shardCount: 8, fingerprints: {} });
    await expect(joining).rejects.toThrow(ClusterStoreError);
    await expect(joining).rejects.toThrow(
      /^redis\.keyPrefix: something else keeps its data at .* under test: too; choose another prefix \(WRONGTYPE [^()@]*\)$/,
    );
  });

  it('where what was agreed on can not be read', async () => {
    await using environment = await redisEnvironment(redis);
    await using store = await environment.openStore();
    const { deployment } = new RedisKeys('test', environment.applicationId);
    await redis.command('SADD', deployment, 'foreign');
    await expect(store.readDeployment()).rejects.toThrow(ClusterStoreError);
  });
});

async function startWebServer(): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port, // TCP: always an AddressInfo
    [Symbol.asyncDispose]: async () => void (await once(server.close(), 'close')),
  };
}
