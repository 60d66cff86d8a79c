/** The teacher of a node, and whether the HAProxies are fit to be taught. */
import type { GatewayConfig } from '../../config/index.ts';
import type { Logger } from '../../observability/index.ts';
import { isMisconfigured, Teacher } from '../../routing/index.ts';
import { systemClock } from '../../runtime/clock.ts';
import { addressesOf } from './addresses.ts';

/** An HAProxy is there, and will never do as it is set up; the message says what to change. */
export class HaproxySetupError extends Error {
  override name = 'HaproxySetupError';
}

/**
 * `undefined` where there are no HAProxies. One that is not up yet is no reason not to start.
 * @throws {HaproxySetupError}
 */
export async function createTeacher(
  stack: AsyncDisposableStack,
  { haproxy, workers }: GatewayConfig,
  port: number,
  log: Logger,
): Promise<Teacher | undefined> {
  const { sockets, backend, table, serverName, teachIntervalMs } = haproxy;
  if (sockets.length === 0) return undefined;
  const teacher = stack.use(
    new Teacher({
      sockets,
      backend,
      table,
      server: serverName === undefined ? { hosts: addressesOf(workers.host), port } : { name: serverName },
      intervalMs: teachIntervalMs,
      clock: systemClock,
      onState: (state) => {
        if (state.status === 'failing') log.warn(state, 'an HAProxy can not be taught');
        else log.info(state, 'an HAProxy is taught');
      },
    }),
  );
  const [wrong] = (await teacher.firstLook()).filter(isMisconfigured);
  if (wrong?.status === 'failing') throw new HaproxySetupError(`haproxy.sockets: ${wrong.reason}`);
  return teacher;
}
