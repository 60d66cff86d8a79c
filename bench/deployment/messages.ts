/**
 * What the programs and their worker processes tell each other. A worker gets one line of JSON on its stdin; it writes lines of
 * JSON to its stdout, in the order in which things happened. A line that was cut off by a kill is not read, and what it
 * told did not happen: the next worker RESUMEs from before it.
 */

export interface WorkerSession {
  readonly sessionId: string;
  readonly resumeUrl: string;
  /** Of the last dispatch that was reported. */
  readonly sequence: number;
}

/**
 * - `stock`: @discordjs/ws as it is. It forgets its session when a connection fails (not: ends), as when HAProxy is killed.
 * - `stock-keeping`: the same, but its session hook keeps the session then. So does a bot that wants to miss nothing.
 * - `plain`: hand-written, light, and back at once where @discordjs/ws waits for half a second.
 */
export type WorkerClient = 'stock' | 'stock-keeping' | 'plain';

export interface WorkerStart {
  /** `http://host:port` of HAProxy. */
  readonly url: string;
  readonly token: string;
  readonly intents: number;
  readonly shardCount: number;
  readonly client: WorkerClient;
  readonly shards: readonly ShardStart[];
}

export interface ShardStart {
  readonly shard: number;
  readonly session: WorkerSession | null;
}

export type WorkerReport =
  /** A session began (READY); what happens in it has sequences above this. */
  | readonly ['ready', shard: number, sequence: number, sessionId: string, resumeUrl: string]
  | readonly ['resumed', shard: number]
  | readonly ['closed', shard: number]
  /** It got INVALID_SESSION. */
  | readonly ['invalid', shard: number]
  /** The session can't be resumed any more; a READY will follow. */
  | readonly ['over', shard: number]
  /** Dispatches but READY and RESUMED: for each its sequence, the crc32 of its JSON text, and when it came (monotonic µs). */
  | readonly ['dispatches', shard: number, ...columns: number[]];

/** Numbers for each dispatch in `dispatches`. */
export const COLUMNS = 3;
