/** Environments of the contract on a real Redis: each an application of its own, so that many share a server. */
import { setTimeout as delay } from 'node:timers/promises';
import { openRedisStore, type RedisStore, type RedisStoreOptions } from '../../../src/cluster/index.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import type { RedisServer } from '../../support/redis.ts';
import { type ClusterEnvironment, type ClusterEnvironmentOptions, DEFAULTS } from './cluster-environment.ts';

let applications = 0;

/** Options of a store of `options`' bounds; what is under `change` on top. */
export function redisOptions(
  options: ClusterEnvironmentOptions,
  change: Partial<RedisStoreOptions> & Pick<RedisStoreOptions, 'hosts'>,
): RedisStoreOptions {
  return {
    mode: 'standalone',
    keyPrefix: 'test',
    applicationId: 'application',
    leaseTtlMs: options.leaseTtlMs,
    commandTimeoutMs: 2_000,
    connectTimeoutMs: 5_000,
    tail: { maxBytes: options.maxTailBytes, maxAgeMs: options.maxTailAgeMs, keepsChunks: true },
    clock: systemClock,
    ...change,
  };
}

export interface RedisEnvironment extends ClusterEnvironment {
  openStore(change?: Partial<RedisStoreOptions>): Promise<RedisStore>;
  readonly applicationId: string;
}

/** `change`: what it takes to connect, where that is more than the server's address. */
export async function redisEnvironment(
  redis: Pick<RedisServer, 'address' | 'command'>,
  options: ClusterEnvironmentOptions = DEFAULTS,
  change: Partial<RedisStoreOptions> = {},
): Promise<RedisEnvironment> {
  applications++;
  const applicationId = `${process.pid}${applications}`;
  const stores = new AsyncDisposableStack();
  return {
    applicationId,
    async openStore(more) {
      const all = { hosts: [redis.address], applicationId, ...change, ...more };
      return stores.use(await openRedisStore(redisOptions(options, all)));
    },
    elapse: (ms) => delay(ms),
    nowMs: () => Date.now(),
    async loseData() {
      await redis.command('FLUSHALL');
    },
    [Symbol.asyncDispose]: () => stores.disposeAsync(),
  };
}
