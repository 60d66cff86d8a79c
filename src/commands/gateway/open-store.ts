/** Opens what an application's nodes share: Redis, or this node's own memory and disk. */
import {
  ApplicationDirectory,
  EmbeddedStore,
  openRedisStore,
  type RedisStore,
  type RedisStoreOptions,
} from '../../cluster/index.ts';
import type { ApplicationConfig, GatewayConfig } from '../../config/index.ts';
import type { Logger } from '../../observability/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import { redisConnectionOptions } from '../redis-options.ts';

export type OpenStore =
  | { readonly kind: 'embedded'; readonly store: EmbeddedStore }
  | { readonly kind: 'redis'; readonly store: RedisStore };

export interface OpenStoreOptions {
  readonly config: GatewayConfig;
  readonly application: ApplicationConfig;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** @throws {ClusterStoreError} Redis can't be used as configured. */
export async function openStore(options: OpenStoreOptions): Promise<OpenStore> {
  if (options.config.redis.hosts.length === 0) return { kind: 'embedded', store: openEmbedded(options) };
  const store = await openRedisStore(redisOptions(options));
  for (const warning of store.warnings) options.logger.warn({ module: 'cluster' }, warning);
  return { kind: 'redis', store };
}

function openEmbedded({ config, application, clock, logger }: OpenStoreOptions): EmbeddedStore {
  const { tail, cluster, eventLog } = config;
  const log = logger.child({ module: 'cluster', application: application.id });
  return new EmbeddedStore({
    clock,
    leaseTtlMs: cluster.leaseTtlMs,
    directory:
      tail.store === 'off'
        ? undefined
        : new ApplicationDirectory({
            root: tail.directory,
            applicationId: application.id,
            maxTailBytes: tail.maxBytesPerShard,
            maxTailAgeMs: tail.maxAgeMs,
          }),
    maxSessionAgeMs: eventLog.maxAgeMs,
    onUnreadable: (path, reason) =>
      log.error({ path, reason }, 'a file of the tail or of the guilds can not be read; it is passed over'),
    onSlotsError: (error) => log.error({ reason: error.message }, 'identify slots can not be written'),
  });
}

function redisOptions({ config, application, clock, logger }: OpenStoreOptions): RedisStoreOptions {
  const { tail, cluster } = config;
  const log = logger.child({ module: 'cluster', application: application.id });
  return {
    ...redisConnectionOptions(config, { clock, log, meanwhile: 'events flow on' }),
    applicationId: application.id,
    leaseTtlMs: cluster.leaseTtlMs,
    tail: {
      maxBytes: tail.maxBytesPerShard,
      maxAgeMs: tail.maxAgeMs,
      keepsChunks: tail.store !== 'off',
    },
    onUnreadable: (key, reason) =>
      log.error({ key, reason }, 'what Redis has of the guilds can not be read; it is passed over'),
  };
}
