/** What is counted of requests since the start: plain numbers, read when metrics are scraped. */
export class RequestCounts {
  /** Requests that workers have made. */
  asked = 0;
  /** Those that memory has answered, of a soundboard request each guild. */
  fromMemory = 0;
  /** Requests to Discord. */
  forwarded = 0;
  /** Requests that had no need of one, because another one's answer does for them. */
  coalesced = 0;
  /** RATE_LIMITEDs from Discord. */
  rateLimited = 0;
  /** Requests about guilds that are not the bot's or out, or that its intents do not allow: Discord would be silent. */
  unanswerable = 0;
  /** Requests that got no answer, or not all of it. */
  dropped = 0;
}
