/**
 * What the limiter keeps over a restart: which limits routes have, how far they are used, and what is locked. As JSON can hold
 * it; it has no token in it. Pure.
 */
import type { LaneTable } from './lane-table.ts';
import { LimitModel } from './limit-model.ts';
import type { Locks } from './locks.ts';
import {
  type GlobalHolds,
  type LimiterState,
  readState,
  type SavedLane,
  type SavedModel,
  type SavedRoute,
  VERSION,
} from './saved-form.ts';

export type { LimiterState } from './saved-form.ts';

const NO_HOLDS: GlobalHolds = { application: 0, address: 0 };

export function exportLimiter(
  table: LaneTable,
  locks: Locks,
  nowMs: number,
  holds: GlobalHolds,
): LimiterState {
  const routes: SavedRoute[] = [];
  for (const { shape, model, hidden } of table.routes.values()) {
    const saved = hidden.isKnown ? { limit: hidden.limit, windowMs: hidden.windowMs } : undefined;
    if (model === 'open') routes.push({ shape, model: null, hidden: saved });
    else if (model !== 'unknown') {
      const { hash, limit, kind, isProven, isMet, windowMs, intervalMs, maxIntervalMs } = model;
      const kept = { hash, limit, kind, isProven, isMet, windowMs, intervalMs, maxIntervalMs };
      routes.push({ shape, model: kept, hidden: saved });
    }
  }
  const lanes: SavedLane[] = [];
  for (const lane of table.lanes.values()) {
    if (lane.isIdle(nowMs) || typeof lane.quota.model === 'string') continue;
    lanes.push({
      shape: lane.route.shape,
      major: lane.major,
      laneHoldUntilMs: lane.holdUntilMs,
      ...lane.quota.exportState(nowMs),
    });
  }
  return {
    version: VERSION,
    routes,
    apart: table.apart.all(),
    lanes,
    holds,
    lockedTokenId: locks.lockedTokenId ?? null,
    lockedWebhooks: locks.webhooks.all(),
  };
}

/** Gives the global holds. A state that is not one of ours changes nothing; of one that is, what makes no sense doesn't. */
export function importLimiter(saved: unknown, table: LaneTable, locks: Locks, nowMs: number): GlobalHolds {
  const state = readState(saved, nowMs);
  if (!state) return NO_HOLDS;
  for (const { shape, model, hidden } of state.routes) {
    const route = table.route(shape, nowMs);
    if (!route) continue;
    route.model = model ? modelFrom(shape, model) : 'open';
    if (hidden && !route.hidden.isKnown) route.hidden.learn(hidden.limit, hidden.windowMs, nowMs);
  }
  table.apart.restore(state.apart);
  for (const { shape, major, laneHoldUntilMs, ...quota } of state.lanes) {
    const route = table.route(shape, nowMs);
    if (!route || typeof route.model === 'string' || table.isFull || table.find(shape, major)) continue;
    const lane = table.create(route, major, nowMs);
    lane.quota.importState(quota);
    lane.holdUntilMs = laneHoldUntilMs;
  }
  locks.lockedTokenId = state.lockedTokenId ?? undefined;
  for (const id of state.lockedWebhooks) locks.webhooks.add(id);
  return state.holds;
}

function modelFrom(shape: string, saved: SavedModel): LimitModel {
  return Object.assign(new LimitModel(shape, saved.hash, saved.limit), saved);
}
