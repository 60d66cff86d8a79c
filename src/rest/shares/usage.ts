/** How far the limits of one major parameter are used, as one node tells another. Times are what is left of them. */
import { z } from 'zod';
import type { Lane } from '../lane.ts';
import type { LaneTable } from '../lane-table.ts';
import { LimitModel } from '../limit-model.ts';
import type { ShareGrant } from './ports.ts';

const MAX_MS = 24 * 3_600_000;
const time = z.number().max(MAX_MS);

/** A lane: what limits it, and how far that is used. */
const USED_LANE = z.object({
  shape: z.string().max(500),
  hash: z.string().max(200),
  limit: z.number().int().min(1),
  kind: z.enum(['unsure', 'fixed', 'leaky', 'serial']),
  isProven: z.boolean(),
  windowMs: time.min(0),
  intervalMs: time.min(0),
  maxIntervalMs: time.min(0),
  used: z.number().int().min(0),
  endMs: time,
  emptyMs: time,
  holdMs: time,
  laneHoldMs: time,
});
type UsedLane = z.infer<typeof USED_LANE>;
const USAGE = z.array(USED_LANE);

/** Of windows that are longer, a node that takes over from one that is gone waits no longer than this to try. */
const MOST_DOUBT_MS = 5_000;

/** `''` where all of it is forgotten at Discord. */
export function usageOf(lanes: ReadonlySet<Lane>, nowMs: number): string {
  const used: UsedLane[] = [];
  for (const lane of lanes) {
    const { model } = lane.quota;
    if (typeof model === 'string' || isForgotten(lane, nowMs)) continue;
    const { hash, limit, kind, isProven, windowMs, intervalMs, maxIntervalMs } = model;
    const state = lane.quota.exportState(nowMs);
    used.push({
      ...{ shape: lane.route.shape, hash, limit, kind, isProven, windowMs, intervalMs, maxIntervalMs },
      used: state.used,
      endMs: state.endMs - nowMs,
      emptyMs: state.emptyAtMs - nowMs,
      holdMs: state.holdUntilMs - nowMs,
      laneHoldMs: lane.holdUntilMs - nowMs,
    });
  }
  return used.length === 0 ? '' : JSON.stringify(used);
}

/** What can't be read is passed over: then one request at a time shows. */
export function restoreUsage(table: LaneTable, grant: ShareGrant, nowMs: number): void {
  const thenMs = nowMs - grant.ageMs;
  const restored = new Set<Lane>();
  for (const used of lanesOf(grant.usage)) {
    const lane = laneFor(table, used, grant.major, nowMs);
    if (lane) restored.add(restore(lane, used, thenMs));
  }
  if (grant.origin !== 'lapsed') return;
  for (const lane of restored) lane.quota.doubt(nowMs - grant.lapsedMs, MOST_DOUBT_MS);
}

function isForgotten(lane: Lane, nowMs: number): boolean {
  return lane.inFlight === 0 && nowMs >= lane.holdUntilMs && lane.quota.isIdle(nowMs);
}

function lanesOf(usage: string): readonly UsedLane[] {
  if (usage === '') return [];
  try {
    return USAGE.safeParse(JSON.parse(usage)).data ?? [];
  } catch {
    return [];
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

function restore(lane: Lane, used: UsedLane, thenMs: number): Lane {
  lane.quota.importState({
    used: used.used,
    endMs: thenMs + used.endMs,
    emptyAtMs: thenMs + used.emptyMs,
    holdUntilMs: thenMs + used.holdMs,
  });
  lane.holdUntilMs = thenMs + used.laneHoldMs;
  return lane;
}
