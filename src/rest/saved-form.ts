/**
 * The form of what the limiter keeps over a restart, and a reader that believes none of it: whoever reads a file reads what a
 * crash, a full disk or a person has left there. What makes no sense is passed over piece by piece. Pure.
 */
import type { LimitKind, LimitModel } from './limit-model.ts';
import type { QuotaState } from './quota.ts';

export const VERSION = 1;

/** What is kept of a `LimitModel`. */
export type SavedModel = Readonly<
  Pick<
    LimitModel,
    'hash' | 'limit' | 'kind' | 'isProven' | 'isMet' | 'windowMs' | 'intervalMs' | 'maxIntervalMs'
  >
>;

export interface SavedRoute {
  readonly shape: string;
  /** `null` where its answers carry no limit. */
  readonly model: SavedModel | null;
  /** Of a limit that headers don't show, where one was met. */
  readonly hidden?: SavedHidden | undefined;
}

export interface SavedHidden {
  readonly limit: number;
  readonly windowMs: number;
}

export interface SavedLane extends QuotaState {
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

type Fields = Readonly<Record<string, unknown>>;

/** No limit of Discord's reaches further; what does is a clock that was wrong. */
const MAX_AHEAD_MS = 24 * 3_600_000;
const MAX_LIMIT = 1_000_000_000;
const MAX_TEXT = 1_000;
const KINDS: ReadonlySet<unknown> = new Set<LimitKind>(['unsure', 'fixed', 'leaky', 'serial']);
const WEBHOOK_ID = /^\d{1,20}$/;

/** `undefined` where it is no state of this version at all. */
export function readState(state: unknown, nowMs: number): LimiterState | undefined {
  const fields = fieldsOf(state);
  if (fields?.['version'] !== VERSION) return undefined;
  const { holds, lockedTokenId } = fields;
  const { application, address } = fieldsOf(holds) ?? {};
  const textsOf = (value: unknown) => listOf(value, (item) => (isText(item) ? item : undefined));
  return {
    version: VERSION,
    routes: listOf(fields['routes'], routeOf),
    apart: textsOf(fields['apart']).filter((pair) => pair.split('\n').length === 2),
    lanes: listOf(fields['lanes'], (item) => laneOf(item, nowMs)),
    holds: { application: timeOf(application, nowMs) ?? 0, address: timeOf(address, nowMs) ?? 0 },
    lockedTokenId: isText(lockedTokenId) ? lockedTokenId : null,
    lockedWebhooks: textsOf(fields['lockedWebhooks']).filter((id) => WEBHOOK_ID.test(id)),
  };
}

function routeOf(value: unknown): SavedRoute | undefined {
  const fields = fieldsOf(value);
  const shape = fields?.['shape'];
  if (!fields || !isText(shape)) return undefined;
  const hidden = hiddenOf(fields['hidden']);
  if (fields['model'] === null) return { shape, model: null, hidden };
  const model = modelOf(fieldsOf(fields['model']) ?? {});
  return model && { shape, model, hidden };
}

function hiddenOf(value: unknown): SavedHidden | undefined {
  const { limit, windowMs } = fieldsOf(value) ?? {};
  return isCount(limit) && limit >= 1 && isDuration(windowMs) ? { limit, windowMs } : undefined;
}

function modelOf(fields: Fields): SavedModel | undefined {
  const { hash, limit, kind, isProven, isMet, windowMs, intervalMs } = fields;
  if (!isText(hash) || !isCount(limit) || limit < 1 || !isKind(kind)) return undefined;
  if (!isDuration(windowMs) || !isDuration(intervalMs)) return undefined;
  // States had none once. No interval is longer than its window.
  const { maxIntervalMs = windowMs } = fields;
  if (!isDuration(maxIntervalMs)) return undefined;
  return {
    hash,
    limit,
    kind,
    isProven: isProven === true,
    isMet: isMet === true,
    windowMs,
    intervalMs,
    maxIntervalMs: Math.max(maxIntervalMs, intervalMs),
  };
}

function laneOf(value: unknown, nowMs: number): SavedLane | undefined {
  const { shape, major, used, ...times } = fieldsOf(value) ?? {};
  if (!isText(shape) || typeof major !== 'string' || major.length > MAX_TEXT || !isCount(used))
    return undefined;
  const endMs = timeOf(times['endMs'], nowMs);
  const emptyAtMs = timeOf(times['emptyAtMs'], nowMs);
  const holdUntilMs = timeOf(times['holdUntilMs'], nowMs);
  const laneHoldUntilMs = timeOf(times['laneHoldUntilMs'], nowMs);
  if (endMs === undefined || emptyAtMs === undefined) return undefined;
  if (holdUntilMs === undefined || laneHoldUntilMs === undefined) return undefined;
  return { shape, major, used, endMs, emptyAtMs, holdUntilMs, laneHoldUntilMs };
}

/** What is further ahead than any limit is not believed, and may as well be over. */
function timeOf(value: unknown, nowMs: number): number | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) return undefined;
  return value <= nowMs + MAX_AHEAD_MS ? value : nowMs;
}

function listOf<Item>(value: unknown, read: (item: unknown) => Item | undefined): Item[] {
  if (!Array.isArray(value)) return [];
  return value.map(read).filter((item) => item !== undefined);
}

function fieldsOf(value: unknown): Fields | undefined {
  // The reason for the cast: it is an object, and every property is looked at before it is believed.
  return typeof value === 'object' && value !== null ? (value as Fields) : undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_TEXT;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= MAX_LIMIT;
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= MAX_AHEAD_MS;
}

function isKind(value: unknown): value is LimitKind {
  return KINDS.has(value);
}
