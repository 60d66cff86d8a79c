/**
 * Which shard a worker asks for by its request path, and the key under which HAProxy knows that shard. Rules only.
 * haproxy/haproxy.cfg reads paths the same way; `test/unit/routing/request-paths.ts` holds the examples both are
 * tested against. Numbers are canonical (no sign, no leading zero, no percent-encoding): one shard, one key.
 */

/** Longest shard id in digits: far above any bot's shard count, and short enough for the stick table's keys. */
const MAX_SHARD_ID_DIGITS = 6;

const SHARD_ID = `(?:0|[1-9][0-9]{0,${MAX_SHARD_ID_DIGITS - 1}})`;
const APPLICATION_ID = '[1-9][0-9]{0,19}';
const ANY_SHARD = /^\/+$/;
const SHARD = new RegExp(`^(?:/apps/(${APPLICATION_ID}))?/shards/(${SHARD_ID})/*$`);
const ROUTING_KEY = new RegExp(`^(?:${APPLICATION_ID}/)?${SHARD_ID}$`);

/** `any`: the client can't set a path, and its IDENTIFY or RESUME says which shard. `invalid`: not a worker's path. */
export type ShardPath =
  | { readonly kind: 'any' }
  | { readonly kind: 'shard'; readonly shardId: number; readonly applicationId?: string }
  | { readonly kind: 'invalid' };

/** Reads a request target as it stands in the request line (`/shards/3/?v=10`); the query is ignored. */
export function parseShardPath(requestTarget: string): ShardPath {
  const path = requestTarget.split('?', 1)[0] ?? '';
  if (ANY_SHARD.test(path)) return { kind: 'any' };
  const match = SHARD.exec(path);
  if (match === null) return { kind: 'invalid' };
  const [, applicationId, digits] = match;
  const shardId = Number(digits);
  return applicationId === undefined ? { kind: 'shard', shardId } : { kind: 'shard', shardId, applicationId };
}

/** The path that leads to a shard: what `resume_gateway_url` carries. */
export function shardPath(shardId: number, applicationId?: string): string {
  return applicationId === undefined ? `/shards/${shardId}` : `/apps/${applicationId}/shards/${shardId}`;
}

/** The key of a shard in HAProxy's stick table, as haproxy.cfg makes it from the shard's path. */
export function routingKey(shardId: number, applicationId?: string): string {
  return applicationId === undefined ? `${shardId}` : `${applicationId}/${shardId}`;
}

/** Whether HAProxy could ever look this key up; it also holds nothing that means something to the Runtime API. */
export function isRoutingKey(text: string): boolean {
  return ROUTING_KEY.test(text);
}
