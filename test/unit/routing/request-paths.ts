/**
 * Request targets and where they lead: one table for the node's rules (`shard-path.test.ts`) and for haproxy.cfg
 * (`test/integration/routing/haproxy-paths.test.ts`), so that both agree. Not a test itself.
 */
export interface PathExample {
  readonly target: string;
  readonly shardId?: number;
  readonly applicationId?: string;
}

/** Paths of one shard. */
export const SHARD_PATHS: readonly PathExample[] = [
  { target: '/shards/0', shardId: 0 },
  { target: '/shards/3', shardId: 3 },
  { target: '/shards/3/', shardId: 3 },
  { target: '/shards/3///', shardId: 3 },
  { target: '/shards/3?v=10&encoding=json', shardId: 3 },
  { target: '/shards/3/?v=10', shardId: 3 },
  { target: '/shards/3//?v=10/shards/4', shardId: 3 },
  { target: '/shards/999999', shardId: 999_999 },
  { target: '/apps/80351110224678912/shards/3', shardId: 3, applicationId: '80351110224678912' },
  { target: '/apps/80351110224678912/shards/3//?v=10', shardId: 3, applicationId: '80351110224678912' },
  { target: '/apps/18446744073709551615/shards/12', shardId: 12, applicationId: '18446744073709551615' },
];

/** Paths of clients that can't say which shard. */
export const ANY_SHARD_PATHS: readonly PathExample[] = [
  { target: '/' },
  { target: '//' },
  { target: '/?v=10&encoding=json' },
  { target: '//?v=10' },
];

/** Paths that no worker uses; HAProxy answers 404. */
export const INVALID_PATHS: readonly PathExample[] = [
  { target: '/shards' },
  { target: '/shards/' },
  { target: '/shards/x' },
  { target: '/shards/8x' },
  { target: '/shards/-1' },
  { target: '/shards/+1' },
  { target: '/shards/03' },
  { target: '/shards/00' },
  { target: '/shards/1000000' },
  { target: '/shards/%33' },
  { target: '/shards/3/4' },
  { target: '/shards//3' },
  { target: '//shards/3' },
  { target: '/Shards/3' },
  { target: '/x/shards/3' },
  { target: '/apps/shards/3' },
  { target: '/apps/0/shards/3' },
  { target: '/apps/01/shards/3' },
  { target: '/apps/bot/shards/3' },
  { target: '/apps/123456789012345678901/shards/3' },
  { target: '/apps/80351110224678912' },
  { target: '/apps/80351110224678912/shards' },
  { target: '/apps/80351110224678912/shards/03' },
  { target: '/healthz' },
  { target: '/metrics' },
  // What nodes ask each other.
  { target: '/cluster' },
  { target: '/cluster/applications/80351110224678912/shards' },
  { target: '/cluster/shards/3' },
  { target: '//cluster/shards/3' },
  { target: '/shards/3/../../cluster/applications/80351110224678912/shards' },
];

/** Paths that stock libraries ask for the gateway's address. Not worker connections, but the nodes answer them. */
export const GATEWAY_INFORMATION_PATHS: readonly PathExample[] = [
  { target: '/api/v10/gateway' },
  { target: '/api/v10/gateway/bot' },
  { target: '/api/v9/gateway/bot?x=1' },
];

/** Other paths under /api, which belong to the REST proxy. */
export const OTHER_API_PATHS: readonly PathExample[] = [
  { target: '/api/gateway' },
  { target: '/api/vx/gateway' },
  { target: '/api/v10/gateways' },
  { target: '/api/v10/channels/1' },
];
