/** Opens the store: finds out whether this Redis will do, then connects for good. */
import { ClusterStoreError } from '../ports.ts';
import type { RedisStore, RedisStoreOptions } from './options.ts';

/**
 * Connects, trying again for `connectTimeoutMs` where nothing answers yet. From then on it reconnects for ever by itself;
 * while there is no connection, methods reject at once.
 * @throws {ClusterStoreError} with the setting to look at.
 */
export async function openRedisStore(_options: RedisStoreOptions): Promise<RedisStore> {
  throw new ClusterStoreError('redis.mode: not there yet');
}
