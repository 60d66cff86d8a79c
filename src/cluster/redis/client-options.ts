/** What ioredis is told. Pure but for the jitter of reconnects. */
import type { ClusterOptions, RedisOptions } from 'ioredis';
import { backoffMs } from '../../runtime/backoff.ts';
import type { RedisAddress, RedisConnectionOptions, RedisTls } from './options.ts';

/** Between attempts to reconnect: soon, because leases wait; not at once, because others do the same. */
const RECONNECT = { firstMs: 50, maxMs: 1_000 };

/** A Redis Cluster that moves a slot, or fails over, is asked again this often within one call. */
const MAX_REDIRECTIONS = 4;

/** ioredis tells clients apart by this one, which we leave alone. */
export type ServerOptions = Omit<RedisOptions, 'replyMapping'>;
export type NodesOptions = Omit<ClusterOptions, 'redisOptions'> & {
  redisOptions: Omit<NonNullable<ClusterOptions['redisOptions']>, 'replyMapping'>;
};

/** Of a connection. */
export interface Limits {
  readonly commandTimeoutMs: number;
  /** A connection that owes an answer and says nothing for so long is dead. */
  readonly socketTimeoutMs: number;
}

const retry = (attempts: number): number => backoffMs(attempts, Math.random(), RECONNECT);

/** A master that was demoted: the one that is master now must be found. */
const isDemoted = (error: Error): boolean => error.message.startsWith('READONLY');

function tlsOptions(tls: RedisTls): NonNullable<RedisOptions['tls']> {
  // What is not given must be missing: Node takes `ca: undefined` for no trust at all in some paths.
  return Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
}

/** For one look at one server: no retry, no queue. */
export function probeOptions(
  { host, port }: RedisAddress,
  { tls, commandTimeoutMs }: RedisConnectionOptions,
  credentials: { readonly username?: string | undefined; readonly password?: string | undefined },
): ServerOptions {
  return {
    host,
    port,
    ...credentials,
    tls: tls && tlsOptions(tls),
    lazyConnect: true,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    disableClientInfo: true,
    connectTimeout: commandTimeoutMs,
    commandTimeout: commandTimeoutMs,
    disconnectTimeout: commandTimeoutMs,
    retryStrategy: null,
  };
}

function commonOptions(options: RedisConnectionOptions, limits: Limits): ServerOptions {
  return {
    username: options.username,
    password: options.password,
    tls: options.tls && tlsOptions(options.tls),
    lazyConnect: true,
    disableClientInfo: true,
    connectTimeout: options.commandTimeoutMs,
    commandTimeout: limits.commandTimeoutMs,
    socketTimeout: limits.socketTimeoutMs,
    disconnectTimeout: options.commandTimeoutMs,
    // What was on its way when the connection broke is rejected at once: the caller knows what to do, a queue does not.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    reconnectOnError: isDemoted,
  };
}

/** For a connection that lasts, to one server or to the master that Sentinels know. */
export function serverOptions(options: RedisConnectionOptions, limits: Limits): ServerOptions {
  const common: ServerOptions = {
    ...commonOptions(options, limits),
    db: options.database ?? 0,
    enableOfflineQueue: false,
    retryStrategy: retry,
    // It would leave a rejection to nobody when the new connection breaks at once; `RedisConnections` subscribes by itself.
    autoResubscribe: false,
  };
  if (options.mode !== 'sentinel') return { ...common, ...options.hosts[0] };
  return {
    ...common,
    sentinels: [...options.hosts],
    name: options.sentinelName,
    sentinelPassword: options.sentinelPassword,
    sentinelRetryStrategy: retry,
    sentinelCommandTimeout: options.commandTimeoutMs,
    ...(options.tls && { enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(options.tls) }),
  };
}

export function clusterOptions(options: RedisConnectionOptions, limits: Limits): NodesOptions {
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: retry,
    slotsRefreshTimeout: options.commandTimeoutMs,
    maxRedirections: MAX_REDIRECTIONS,
    // The names must stay as they are: certificates are for them.
    ...(options.tls && { dnsLookup: (address: string, found: LookedUp) => found(null, address) }),
    redisOptions: commonOptions(options, limits),
  };
}

type LookedUp = (error: null, address: string) => void;
