/** The limiter's counts since the start, and its readings now, as plain numbers. */
import type { RefusalReason } from './ports.ts';

export interface LimiterCounts {
  /** Requests that were let go, repetitions included. */
  admitted: number;
  refused: Partial<Record<RefusalReason, number>>;
  /** Whose worker went away while they waited. */
  left: number;
  /** Sent again after a 429 or because they never left. */
  repeated: number;
  /** 429s of Discord by scope; `hidden` are those of a limit that no header had shown. */
  limited: { user: number; hidden: number; shared: number; global: number; address: number };
  /** Answers 401 and 403, and 429s that were not shared. */
  invalid: number;
}

export interface LimiterReadings extends LimiterCounts {
  queued: number;
  queuedBytes: number;
  inFlight: number;
  lanes: number;
  buckets: number;
  routes: number;
  evictedLanes: number;
  lockedWebhooks: number;
  isTokenLocked: boolean;
  /** For so long nothing goes because of a global 429. */
  globalWaitMs: number;
}

export function newCounts(): LimiterCounts {
  return {
    admitted: 0,
    refused: {},
    left: 0,
    repeated: 0,
    limited: { user: 0, hidden: 0, shared: 0, global: 0, address: 0 },
    invalid: 0,
  };
}
