/** What an answer of Discord changes: the lane's quota, what is known of the limit, holds, locks, and the count of invalid requests. */
import type { Admission } from './admission.ts';
import {
  type Answer,
  errorCodeOf,
  type LimitHeaders,
  limitHeadersOf,
  type Refusal429,
  refusalOf,
  UNKNOWN_WEBHOOK,
} from './answer.ts';
import type { Egress } from './egress.ts';
import { isInvalid } from './invalid-requests.ts';
import type { Bucket } from './lane.ts';
import type { LaneTable } from './lane-table.ts';
import type { LimiterCounts } from './limiter-counts.ts';
import type { Locks } from './locks.ts';
import type { Route } from './route.ts';

export interface AnswersOptions {
  readonly egress: Egress;
  readonly table: LaneTable;
  readonly locks: Locks;
  readonly counts: LimiterCounts;
  readonly holdGlobal: (kind: Route['global'], untilMs: number) => void;
}

/** Waits that Discord names are in whole milliseconds or seconds. */
const WAIT_MARGIN_MS = 5;
const NONE: ReadonlySet<Bucket> = new Set();

export class Answers {
  readonly #options: AnswersOptions;

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  /** Gives the buckets that gained or lost a lane by it. */
  take(admission: Admission, answer: Answer, nowMs: number): ReadonlySet<Bucket> {
    const { status } = answer;
    const refusal = status === 429 ? refusalOf(answer) : undefined;
    this.#countInvalid(admission, status, refusal, nowMs);
    this.#lock(admission, answer);
    const said = limitHeadersOf(answer);
    const headers = said && 'hash' in said ? said : undefined;
    const { hidden } = admission.lane;
    // Errors are not taken to count for a hidden limit: two of them would shut it for long. What it refuses is told of below.
    if (status < 400) hidden.accept(admission.sending.sentMs, nowMs);
    else if (!refusal || !isHidden(admission, refusal, headers)) hidden.unsend();
    if (refusal) return this.#limited(admission, refusal, headers, nowMs);
    if (headers) return this.#learn(admission, headers, nowMs);
    this.#settle(admission, nowMs);
    // One at a time goes for a while, and not as if there were no limit.
    if (said && 'waitMs' in said) hidden.hold(nowMs + said.waitMs, nowMs);
    // Errors of what stands before Discord's API, and refusals of the token, come before limits are looked at.
    else if (status < 500 && status !== 401 && status !== 403) this.#options.table.learnOpen(admission.lane);
    return NONE;
  }

  #learn(admission: Admission, headers: LimitHeaders, nowMs: number, isCounted = true): ReadonlySet<Bucket> {
    const { lane, sending, alsoCharged } = admission;
    const touched = this.#options.table.learn(lane, headers, nowMs);
    lane.inFlight--;
    lane.quota.answer(headers, sending, nowMs, isCounted);
    for (const { quota } of alsoCharged) quota.settle(nowMs);
    lane.bucket.compare(lane);
    return touched;
  }

  #settle({ lane, alsoCharged }: Admission, nowMs: number): void {
    lane.inFlight--;
    lane.quota.settle(nowMs);
    for (const { quota } of alsoCharged) quota.settle(nowMs);
  }

  #limited(
    admission: Admission,
    refusal: Refusal429,
    headers: LimitHeaders | undefined,
    nowMs: number,
  ): ReadonlySet<Bucket> {
    const { egress, counts, holdGlobal } = this.#options;
    const { lane, route } = admission;
    const untilMs = nowMs + refusal.retryAfterMs + WAIT_MARGIN_MS;
    counts.limited[refusal.scope]++;
    switch (refusal.scope) {
      case 'address':
        egress.block(refusal.retryAfterMs + WAIT_MARGIN_MS, nowMs);
        break;
      case 'global':
        // What is exempt from it and gets one all the same waits by itself, and so does what is a user's.
        if (route.global === 'exempt' || route.global === 'user') lane.quota.hold(untilMs);
        else holdGlobal(route.global, untilMs);
        break;
      case 'shared':
        for (const other of lane.bucket.lanes) other.quota.hold(untilMs);
        break;
      case 'user':
        return this.#overOwnLimit(admission, untilMs, headers, nowMs);
    }
    this.#settle(admission, nowMs);
    return NONE;
  }

  /** The bucket's own limit where its headers say that nothing is left of it; else one that they don't show. */
  #overOwnLimit(
    admission: Admission,
    untilMs: number,
    headers: LimitHeaders | undefined,
    nowMs: number,
  ): ReadonlySet<Bucket> {
    const { lane } = admission;
    if (!headers || isHidden(admission, { scope: 'user' }, headers)) {
      this.#options.counts.limited.hidden++;
      lane.hidden.refuse(untilMs, nowMs);
      this.#settle(admission, nowMs);
      return NONE;
    }
    lane.bucket.doubt(lane);
    const touched = this.#learn(admission, headers, nowMs, false);
    if (typeof lane.quota.model !== 'string') lane.quota.model.wasMet();
    lane.quota.hold(untilMs);
    return touched;
  }

  #countInvalid(
    { waiting }: Admission,
    status: number,
    refusal: Refusal429 | undefined,
    nowMs: number,
  ): void {
    if (!isInvalid(status, refusal?.scope)) return;
    this.#options.counts.invalid++;
    this.#options.egress.countInvalid(waiting.account, nowMs);
  }

  #lock({ route, tokenId }: Admission, { status, body }: Answer): void {
    const { locks } = this.#options;
    if (status === 401 && route.needsToken) locks.lockToken(tokenId);
    if (status === 404 && route.webhookId !== undefined && errorCodeOf(body) === UNKNOWN_WEBHOOK) {
      locks.webhooks.add(route.webhookId);
    }
  }
}

/** Whether it is over a limit that the headers don't show: they say that something is left, or are of another. */
function isHidden(
  { lane }: Admission,
  { scope }: Pick<Refusal429, 'scope'>,
  headers: LimitHeaders | undefined,
): boolean {
  if (scope !== 'user') return false;
  const { model } = lane.quota;
  return !headers || headers.remaining > 0 || (typeof model !== 'string' && headers.hash !== model.hash);
}
