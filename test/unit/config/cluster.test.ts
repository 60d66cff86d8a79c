import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { configOf, problemsOf, TOKEN, yamlFile } from './loading.ts';

const SECRET = 's3cr3t'.repeat(6);
/** What a node of a cluster needs. */
const CLUSTER = {
  ...TOKEN,
  SHARDMUX_REDIS_HOSTS: 'redis-1:6379',
  SHARDMUX_CLUSTER_SECRET: SECRET,
};

describe('a node alone', () => {
  it('has no Redis, and its tails on disk', () => {
    const { redis, tail, cluster } = configOf(TOKEN);
    expect(redis.hosts).toEqual([]);
    expect(tail.store).toBe('disk');
    expect(cluster).toMatchObject({ nodeId: undefined, secret: undefined, weight: 1 });
  });

  it('may have no tails', () => {
    expect(configOf({ ...TOKEN, SHARDMUX_TAIL_STORE: 'off' }).tail.store).toBe('off');
  });
});

describe('a node of a cluster', () => {
  it('needs the address of Redis and a secret, and has its tails in Redis', () => {
    const { redis, tail, cluster } = configOf(CLUSTER);
    expect(redis).toMatchObject({
      hosts: [{ host: 'redis-1', port: 6379 }],
      mode: 'standalone',
      keyPrefix: 'shardmux',
      commandTimeoutMs: 1_000,
      connectTimeoutMs: 10_000,
      tls: false,
    });
    expect(tail).toMatchObject({ store: 'redis', maxBytesPerShard: 4 * 2 ** 20 });
    expect(cluster).toMatchObject({
      leaseTtlMs: 5_000,
      renewIntervalMs: 1_000,
      drainTimeoutMs: 30_000,
      maxParallelMoves: 4,
      unfitAfterMs: 15_000,
    });
  });

  it('may keep no tails', () => {
    expect(configOf({ ...CLUSTER, SHARDMUX_TAIL_STORE: 'off' }).tail.store).toBe('off');
  });

  it('takes passwords and its secret out of files', () => {
    const { SHARDMUX_CLUSTER_SECRET: _, ...env } = CLUSTER;
    const names = {
      SHARDMUX_REDIS_PASSWORD_FILE: '/run/password',
      SHARDMUX_REDIS_SENTINEL_PASSWORD_FILE: '/run/sentinel',
      SHARDMUX_CLUSTER_SECRET_FILE: '/run/secret',
    };
    const files = { '/run/password': 'pass word\n', '/run/sentinel': 'b', '/run/secret': `${SECRET}\n` };
    const { redis, cluster } = configOf({ ...env, ...names }, files);
    expect(redis.password?.reveal()).toBe('pass word');
    expect(redis.sentinelPassword?.reveal()).toBe('b');
    expect(cluster.secret?.reveal()).toBe(SECRET);
  });

  it('reads hosts, numbers and switches from YAML', () => {
    const yaml = [
      'redis:',
      '  mode: sentinel',
      '  sentinelName: mymaster',
      '  hosts: ["10.0.0.1:26379", "[fd00::2]:26379"]',
      '  tls: true',
      'cluster: { weight: 0.5, advertise: "[fd00::3]:7777", nodeId: node_A.1 }',
    ].join('\n');
    const { SHARDMUX_REDIS_HOSTS: _, ...env } = CLUSTER;
    const { redis, cluster } = configOf(...yamlFile(yaml, env));
    expect(redis.hosts).toEqual([
      { host: '10.0.0.1', port: 26379 },
      { host: 'fd00::2', port: 26379 },
    ]);
    expect(redis.tls).toBe(true);
    expect(cluster).toMatchObject({ weight: 0.5, advertise: '[fd00::3]:7777', nodeId: 'node_A.1' });
  });

  it.each([
    ['0.25', 0.25],
    ['100', 100],
  ])('has the weight %s', (text, weight) => {
    expect(configOf({ ...CLUSTER, SHARDMUX_CLUSTER_WEIGHT: text }).cluster.weight).toBe(weight);
  });
});

describe('what is wrong with a cluster', () => {
  it.each([
    ['SHARDMUX_REDIS_HOSTS', 'redis-1'],
    ['SHARDMUX_REDIS_HOSTS', 'redis-1:0'],
    ['SHARDMUX_REDIS_HOSTS', 'redis-1:6379,redis-2:6379'],
    ['SHARDMUX_REDIS_HOSTS', 'redis://:s3cr3t@redis-1:6379'],
    ['SHARDMUX_REDIS_MODE', 'sentinels'],
    ['SHARDMUX_REDIS_SENTINEL_NAME', 'mymaster'],
    ['SHARDMUX_REDIS_DATABASE', '-1'],
    ['SHARDMUX_REDIS_TLS', 'yes'],
    ['SHARDMUX_REDIS_TLS_KEY_FILE', '/run/key'],
    ['SHARDMUX_REDIS_KEY_PREFIX', 'shard{mux}'],
    ['SHARDMUX_REDIS_COMMAND_TIMEOUT_MS', '5'],
    ['SHARDMUX_CLUSTER_NODE_ID', 'node 1'],
    ['SHARDMUX_CLUSTER_NODE_ID', 'n'.repeat(65)],
    ['SHARDMUX_CLUSTER_SECRET', 's3cr3t'],
    ['SHARDMUX_CLUSTER_ADVERTISE', 'ws://node-1:7777'],
    ['SHARDMUX_CLUSTER_ADVERTISE', 'node-1'],
    ['SHARDMUX_CLUSTER_WEIGHT', '0'],
    ['SHARDMUX_CLUSTER_WEIGHT', '101'],
    ['SHARDMUX_CLUSTER_WEIGHT', 'half'],
    ['SHARDMUX_CLUSTER_LEASE_TTL_MS', '1s'],
    ['SHARDMUX_CLUSTER_RENEW_INTERVAL_MS', '2s'],
    ['SHARDMUX_CLUSTER_MAX_PARALLEL_MOVES', '0'],
    ['SHARDMUX_CLUSTER_UNFIT_AFTER_MS', '-1'],
    ['SHARDMUX_TAIL_STORE', 'disk'],
  ])('is %s=%s, and nothing else is said to be', (name, value) => {
    const problems = problemsOf({ ...CLUSTER, [name]: value });
    expect(problems).toHaveLength(1);
    expect(problems[0]?.setting.startsWith(name)).toBe(true);
    expect(problems[0]?.remedy).toMatch(/\S/);
    expect(inspect(problems)).not.toContain('s3cr3t');
  });

  it.each([
    [{ SHARDMUX_REDIS_MODE: 'sentinel' }, 'SHARDMUX_REDIS_SENTINEL_NAME'],
    [{ SHARDMUX_REDIS_MODE: 'cluster', SHARDMUX_REDIS_DATABASE: '1' }, 'SHARDMUX_REDIS_DATABASE'],
    [{ SHARDMUX_REDIS_TLS_CA_FILE: '/run/ca' }, 'SHARDMUX_REDIS_TLS'],
    [{ SHARDMUX_REDIS_TLS: 'true', SHARDMUX_REDIS_TLS_CERT_FILE: '/run/c' }, 'SHARDMUX_REDIS_TLS_KEY_FILE'],
  ])('is told of %j by the setting %s', (env, setting) => {
    expect(problemsOf({ ...CLUSTER, ...env }).map((problem) => problem.setting)).toEqual([setting]);
  });

  it('is a Redis without the secret of the cluster, and the remedy makes one', () => {
    const problems = problemsOf({ ...TOKEN, SHARDMUX_REDIS_HOSTS: 'redis-1:6379' });
    expect(problems).toMatchObject([
      { setting: 'SHARDMUX_CLUSTER_SECRET', wrong: 'is not set, and redis.hosts is' },
    ]);
    expect(problems[0]?.remedy).toContain('openssl rand -hex 32');
  });

  it.each([
    { SHARDMUX_TAIL_STORE: 'redis' },
    { SHARDMUX_REDIS_MODE: 'cluster' },
  ])('is %j without a Redis', (env) => {
    expect(problemsOf({ ...TOKEN, ...env }).map(({ setting }) => setting)).toEqual(Object.keys(env));
  });

  it('is a secret and a secret file together', () => {
    const problems = problemsOf({ ...CLUSTER, SHARDMUX_CLUSTER_SECRET_FILE: '/run/s' }, { '/run/s': SECRET });
    expect(problems).toMatchObject([{ wrong: 'is set, and SHARDMUX_CLUSTER_SECRET too' }]);
  });

  it('is not what a file that can not be read may hold', () => {
    const { SHARDMUX_CLUSTER_SECRET: _, ...env } = CLUSTER;
    const withoutFile = problemsOf({ ...env, SHARDMUX_CONFIG: 'gone' });
    expect(withoutFile.map(({ setting }) => setting)).toEqual(['SHARDMUX_CONFIG']);
    const withoutSecret = problemsOf({ ...env, SHARDMUX_CLUSTER_SECRET_FILE: 'gone' });
    expect(withoutSecret.map(({ setting }) => setting)).toEqual(['SHARDMUX_CLUSTER_SECRET_FILE']);
  });

  it('does not show passwords', () => {
    const passwords = { SHARDMUX_REDIS_PASSWORD: 's3cr3t pass', SHARDMUX_REDIS_SENTINEL_PASSWORD: 's3cr3t' };
    const config = configOf({ ...CLUSTER, ...passwords });
    expect(inspect(config, { depth: 9, showHidden: true })).not.toContain('s3cr3t');
    expect(JSON.stringify(config)).not.toContain('s3cr3t');
  });
});
