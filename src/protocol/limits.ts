/** Discord's limits on gateway connections. https://discord.com/developers/docs/events/gateway#rate-limiting */

/** A client may send this many payloads in any window of `SEND_WINDOW_MS`; over it the connection is closed with 4008. */
export const SENDS_PER_WINDOW = 120;
export const SEND_WINDOW_MS = 60_000;

/** A payload sent to Discord may have this many bytes; a longer one closes the connection with 4002. */
export const MAX_SEND_BYTES = 4096;

/** One IDENTIFY per `shard_id % max_concurrency` bucket in this time. https://discord.com/developers/docs/events/gateway#sharding-max-concurrency */
export const IDENTIFY_INTERVAL_MS = 5_000;

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
