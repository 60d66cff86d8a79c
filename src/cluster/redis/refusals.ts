/**
 * Why a Redis can't be used, in words that name the setting to look at. Pure. `later`: it may work in a moment (it is not up yet,
 * or loading), so it is worth another attempt.
 */
import type { RedisAddress, RedisConnectionOptions } from './options.ts';

export interface Refusal {
  readonly kind: 'never' | 'later';
  readonly message: string;
}

/** Streams, ACL rules for channels, and scripts that may ask for the time before they write. */
const OLDEST_VERSION = [6, 2] as const;

const never = (message: string): Refusal => ({ kind: 'never', message });
const later = (message: string): Refusal => ({ kind: 'later', message });

export function placeOf({ host, port }: RedisAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** `code`: Node's, or OpenSSL's. `message`: what was said last. */
export interface Failure {
  readonly code?: string | undefined;
  readonly message: string;
}

/** Of a server, or (`isSentinel`) of a Sentinel. */
export function refusalOfFailure(
  { code = '', message }: Failure,
  place: string,
  options: Pick<RedisConnectionOptions, 'tls' | 'username' | 'password' | 'sentinelPassword'>,
  isSentinel = false,
): Refusal {
  return (
    refusalOfNetwork(code, message, place) ??
    refusalOfTls(code, message, place) ??
    refusalOfCredentials(message, place, options, isSentinel) ??
    later(`redis.hosts: ${place} can not be used: ${message}`)
  );
}

function refusalOfNetwork(code: string, message: string, place: string): Refusal | undefined {
  if (code === 'ECONNREFUSED')
    return later(`redis.hosts: nothing listens at ${place}; start Redis there, or correct the address`);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return later(`redis.hosts: the name in ${place} can not be resolved (${code})`);
  }
  if (code === 'ETIMEDOUT' || message === 'Command timed out') {
    return later(
      `redis.hosts: ${place} does not answer in time; is there a firewall, or another kind of server?`,
    );
  }
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') {
    return later(`redis.hosts: ${place} can not be reached (${code})`);
  }
  if (message.startsWith('LOADING')) return later(`redis.hosts: ${place} is still loading its data`);
  if (/^Protocol error|^Unknown RESP type/.test(message))
    return never(`redis.hosts: what answers at ${place} is no Redis`);
  return undefined;
}

function refusalOfTls(code: string, message: string, place: string): Refusal | undefined {
  if (code === 'SPEAKS_TLS') {
    return never(`redis.tls: ${place} wants TLS; set redis.tls to true`);
  }
  if (code === 'SPEAKS_NO_TLS' || code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'EPROTO') {
    return never(`redis.tls: ${place} does not speak TLS; set redis.tls to false, or give its TLS port`);
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return never(`redis.tlsServername: the certificate of ${place} is for another name: ${message}`);
  }
  if (code === 'CERT_HAS_EXPIRED') return never(`redis.tls: the certificate of ${place} has expired`);
  if (/SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|CERT_UNTRUSTED|CERT_SIGNATURE/.test(code)) {
    return never(
      `redis.tlsCaFile: the certificate of ${place} is signed by nobody that is trusted (${code}); give the file of the CA that signed it`,
    );
  }
  if (/ALERT|HANDSHAKE_FAILURE|CERTIFICATE_REQUIRED/.test(code)) {
    return never(
      `redis.tlsCertFile: ${place} does not accept this node's certificate, or wants one (${code})`,
    );
  }
  if (/PEM|KEY_VALUES_MISMATCH|ERR_OSSL/.test(code)) {
    return never(
      `redis.tlsCaFile, redis.tlsCertFile, redis.tlsKeyFile: one of them can not be read (${code})`,
    );
  }
  return undefined;
}

function refusalOfCredentials(
  message: string,
  place: string,
  {
    username,
    password,
    sentinelPassword,
  }: Pick<RedisConnectionOptions, 'username' | 'password' | 'sentinelPassword'>,
  isSentinel: boolean,
): Refusal | undefined {
  const setting = isSentinel ? 'redis.sentinelPassword' : 'redis.password';
  const isGiven = (isSentinel ? sentinelPassword : password) !== undefined;
  if (/^(?:WRONGPASS|ERR invalid password)/.test(message)) {
    const whose =
      username === undefined || isSentinel ? '' : `, or there is no user ${username} (redis.username)`;
    const isMissing = isGiven ? '' : ' that it is not set';
    return never(`${setting}: ${place} does not accept${isMissing || ' it'}${whose}`);
  }
  if (message.startsWith('NOAUTH')) {
    return never(
      isGiven
        ? `${setting}: ${place} does not accept it`
        : `${setting}: ${place} wants a password, and none is set`,
    );
  }
  if (/^NOPERM|can't run this command/.test(message)) {
    return never(
      `redis.username: the user ${username ?? 'default'} may not do what shardmux does at ${place}; docs/redis-keys.md has the rule it needs (${message})`,
    );
  }
  if (/DB index is out of range|SELECT is not allowed/i.test(message)) {
    return never(`redis.database: ${place} has no such database`);
  }
  return undefined;
}

/** What passes by itself, or with the operator's help: loading, a failover, a long script, a full memory or disk. */
const PASSING =
  /\b(?:LOADING|READONLY|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|BUSY|OOM|MISCONF|NOREPLICAS|max number of clients|Script killed)\b/;

/**
 * Why a node can not start with a Redis that answered so; `undefined` where it may answer otherwise in a moment. Redis 6.2
 * gives an error inside a script as `ERR Error running script (…): …`, so the cause may stand anywhere in it.
 */
export function refusalOfReply(
  reply: string,
  options: Pick<RedisConnectionOptions, 'hosts' | 'keyPrefix' | 'username' | 'password' | 'sentinelPassword'>,
): Refusal | undefined {
  if (!/^(?:ERR|WRONGTYPE|NOPERM|NOAUTH|WRONGPASS) /.test(reply) || PASSING.test(reply)) return undefined;
  const { keyPrefix, hosts } = options;
  const place = hosts.map(placeOf).join(', ');
  const said = reply.replace(/,? script: [0-9a-f]{40}.*$/, '');
  if (/\bWRONGTYPE\b/.test(said)) {
    return never(
      `redis.keyPrefix: something else keeps its data at ${place} under ${keyPrefix}: too; choose another prefix (${said})`,
    );
  }
  return (
    refusalOfCredentials(said, place, options, false) ??
    never(`redis.hosts: ${place} refuses what shardmux asks of it: ${said}`)
  );
}

/** What `INFO` says, by its names. */
export type ServerInfo = ReadonlyMap<string, string>;

export function parseInfo(text: string): ServerInfo {
  const pairs = text.split('\r\n').map((line) => line.split(':', 2));
  return new Map(pairs.filter((pair): pair is [string, string] => pair.length === 2));
}

export function refusalOfServer(
  info: ServerInfo,
  place: string,
  mode: RedisConnectionOptions['mode'],
): Refusal | undefined {
  if (info.get('redis_mode') === 'sentinel') {
    return never(`redis.mode: ${place} is a Sentinel; set redis.mode to sentinel and redis.sentinelName`);
  }
  const version = info.get('redis_version') ?? '0.0';
  if (isTooOld(version)) {
    return never(
      `redis.hosts: ${place} is Redis ${version}; shardmux needs ${OLDEST_VERSION.join('.')} or newer`,
    );
  }
  const isCluster = info.get('cluster_enabled') === '1';
  if (isCluster && mode !== 'cluster') {
    return never(`redis.mode: ${place} is part of a Redis Cluster; set redis.mode to cluster`);
  }
  if (!isCluster && mode === 'cluster') {
    return never(`redis.mode: ${place} is no Redis Cluster; set redis.mode to standalone or sentinel`);
  }
  if (info.get('loading') === '1') return later(`redis.hosts: ${place} is still loading its data`);
  if (mode === 'cluster' || info.get('role') === 'master') return undefined;
  const replica = `redis.hosts: ${place} is a replica, which can not be written to`;
  // Sentinels may name the former master for a moment.
  return mode === 'sentinel'
    ? later(replica)
    : never(`${replica}; give the master, or set redis.mode to sentinel`);
}

function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < OLDEST_VERSION[0] || (major === OLDEST_VERSION[0] && minor < OLDEST_VERSION[1]);
}

/** `info`: of `CLUSTER INFO`. */
export function refusalOfCluster(info: ServerInfo, place: string): Refusal | undefined {
  const state = info.get('cluster_state');
  if (state === 'ok') return undefined;
  return later(`redis.hosts: the Redis Cluster of ${place} is not ready (cluster_state is ${state})`);
}

export function warningsOf(info: ServerInfo, place: string): string[] {
  const policy = info.get('maxmemory_policy') ?? 'noeviction';
  if (info.get('maxmemory') === '0' || policy === 'noeviction') return [];
  return [
    `Redis at ${place} may evict leases and tails when its memory is full: its maxmemory-policy is ${policy}; set it to noeviction`,
  ];
}

/** `refused`: command, what Redis said, command, … of those that the user may not give. */
export function refusalOfAccess(
  refused: readonly string[],
  options: Pick<RedisConnectionOptions, 'username' | 'keyPrefix'>,
): Refusal | undefined {
  const replies = refused.flatMap((command, index) =>
    index % 2 === 0 ? [{ command, said: refused[index + 1] ?? '' }] : [],
  );
  const [first] = replies;
  if (!first) return undefined;
  const forbidden = replies.filter(({ said }) =>
    /NOPERM|can't (?:run|access)|no permissions|ACL/i.test(said),
  );
  // A full Redis, say, refuses writes too, and that is no matter of rights.
  if (!forbidden[0]) return later(`redis.hosts: Redis refuses to be written to: ${first.said}`);
  const { username = 'default', keyPrefix } = options;
  const commands = [...new Set(forbidden.map(({ command }) => command))].join(' ');
  return never(
    `redis.username: the user ${username} may not ${commands} on ~${keyPrefix}:* and &${keyPrefix}:*; docs/redis-keys.md has the rule it needs (${forbidden[0].said})`,
  );
}
