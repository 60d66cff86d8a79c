/** What the client's process is told, and tells. */

export interface ClientStart {
  /** Where `GET /gateway/bot` is asked for, without the version: `http://host:port/api`. */
  readonly apiUrl: string;
  readonly token: string;
  readonly intents: number;
  /** A file beside whose directory's `node_modules` discord.js is. */
  readonly library: string;
}

/** Times are of the monotonic clock. */
export type ClientReport =
  | { readonly type: 'starting'; readonly atUs: number }
  | ({ readonly type: 'ready'; readonly atUs: number } & ClientCaches);

export interface ClientCaches {
  /** CPU time since the start, of all threads. */
  readonly cpuUs: number;
  readonly guilds: number;
  /** Guilds that it was told of and does not have; those that are out are no such guilds. */
  readonly missing: number;
  readonly out: number;
  readonly members: number;
  readonly channels: number;
  readonly roles: number;
}
