/** How far the limits of one major parameter are used, as one node tells another. Times are what is left of them. */
import { z } from 'zod';
import type { Lane } from '../lane.ts';
import type { LaneTable } from '../lane-table.ts';
import { LimitModel } from '../limit-model.ts';
import type { ShareGrant } from './ports.ts';
import type { SharedLease } from './shared-lease.ts';

const MAX_MS = 24 * 3_600_000;
/** What is left of a time, or 0. */
const time = z.number().min(0).max(MAX_MS);

/** A lane: what limits it, and how far that is used. */
const USED_LANE = z.object({
  shape: z.string().max(500),
  hash: z.string().max(200),
  limit: z.number().int().min(1),
  kind: z.enum(['unsure', 'fixed', 'leaky', 'serial']),
  isProven: z.boolean(),
  windowMs: time,
  intervalMs: time,
  maxIntervalMs: time,
  used: z.number().int().min(0),
  endMs: time,
  emptyMs: time,
  holdMs: time.optional(),
  laneHoldMs: time.optional(),
});
type UsedLane = z.infer<typeof USED_LANE>;
const USAGE = z.object({
  lanes: z.array(USED_LANE),
  /** Pairs of their routes that have one hash and are counted apart. */
  apart: z.array(z.string().max(1_001)),
});
type Usage = z.infer<typeof USAGE>;
const NOTHING: Usage = { lanes: [], apart: [] };

/** `''` where all of it is forgotten at Discord. */
export function usageOf(table: LaneTable, lanes: ReadonlySet<Lane>, nowMs: number): string {
  const used: UsedLane[] = [];
  for (const lane of lanes) {
    const { model } = lane.quota;
    if (typeof model === 'string' || isForgotten(lane, nowMs)) continue;
    const { hash, limit, kind, isProven, windowMs, intervalMs, maxIntervalMs } = model;
    const state = lane.quota.exportState(nowMs);
    const holdMs = leftOf(state.holdUntilMs, nowMs);
    const laneHoldMs = leftOf(lane.holdUntilMs, nowMs);
    used.push({
      ...{ shape: lane.route.shape, hash, limit, kind, isProven, windowMs, intervalMs, maxIntervalMs },
      used: state.used,
      endMs: leftOf(state.endMs, nowMs),
      emptyMs: leftOf(state.emptyAtMs, nowMs),
      ...(holdMs > 0 && { holdMs }),
      ...(laneHoldMs > 0 && { laneHoldMs }),
    });
  }
  if (used.length === 0) return '';
  const shapes = new Set(used.map(({ shape }) => shape));
  return JSON.stringify({ lanes: used, apart: table.apart.among(shapes) } satisfies Usage);
}

/** What can't be read is passed over: then one request at a time shows. */
export function restoreUsage(table: LaneTable, grant: ShareGrant, lease: SharedLease, nowMs: number): void {
  const thenMs = nowMs - grant.ageMs;
  const { lanes, apart } = parsed(grant.usage);
  table.apart.restore(apart);
  for (const used of lanes) {
    const lane = laneFor(table, used, grant.major, nowMs);
    if (lane) restore(lane, used, thenMs);
  }
  for (const lane of lease.lanes) lane.doubt(lease.doubtedUntilMs);
}

/** In whole milliseconds, rounded to the safe side. */
function leftOf(untilMs: number, nowMs: number): number {
  return Math.max(0, Math.ceil(untilMs - nowMs));
}

function isForgotten(lane: Lane, nowMs: number): boolean {
  return lane.inFlight === 0 && nowMs >= lane.holdUntilMs && lane.quota.isIdle(nowMs);
}

function parsed(usage: string): Usage {
  if (usage === '') return NOTHING;
  try {
    return USAGE.safeParse(JSON.parse(usage)).data ?? NOTHING;
  } catch {
    return NOTHING;
  }
}

function laneFor(table: LaneTable, used: UsedLane, major: string, nowMs: number): Lane | undefined {
  const { shape, hash, limit, kind, isProven, windowMs, intervalMs, maxIntervalMs } = used;
  const route = table.route(shape, nowMs);
  if (!route) return undefined;
  const seen = { kind, isProven, windowMs, intervalMs, maxIntervalMs };
  const told = Object.assign(new LimitModel(shape, hash, limit), seen);
  const model = typeof route.model === 'string' ? told : route.model;
  route.model = model;
  const lane = table.find(shape, major) ?? table.create(route, major, nowMs);
  if (typeof lane.quota.model === 'string') table.adopt(lane, model, nowMs);
  return lane;
}

function restore(lane: Lane, used: UsedLane, thenMs: number): void {
  lane.quota.importState({
    used: used.used,
    endMs: thenMs + used.endMs,
    emptyAtMs: thenMs + used.emptyMs,
    holdUntilMs: thenMs + (used.holdMs ?? 0),
  });
  lane.holdUntilMs = thenMs + (used.laneHoldMs ?? 0);
}
