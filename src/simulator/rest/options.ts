/** How the simulated API behaves, and what stands where nothing was said. */
import {
  type BucketName,
  GLOBAL_LIMIT,
  GLOBAL_WINDOW_MS,
  INVALID_REQUEST_LIMIT,
  INVALID_REQUEST_WINDOW_MS,
  type LimitChanges,
  type SubLimitName,
} from './limits.ts';

export interface RestOptions {
  /** Requests in any `globalWindowMs`. Default 50 in 1,000. */
  globalLimit?: number;
  globalWindowMs?: number;
  /** Other numbers for single limits, by the names in limits.ts. */
  buckets?: LimitChanges<BucketName>;
  subLimits?: LimitChanges<SubLimitName>;
  /** So many invalid requests in `invalidRequestWindowMs` ban an address for `banMs`. Default 10,000 in 600,000 for 3,600,000. */
  invalidRequestLimit?: number;
  invalidRequestWindowMs?: number;
  banMs?: number;
  /** For so long after a 429, a 401 or a 10015 was sent, requests may have been on their way. Default 100. */
  graceMs?: number;
  /** Every answer comes this much later, and up to `jitterMs` more. Default 0. */
  latencyMs?: number;
  jitterMs?: number;
  /** Larger files get 413. Default 25 MiB. */
  maxFileBytes?: number;
  /** Milliseconds that never go back; for tests that move time themselves. */
  clock?: () => number;
}

export type ResolvedRestOptions = Required<RestOptions>;

const HOUR_MS = 3_600_000;
const GRACE_MS = 100;
const MAX_FILE_BYTES = 25 * 1024 * 1024;

export const DEFAULT_REST_OPTIONS: ResolvedRestOptions = {
  globalLimit: GLOBAL_LIMIT,
  globalWindowMs: GLOBAL_WINDOW_MS,
  buckets: {},
  subLimits: {},
  invalidRequestLimit: INVALID_REQUEST_LIMIT,
  invalidRequestWindowMs: INVALID_REQUEST_WINDOW_MS,
  banMs: HOUR_MS,
  graceMs: GRACE_MS,
  latencyMs: 0,
  jitterMs: 0,
  maxFileBytes: MAX_FILE_BYTES,
  clock: () => performance.now(),
};

/** Throws a RangeError that names the option for a number that makes no sense. */
export function resolveRestOptions(given: RestOptions): ResolvedRestOptions {
  const resolved = { ...DEFAULT_REST_OPTIONS, ...given };
  requireWhole('globalLimit', resolved.globalLimit, 1);
  requireWhole('invalidRequestLimit', resolved.invalidRequestLimit, 2);
  for (const [name, rule] of Object.entries({ ...resolved.buckets, ...resolved.subLimits })) {
    if (rule.limit !== undefined) requireWhole(`limit of ${name}`, rule.limit, 1);
    if (rule.windowMs !== undefined && !(rule.windowMs > 0)) {
      throw new RangeError(`rest: the window of ${name} must be longer than 0`);
    }
  }
  return resolved;
}

function requireWhole(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`rest: ${name} must be a whole number of at least ${least}, not ${value}`);
  }
}
