/** What answers the requests of a shard's workers: its guilds as they are kept, and its queue of commands to Discord. */
import { GuildRequests, type GuildRequestsOptions } from '../../requests/index.ts';
import type { HeldShard } from './held-shard.ts';

export type ShardRequestsOptions = Omit<GuildRequestsOptions, 'memory' | 'upstream'>;

export function createRequests(shard: HeldShard, options: ShardRequestsOptions): GuildRequests {
  /** In the queue of commands, where each sender may have only so many. */
  const sender = Symbol('requests');
  return new GuildRequests({
    ...options,
    memory: {
      get ownUserId() {
        return shard.guilds?.options.ownUserId;
      },
      has: (guildId) => shard.serving.kind === 'serving' && shard.serving.guildIds.has(guildId),
      read: (guildId) => shard.guilds?.body(guildId),
      members: (guildId) => shard.guilds?.members(guildId),
      keeps: (kind) => shard.guilds?.options.off.has(kind) === false,
    },
    upstream: { send: (command) => shard.upstream?.commands.submit(command, sender) === 'queued' },
  });
}
