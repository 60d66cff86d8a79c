/** The server that workers connect to, from the configuration. */
import type { GatewayConfig } from '../../config/index.ts';
import { type Logger, moduleLogger } from '../../observability/index.ts';
import { parseShardPath, shardPath } from '../../routing/index.ts';
import { systemClock } from '../../runtime/clock.ts';
import { createAuthenticator, GatewayServer, sessionKey } from '../../workers/index.ts';
import { workerAccounts } from '../worker-accounts.ts';
import type { Application } from './application.ts';
import type { PeerLinks } from './peer-links.ts';

export interface ServerPeers {
  readonly links: PeerLinks | undefined;
  /** A session for a shard of ours was relayed by another node. */
  readonly onRelayed: (applicationId: string, shardId: number) => void;
}

export function createServer(
  config: GatewayConfig,
  applications: readonly Application[],
  logger: Logger,
  { links, onRelayed }: ServerPeers,
): GatewayServer {
  const { workers } = config;
  return new GatewayServer({
    host: workers.host,
    port: workers.port,
    publicUrl: workers.publicUrl,
    applications: applications.map((application) => ({ id: application.id, directory: application })),
    peers: links && {
      ...links,
      heldShards: (applicationId) =>
        applications.find(({ id }) => id === applicationId)?.ownership?.held ?? new Map(),
      onRelayed,
    },
    authenticator: createAuthenticator(workerAccounts(config)),
    sessionKey: sessionKey(sessionSecret(config)),
    limits: workers,
    readPath: parseShardPath,
    shardPath,
    clock: systemClock,
    log: moduleLogger(logger, 'workers'),
  });
}

/** The same at every node, whatever the order of its applications. */
function sessionSecret({ workers, applications }: GatewayConfig): string {
  if (workers.sessionSecret) return workers.sessionSecret.reveal();
  const [first] = [...applications].sort((a, b) => (a.id < b.id ? -1 : 1));
  if (!first) throw new Error('a configuration without an application');
  return first.token.reveal();
}
