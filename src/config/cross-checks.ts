/** What must hold between settings that are each right on their own. Pure. */
import { applicationsOf } from './resolve.ts';
import type { ConfigTree } from './schema.ts';

export type CrossCheck = {
  /** The settings it compares; the problem is told of the first. It is skipped where one of them is wrong by itself. */
  settings: readonly [string, ...string[]];
  holds(config: ConfigTree): boolean;
  wrong: string;
  remedy: string;
};

const APPLICATIONS: readonly CrossCheck[] = [
  {
    settings: ['discord.token', 'applications'],
    holds: ({ discord, applications }) => discord.token !== undefined || applications !== undefined,
    wrong: 'is not set',
    remedy:
      'Set it, or SHARDMUX_DISCORD_TOKEN_FILE to a file that holds it. The token is on the "Bot" page of https://discord.com/developers/applications.',
  },
  {
    settings: ['discord.token', 'applications'],
    holds: ({ discord, applications }) => discord.token === undefined || applications === undefined,
    wrong: 'is set, and applications too',
    remedy: 'Give that bot an entry of applications like the others, and remove the token here.',
  },
  {
    settings: ['workers.tokens', 'applications', 'discord.token'],
    holds(config) {
      const ids = new Set(applicationsOf(config).map(({ id }) => id));
      // Without any application there is a problem already.
      return ids.size === 0 || config.workers.tokens.every(({ application: id }) => !id || ids.has(id));
    },
    wrong: 'has an application that is not configured',
    remedy: 'Correct the application of that worker token, or add it to applications.',
  },
];

const MEMORY: readonly CrossCheck[] = [
  {
    settings: ['eventLog.maxBytesPerShard', 'eventLog.maxBytes'],
    holds: ({ eventLog }) => eventLog.maxBytesPerShard <= eventLog.maxBytes,
    wrong: 'is more than eventLog.maxBytes, which is the limit of all shards together',
    remedy: 'Lower it, or raise eventLog.maxBytes.',
  },
  {
    settings: ['tail.flushBytes', 'tail.maxBytesPerShard'],
    holds: ({ tail }) => tail.flushBytes < tail.maxBytesPerShard,
    wrong: 'is not less than tail.maxBytesPerShard: a single write would fill the tail',
    remedy: 'Lower it, or raise tail.maxBytesPerShard.',
  },
  {
    settings: ['tail.flushIntervalMs', 'tail.maxAgeMs'],
    holds: ({ tail }) => tail.flushIntervalMs < tail.maxAgeMs,
    wrong: 'is not less than tail.maxAgeMs: dispatches would be too old before they are written',
    remedy: 'Lower it, or raise tail.maxAgeMs.',
  },
];

const CLUSTER: readonly CrossCheck[] = [
  {
    settings: ['tail.store', 'redis.hosts'],
    holds: ({ tail, redis }) => tail.store !== 'redis' || redis.hosts.length > 0,
    wrong: 'is redis, and redis.hosts is not set',
    remedy: 'Set redis.hosts, or leave tail.store out.',
  },
  {
    settings: ['tail.store', 'redis.hosts'],
    holds: ({ tail, redis }) => tail.store !== 'disk' || redis.hosts.length === 0,
    wrong: 'is disk, and redis.hosts is set: the other nodes could not read it',
    remedy: 'Leave tail.store out, or set it to redis (or to off, to keep no tails).',
  },
  {
    settings: ['cluster.secret', 'redis.hosts'],
    holds: ({ cluster, redis }) => cluster.secret !== undefined || redis.hosts.length === 0,
    wrong: 'is not set, and redis.hosts is',
    remedy: 'Give all nodes the same one, such as the output of: openssl rand -hex 32',
  },
  {
    settings: ['cluster.renewIntervalMs', 'cluster.leaseTtlMs'],
    holds: ({ cluster }) => cluster.renewIntervalMs * 3 <= cluster.leaseTtlMs,
    wrong: 'is more than a third of cluster.leaseTtlMs: two slow renewals would cost a node its shards',
    remedy: 'Lower it, or raise cluster.leaseTtlMs.',
  },
];

const REDIS: readonly CrossCheck[] = [
  {
    settings: ['redis.mode', 'redis.hosts'],
    holds: ({ redis }) => redis.mode === 'standalone' || redis.hosts.length > 0,
    wrong: 'is set, and redis.hosts is not: this node would be alone',
    remedy: 'Set redis.hosts, or leave redis.mode out.',
  },
  {
    settings: ['redis.hosts', 'redis.mode'],
    holds: ({ redis }) => redis.mode !== 'standalone' || redis.hosts.length <= 1,
    wrong: 'has several hosts, and redis.mode is standalone, which is one',
    remedy: 'Set redis.mode to sentinel or cluster, or give one host.',
  },
  {
    settings: ['redis.sentinelName', 'redis.mode'],
    holds: ({ redis }) => redis.mode !== 'sentinel' || redis.sentinelName !== undefined,
    wrong: 'is not set, and redis.mode is sentinel',
    remedy: 'Give the name behind "sentinel monitor" in the Sentinels\' configuration, such as mymaster.',
  },
  {
    settings: ['redis.sentinelName', 'redis.mode'],
    holds: ({ redis }) => redis.mode === 'sentinel' || redis.sentinelName === undefined,
    wrong: 'is set, and redis.mode is not sentinel',
    remedy: 'Set redis.mode to sentinel, or remove the name.',
  },
  {
    settings: ['redis.database', 'redis.mode'],
    holds: ({ redis }) => redis.mode !== 'cluster' || redis.database === 0,
    wrong: 'is not 0, and redis.mode is cluster: a Redis Cluster has one database',
    remedy: 'Remove it; redis.keyPrefix keeps deployments apart.',
  },
  {
    settings: ['redis.tls', 'redis.tlsCaFile', 'redis.tlsCertFile', 'redis.tlsServername'],
    holds: ({ redis }) => redis.tls || !(redis.tlsCaFile ?? redis.tlsCertFile ?? redis.tlsServername),
    wrong: 'is false, and settings of TLS are given: passwords would travel in the clear',
    remedy: 'Set it to true, or remove the other redis.tls… settings.',
  },
  {
    settings: ['redis.tlsKeyFile', 'redis.tlsCertFile'],
    holds: ({ redis }) => (redis.tlsKeyFile === undefined) === (redis.tlsCertFile === undefined),
    wrong: 'and redis.tlsCertFile go together, and one of them is not set',
    remedy: 'Set both, or neither.',
  },
];

const REST: readonly CrossCheck[] = [
  {
    settings: ['rest.deadlineMs', 'rest.maxDeadlineMs'],
    holds: ({ rest }) => rest.deadlineMs <= rest.maxDeadlineMs,
    wrong: 'is more than rest.maxDeadlineMs',
    remedy: 'Lower it, or raise rest.maxDeadlineMs.',
  },
  {
    settings: ['rest.invalidRequestsAlarmAt', 'rest.invalidRequestsShedAt'],
    holds: ({ rest }) => rest.invalidRequestsAlarmAt <= rest.invalidRequestsShedAt,
    wrong: 'is more than rest.invalidRequestsShedAt: requests would be refused before there is an alarm',
    remedy: 'Lower it, or raise rest.invalidRequestsShedAt.',
  },
  {
    settings: ['rest.invalidRequestsShedAt', 'rest.invalidRequestsStopAt'],
    holds: ({ rest }) => rest.invalidRequestsShedAt < rest.invalidRequestsStopAt,
    wrong: 'is not less than rest.invalidRequestsStopAt: all worker tokens would stop for the fault of one',
    remedy: 'Lower it, or raise rest.invalidRequestsStopAt.',
  },
  {
    settings: ['rest.statusPort', 'rest.port', 'status.host', 'rest.host'],
    holds: ({ status, rest }) =>
      rest.statusPort !== rest.port || rest.port === 0 || !overlap(status.host, rest.host),
    wrong: 'is the same as rest.port',
    remedy: 'Give one of them another port.',
  },
];

const ADDRESSES: readonly CrossCheck[] = [
  {
    settings: ['status.port', 'workers.port', 'status.host', 'workers.host'],
    holds: ({ status, workers }) =>
      status.port !== workers.port || status.port === 0 || !overlap(status.host, workers.host),
    wrong: 'is the same as workers.port',
    remedy: 'Give one of them another port.',
  },
];

export const CROSS_CHECKS: readonly CrossCheck[] = [
  ...APPLICATIONS,
  ...MEMORY,
  ...CLUSTER,
  ...REDIS,
  ...REST,
  ...ADDRESSES,
];

const ANY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

function overlap(left: string, right: string): boolean {
  return left === right || ANY_ADDRESS.has(left) || ANY_ADDRESS.has(right);
}
