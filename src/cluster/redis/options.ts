/** What the Redis store is told, and what it tells besides the port. */

import type { ShareStore } from '../../rest/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ClusterStore } from '../ports.ts';

export type RedisMode = 'standalone' | 'sentinel' | 'cluster';

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Each as PEM text. An empty object: TLS with what the system trusts. */
export interface RedisTls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name that the certificate must have, where it is not the host connected to. */
  readonly servername?: string | undefined;
}

export interface RedisTailOptions {
  /** Of one shard: its base and its chunks. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  /** `false`: only the checkpoint is kept. */
  readonly keepsChunks: boolean;
}

/** A change of the connection. `reason` holds no secret. */
export type RedisState = { readonly kind: 'connected' } | { readonly kind: 'lost'; readonly reason: string };

/** Where Redis is, and how it is spoken to. */
export interface RedisConnectionOptions {
  readonly mode: RedisMode;
  /** One for `standalone`; the Sentinels for `sentinel`; some of the nodes for `cluster`. */
  readonly hosts: readonly RedisAddress[];
  /** What the Sentinels call the master. */
  readonly sentinelName?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly sentinelPassword?: string | undefined;
  readonly database?: number | undefined;
  readonly tls?: RedisTls | undefined;
  /** What all keys and the channel begin with. */
  readonly keyPrefix: string;
  /** What takes longer counts as failed. Tails have ten times as long. */
  readonly commandTimeoutMs: number;
  /** How long a Redis that is not up yet is waited for at the start. */
  readonly connectTimeoutMs: number;
  /** For waiting; what is decided goes by Redis' clock. */
  readonly clock: Clock;
  /** Once, when the start has to wait for Redis. */
  readonly onWaiting?: ((reason: string) => void) | undefined;
  /** For log and metrics. Not called before the store is open, nor after it was disposed of. */
  readonly onState?: ((state: RedisState) => void) | undefined;
}

export interface RedisStoreOptions extends RedisConnectionOptions {
  readonly applicationId: string;
  /** How long a membership lives without being renewed. */
  readonly leaseTtlMs: number;
  readonly tail: RedisTailOptions;
  /** Discord's; tests have no time for it. */
  readonly identifyIntervalMs?: number | undefined;
  /** What is stored under a key can't be understood, and counts as absent. */
  readonly onUnreadable?: ((key: string, reason: string) => void) | undefined;
}

/** Plain counts since the start, read by metrics. */
export interface RedisCounts {
  commands: number;
  errors: number;
  reconnects: number;
}

/** What is there to be seen of a connection to Redis. */
export interface RedisHealth {
  readonly isConnected: boolean;
  readonly counts: Readonly<RedisCounts>;
  /** What is not as it should be in this Redis, and works all the same; for the log. */
  readonly warnings: readonly string[];
}

export interface RedisStore extends ClusterStore, RedisHealth {}

/** What REST nodes share, of all scopes. */
export interface RedisShareStore extends ShareStore, RedisHealth, AsyncDisposable {}
