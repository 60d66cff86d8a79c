/**
 * What the limiter keeps over a restart: which limits routes have, how far they are used, and what is locked. As JSON can hold
 * it; it has no token in it. Pure.
 */
import type { LaneTable } from './lane-table.ts';
import { type LimitKind, LimitModel } from './limit-model.ts';
import type { Locks } from './locks.ts';
import type { QuotaState } from './quota.ts';

const VERSION = 1;

interface SavedRoute {
  readonly shape: string;
  /** `null` where its answers carry no limit. */
  readonly model: {
    readonly hash: string;
    readonly limit: number;
    readonly kind: LimitKind;
    readonly isProven: boolean;
    readonly windowMs: number;
    readonly intervalMs: number;
  } | null;
}

interface SavedLane extends QuotaState {
  readonly shape: string;
  readonly major: string;
  readonly laneHoldUntilMs: number;
}

export interface GlobalHolds {
  readonly application: number;
  readonly address: number;
}

export interface LimiterState {
  readonly version: typeof VERSION;
  readonly routes: readonly SavedRoute[];
  /** Pairs of routes that have one hash and are counted apart. */
  readonly apart: readonly string[];
  readonly lanes: readonly SavedLane[];
  readonly holds: GlobalHolds;
  readonly lockedTokenId: string | null;
  readonly lockedWebhooks: readonly string[];
}

const NO_HOLDS: GlobalHolds = { application: 0, address: 0 };
/** No limit of Discord's reaches further; what does is a clock that was wrong. */
const MAX_AHEAD_MS = 24 * 3_600_000;

export function exportLimiter(
  table: LaneTable,
  locks: Locks,
  nowMs: number,
  holds: GlobalHolds,
): LimiterState {
  const routes: SavedRoute[] = [];
  for (const { shape, model } of table.routes.values()) {
    if (model === 'open') routes.push({ shape, model: null });
    else if (model !== 'unknown') {
      const { hash, limit, kind, isProven, windowMs, intervalMs } = model;
      routes.push({ shape, model: { hash, limit, kind, isProven, windowMs, intervalMs } });
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

/** Gives the global holds. A state that is not one of ours changes nothing. */
export function importLimiter(state: unknown, table: LaneTable, locks: Locks, nowMs: number): GlobalHolds {
  if (!isState(state)) return NO_HOLDS;
  for (const { shape, model } of state.routes) {
    const route = table.route(shape, nowMs);
    if (!route) continue;
    route.model = model ? Object.assign(new LimitModel(shape, model.hash, model.limit), model) : 'open';
  }
  table.apart.restore(state.apart);
  const untilMs = (atMs: number) => (atMs <= nowMs + MAX_AHEAD_MS ? atMs : nowMs);
  for (const saved of state.lanes) {
    const route = table.route(saved.shape, nowMs);
    if (!route || typeof route.model === 'string' || table.find(saved.shape, saved.major)) continue;
    const lane = table.create(route, saved.major, nowMs);
    lane.quota.importState({
      used: saved.used,
      endMs: untilMs(saved.endMs),
      emptyAtMs: untilMs(saved.emptyAtMs),
      holdUntilMs: untilMs(saved.holdUntilMs),
    });
    lane.holdUntilMs = untilMs(saved.laneHoldUntilMs);
  }
  locks.lockedTokenId = state.lockedTokenId ?? undefined;
  for (const id of state.lockedWebhooks) locks.webhooks.add(id);
  return { application: untilMs(state.holds.application), address: untilMs(state.holds.address) };
}

/** It is ours, written by this version, or not looked at: the parts are not checked one by one. */
function isState(state: unknown): state is LimiterState {
  if (typeof state !== 'object' || state === null) return false;
  // The reason for the cast: every property is looked at before it is believed.
  const { version, routes, apart, lanes, holds, lockedWebhooks } = state as Partial<LimiterState>;
  if (version !== VERSION || typeof holds?.application !== 'number') return false;
  return [routes, apart, lanes, lockedWebhooks].every(Array.isArray);
}
