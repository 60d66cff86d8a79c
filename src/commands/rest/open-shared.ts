/** Joins the other nodes that know the same Redis. Apart, because a node alone needs none of what this loads. */
import { randomUUID } from 'node:crypto';
import { ClusterStoreError, openRedisShares } from '../../cluster/index.ts';
import type { GatewayConfig } from '../../config/index.ts';
import type { Logger } from '../../observability/index.ts';
import { systemClock } from '../../runtime/clock.ts';
import { redisConnectionOptions } from '../redis-options.ts';
import { RestSetupError } from './setup-error.ts';
import { SHARE_CALL_TIMEOUT_MS, SharedLimits } from './shared-limits.ts';

/** @throws {RestSetupError} Redis can't be used as configured. */
export async function openShared(
  stack: AsyncDisposableStack,
  config: GatewayConfig,
  log: Logger,
): Promise<SharedLimits> {
  const meanwhile = 'when leases end, each node goes on with an equal part of the global limit';
  try {
    const options = redisConnectionOptions(config, { clock: systemClock, log, meanwhile });
    const commandTimeoutMs = Math.min(options.commandTimeoutMs, SHARE_CALL_TIMEOUT_MS);
    const store = stack.use(await openRedisShares({ ...options, commandTimeoutMs }));
    for (const warning of store.warnings) log.warn(warning);
    return stack.use(new SharedLimits({ config, store, incarnation: randomUUID(), clock: systemClock, log }));
  } catch (error) {
    if (!(error instanceof ClusterStoreError)) throw error;
    throw new RestSetupError(error.message, { cause: error });
  }
}
