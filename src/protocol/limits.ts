/** Discord's limits on gateway connections. https://discord.com/developers/docs/events/gateway#rate-limiting */

/** A client may send this many payloads in any window of `SEND_WINDOW_MS`; over it the connection is closed with 4008. */
export const SENDS_PER_WINDOW = 120;
export const SEND_WINDOW_MS = 60_000;

/** A payload sent to Discord may have this many bytes; a longer one closes the connection with 4002. */
export const MAX_SEND_BYTES = 4096;

/** One IDENTIFY per `shard_id % max_concurrency` bucket in this time. https://discord.com/developers/docs/events/gateway#sharding-max-concurrency */
export const IDENTIFY_INTERVAL_MS = 5_000;

/** One request for all members of a guild in this time. https://discord.com/developers/docs/events/gateway-events#request-guild-members */
export const FULL_MEMBER_REQUEST_INTERVAL_MS = 30_000;

/** Members in one GUILD_MEMBERS_CHUNK. https://discord.com/developers/docs/events/gateway-events#request-guild-members */
export const MEMBERS_PER_CHUNK = 1_000;

/** Bytes of a nonce that Discord echoes; it drops a longer one silently. */
export const MAX_NONCE_BYTES = 32;

/** Discord's own heartbeat interval, as seen in HELLO. */
export const DISCORD_HEARTBEAT_INTERVAL_MS = 41_250;

/** A close reason may have this many bytes of UTF-8 (RFC 6455, 5.5: 125 less the code's two). */
export const MAX_CLOSE_REASON_BYTES = 123;

/**
 * How many dispatches Discord keeps for RESUME for a shard with `guildCount` guilds. Said by Discord in 2016
 * (discord-api-docs issue 24); treat it as the most one can hope for.
 */
export function replayBound(guildCount: number): number {
  return Math.max(100, Math.min(3_500, guildCount * 75));
}
