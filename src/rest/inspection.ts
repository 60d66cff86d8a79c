/**
 * How the limiter is at a moment, for the person who looks: what waits, for what, and until when. Bounded: the busiest first, and no more
 * than asked for. Without tokens: where a major parameter has a secret it is a digest. Pure.
 */
import type { Bucket, Lane } from './lane.ts';
import type { LaneTable } from './lane-table.ts';
import type { Locks } from './locks.ts';
import type { QueueBounds } from './queue-bounds.ts';

export interface BucketInspection {
  readonly routes: readonly string[];
  readonly major: string;
  readonly queued: number;
  readonly queuedBytes: number;
  readonly inFlight: number;
  /** `null` where it is not known, or there is none. */
  readonly limit: number | null;
  /** What may go now. */
  readonly remaining: number;
  /** Until more may go, if nothing does; `null` where an answer must come first. */
  readonly resetAfterMs: number | null;
  /** Who waits, most first. */
  readonly accounts: readonly { readonly account: string; readonly queued: number }[];
}

export interface LimiterInspection {
  readonly queued: number;
  readonly queuedBytes: number;
  readonly isTokenLocked: boolean;
  readonly lockedWebhooks: readonly string[];
  readonly accounts: readonly {
    readonly account: string;
    readonly queued: number;
    readonly queuedBytes: number;
  }[];
  /** Those in use: with requests that wait or are on their way, or held by a 429. */
  readonly bucketsInUse: number;
  readonly buckets: readonly BucketInspection[];
}

export interface Inspected {
  readonly table: LaneTable;
  readonly bounds: QueueBounds;
  readonly locks: Locks;
}

/** Of one bucket. */
const MAX_ROUTES = 5;
const MAX_ACCOUNTS = 5;

export function inspectLimiter(
  { table, bounds, locks }: Inspected,
  nowMs: number,
  max: number,
): LimiterInspection {
  const inUse = [...table.buckets.values()].filter((bucket) => isInUse(bucket, nowMs));
  inUse.sort((a, b) => b.queue.count - a.queue.count || inFlightOf(b) - inFlightOf(a));
  return {
    queued: bounds.count,
    queuedBytes: bounds.bytes,
    isTokenLocked: locks.isTokenLocked,
    lockedWebhooks: locks.webhooks.all().slice(-max),
    accounts: [...bounds.accounts()].sort((a, b) => b.queued - a.queued).slice(0, max),
    bucketsInUse: inUse.length,
    buckets: inUse.slice(0, max).map((bucket) => inspectBucket(bucket, nowMs)),
  };
}

function isInUse({ queue, lanes }: Bucket, nowMs: number): boolean {
  if (queue.count > 0) return true;
  for (const lane of lanes) if (lane.inFlight > 0 || heldUntilMs(lane) > nowMs) return true;
  return false;
}

function heldUntilMs({ holdUntilMs, quota }: Lane): number {
  return Math.max(holdUntilMs, quota.holdUntilMs);
}

function inFlightOf({ lanes }: Bucket): number {
  let inFlight = 0;
  for (const lane of lanes) inFlight += lane.inFlight;
  return inFlight;
}

function inspectBucket(bucket: Bucket, nowMs: number): BucketInspection {
  const lanes = [...bucket.lanes];
  const models = lanes.flatMap(({ quota }) => (typeof quota.model === 'string' ? [] : [quota.model]));
  const remaining = Math.min(...lanes.map((lane) => (lane.hasRoom(nowMs) ? lane.quota.room(nowMs) : 0)));
  const nextAtMs = Math.min(...lanes.map((lane) => lane.nextRoomAtMs(nowMs)));
  return {
    routes: lanes.slice(0, MAX_ROUTES).map(({ route }) => route.shape),
    major: lanes[0]?.major ?? '',
    queued: bucket.queue.count,
    queuedBytes: bucket.queue.bytes,
    inFlight: inFlightOf(bucket),
    limit: models[0]?.limit ?? null,
    remaining: Math.max(0, remaining),
    resetAfterMs: remaining > 0 ? 0 : Number.isFinite(nextAtMs) ? Math.max(0, nextAtMs - nowMs) : null,
    accounts: bucket.queue.accounts().slice(0, MAX_ACCOUNTS),
  };
}
