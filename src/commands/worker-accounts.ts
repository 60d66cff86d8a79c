/** Who workers are, from the configuration: for both ports that they connect to. */
import type { GatewayConfig } from '../config/index.ts';
import type { WorkerToken } from '../workers/index.ts';

/** The configured ones; without any, each bot token is good for its application. */
export function workerAccounts({ workers, applications }: GatewayConfig): WorkerToken[] {
  if (workers.tokens.length > 0) {
    return workers.tokens.map(({ name, token, application }) => ({
      name,
      token: token.reveal(),
      applicationId: application,
    }));
  }
  return applications.map(({ id, token }) => ({ name: 'bot', token: token.reveal(), applicationId: id }));
}
