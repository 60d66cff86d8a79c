/** How Redis is connected to, from the configuration. */
import { readFileSync } from 'node:fs';
import { ClusterStoreError, type RedisConnectionOptions, type RedisTls } from '../cluster/index.ts';
import type { GatewayConfig } from '../config/index.ts';
import type { Logger } from '../observability/index.ts';
import type { Clock } from '../runtime/clock.ts';

export interface RedisContext {
  readonly clock: Clock;
  readonly log: Logger;
  /** What goes on without Redis, for the log. */
  readonly meanwhile: string;
}

/** @throws {ClusterStoreError} a file that a setting names can't be read. */
export function redisConnectionOptions(
  { redis }: GatewayConfig,
  { clock, log, meanwhile }: RedisContext,
): RedisConnectionOptions {
  return {
    ...redis,
    password: redis.password?.reveal(),
    sentinelPassword: redis.sentinelPassword?.reveal(),
    tls: redis.tls ? readTls(redis) : undefined,
    clock,
    onWaiting: (reason) => log.warn({ reason, forMs: redis.connectTimeoutMs }, 'waiting for Redis'),
    onState: (state) => {
      if (state.kind === 'connected') log.info({}, 'connected to Redis');
      else log.warn({ reason: state.reason }, `the connection to Redis is lost; ${meanwhile}`);
    },
  };
}

function readTls({ tlsCaFile, tlsCertFile, tlsKeyFile, tlsServername }: GatewayConfig['redis']): RedisTls {
  return {
    ca: readPem('redis.tlsCaFile', tlsCaFile),
    cert: readPem('redis.tlsCertFile', tlsCertFile),
    key: readPem('redis.tlsKeyFile', tlsKeyFile),
    servername: tlsServername,
  };
}

function readPem(setting: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ClusterStoreError(`${setting}: ${path} can not be read: ${(cause as Error).message}`, {
      cause,
    });
  }
}
