/** The teacher of a node, and whether the HAProxies are fit to be taught. */
import type { GatewayConfig } from '../../config/index.ts';
import type { Logger } from '../../observability/index.ts';
import { isMisconfigured, settingOf, Teacher, type TeachingState } from '../../routing/index.ts';
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
  // What it finds first is said once it is known whether the node starts: a reason not to is said by that.
  let isStarting = true;
  const teacher = stack.use(
    new Teacher({
      sockets,
      backend,
      table,
      server: serverName === undefined ? { hosts: addressesOf(workers.host), port } : { name: serverName },
      intervalMs: teachIntervalMs,
      clock: systemClock,
      onState: (state) => (isStarting ? undefined : tell(state, log)),
    }),
  );
  const states = await teacher.firstLook();
  const [wrong] = states.filter(isMisconfigured);
  if (wrong) throw new HaproxySetupError(`${settingOf(wrong.problem)}: ${wrong.reason}`);
  isStarting = false;
  for (const state of states) tell(state, log);
  return teacher;
}

function tell(state: TeachingState, log: Logger): void {
  if (state.status === 'failing') log.warn(state, 'an HAProxy can not be taught');
  else log.info(state, 'an HAProxy is taught');
}
