import type { ClusterStore, Member, NodeIdentity } from '../../cluster/index.ts';
import type { ApplicationConfig, GatewayConfig } from '../../config/index.ts';
import type { LogMemory, TailCompressor } from '../../log/index.ts';
import type { Logger } from '../../observability/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { GuildState } from './guild-state.ts';
import type { ShardRoutes } from './held-shards.ts';

export interface ApplicationOptions {
  readonly config: GatewayConfig;
  readonly application: ApplicationConfig;
  readonly store: ClusterStore;
  /** Nobody else can use the store. */
  readonly isAlone: boolean;
  readonly memory: LogMemory;
  readonly tailCompressor: TailCompressor;
  readonly guildState: GuildState;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Discord will not have this application (any more): bad token, intents, shards. */
  readonly onStopped: (reason: string) => void;
}

/** What there is only once the node listens. */
export interface ApplicationStart {
  readonly identity: NodeIdentity;
  /** `host:port` at which other nodes reach this one. */
  readonly address: string;
  readonly routes: ShardRoutes;
  readonly sendWorkersAway: (shardId: number) => void;
  readonly askHeldShards: (member: Member) => Promise<ReadonlyMap<number, number>>;
  /** Another process has taken this node's id. */
  readonly onReplaced: (by: Member) => void;
  /** Others have started with settings that this node does not fit, while it was silent. */
  readonly onRefused: (reason: string) => void;
}
