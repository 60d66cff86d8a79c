/**
 * Whether a request may wait for its turn, and until when it would at least. Says why not, and counts what it refuses.
 * Runs per request.
 */
import type { Gate } from './gate.ts';
import type { Lane, RouteRecord } from './lane.ts';
import type { LimiterCounts } from './limiter-counts.ts';
import type { Locks } from './locks.ts';
import type { LimiterOptions, RefusalReason, Refused } from './ports.ts';
import type { QueueBounds } from './queue-bounds.ts';
import type { Route } from './route.ts';
import type { Submitted } from './waiting.ts';

export type Gates = Readonly<Record<Route['global'], Gate>>;

export interface EntranceOptions {
  readonly egress: LimiterOptions['egress'];
  readonly locks: Locks;
  readonly bounds: QueueBounds;
  readonly gates: Gates;
  readonly counts: LimiterCounts;
}

export class Entrance {
  readonly #options: EntranceOptions;
  #isClosed = false;

  constructor(options: EntranceOptions) {
    this.#options = options;
  }

  /** From here on it forbids everything. */
  close(): void {
    this.#isClosed = true;
  }

  /** What is against it whatever the limits say. */
  forbids({ route, account }: Submitted, nowMs: number): Refused | undefined {
    const { locks, egress } = this.#options;
    if (this.#isClosed) return refusedAs('closed', undefined);
    if (route.needsToken && locks.isTokenLocked) return refusedAs('token-locked', undefined);
    if (route.webhookId !== undefined && locks.webhooks.has(route.webhookId)) {
      return refusedAs('unknown-webhook', undefined);
    }
    if (egress.allows(account, route.global === 'exempt', nowMs)) return undefined;
    return refusedAs('invalid-requests', Math.max(1_000, egress.waitMs(nowMs)), route);
  }

  /** What is against its waiting. */
  tooMuch(submitted: Submitted, lane: Lane, nowMs: number): Refused | undefined {
    const { account, bytes, deadlineAtMs } = submitted;
    const etaMs = Math.max(this.etaMs(submitted, lane, nowMs), this.turnMs(submitted, lane, nowMs));
    const full = this.#options.bounds.refusal(account, bytes, lane.bucket);
    // Half of what waits has gone by then, as far as it is known when that is.
    if (full) return refusedAs(full, Math.max(1_000, (etaMs - nowMs) / 2), lane.route);
    return etaMs <= deadlineAtMs ? undefined : refusedAs('deadline', etaMs - deadlineAtMs, lane.route);
  }

  /** Before this it certainly doesn't go. */
  etaMs({ account, priority, route }: Submitted, lane: Lane, nowMs: number): number {
    const { gates, egress } = this.#options;
    const { queue } = lane.bucket;
    const ahead = queue.count === 0 ? 0 : Math.min(lane.queued, queue.ahead(account, priority));
    const bucketMs = lane.quota.etaMs(ahead + 1, nowMs);
    return Math.max(
      bucketMs === Number.POSITIVE_INFINITY ? 0 : bucketMs,
      lane.holdUntilMs,
      gates[route.global].holdUntilMs,
      egress.blockedUntilMs,
      nowMs,
    );
  }

  /**
   * When its turn at the wider limit would come, by those that wait for theirs. Not certain, as they may leave: an estimate, for
   * which nothing is looked at request by request.
   */
  turnMs({ account, priority, route }: Submitted, { bucket }: Lane, nowMs: number): number {
    const { gates, bounds } = this.#options;
    const gate = gates[route.global];
    if (gate.isEmpty) return 0;
    // What waits in its bucket before it has to come round first, each time behind all others.
    const rounds = bucket.offer ? bucket.queue.countOf(account) : 1;
    return gate.etaMs(Math.min(bounds.count, rounds * gate.ahead(account, priority)), nowMs);
  }

  refuse(
    reason: RefusalReason,
    retryAfterMs: number | undefined,
    route?: Pick<Route, 'shape'> | RouteRecord,
  ): Refused {
    return this.count(refusedAs(reason, retryAfterMs, route));
  }

  count(refused: Refused): Refused {
    const { counts } = this.#options;
    counts.refused[refused.reason] = (counts.refused[refused.reason] ?? 0) + 1;
    return refused;
  }
}

/** `route`: as it was asked for, or with what is known of its limit. */
function refusedAs(
  reason: RefusalReason,
  retryAfterMs: number | undefined,
  route?: Pick<Route, 'shape'> | RouteRecord,
): Refused {
  const model = route && 'model' in route ? route.model : 'unknown';
  const bucket = typeof model === 'string' ? undefined : model.hash;
  return { kind: 'refused', reason, retryAfterMs, route: route?.shape, bucket };
}
