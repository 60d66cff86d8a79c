/** Which shard has a guild. https://discord.com/developers/docs/events/gateway#sharding */

const TIMESTAMP_SHIFT = 22n;

export function shardOfGuild(guildId: string, shardCount: number): number {
  return Number((BigInt(guildId) >> TIMESTAMP_SHIFT) % BigInt(shardCount));
}
