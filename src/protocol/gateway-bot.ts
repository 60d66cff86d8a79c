/** The body of `GET /gateway/bot`, where shardmux is the gateway. https://discord.com/developers/docs/events/gateway#get-gateway-bot */

/** A day, as Discord's. */
const RESET_AFTER_MS = 86_400_000;
/** Discord's own budget. */
const SESSION_STARTS = 1_000;

/** As many IDENTIFYs at once as there are shards: ours cost nothing. */
export function gatewayBotBody(url: string, shards: number): object {
  const limit = {
    total: SESSION_STARTS,
    remaining: SESSION_STARTS,
    reset_after: RESET_AFTER_MS,
    max_concurrency: shards,
  };
  return { url, shards, session_start_limit: limit };
}
