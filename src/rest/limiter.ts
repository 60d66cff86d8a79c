/**
 * The limiter of one application: takes requests, lets each go when no limit of Discord's is against it, and learns from
 * the answers. Knows nothing of HTTP. Rules are elsewhere: `quota.ts` (a bucket), `bucket-queue.ts` (whose turn),
 * `global-budget.ts`, `egress.ts`. Runs per request.
 */
import { Admission } from './admission.ts';
import { AlarmClock } from './alarm-clock.ts';
import type { Answer } from './answer.ts';
import { Answers } from './answers.ts';
import { Gate } from './gate.ts';
import type { GlobalPlace } from './global-budget.ts';
import type { Bucket, BucketOffer, Lane } from './lane.ts';
import { LaneTable } from './lane-table.ts';
import { type LimiterCounts, type LimiterReadings, newCounts } from './limiter-counts.ts';
import { Locks } from './locks.ts';
import { parsePath } from './path.ts';
import type { LimiterOptions, RefusalReason, Refused, RestRequest, Submission, Verdict } from './ports.ts';
import { QueueBounds } from './queue-bounds.ts';
import { isMethod, type Route, routeOf } from './route.ts';
import { exportLimiter, importLimiter, type LimiterState } from './saved-state.ts';
import { type Submitted, Waiting } from './waiting.ts';

/** A bucket that has no room is not looked at again sooner, whatever it says. */
const MIN_WAKE_MS = 0.5;
/** A 429 more than this often for one request is delivered. */
const MAX_ATTEMPTS = 5;

export class RestLimiter implements Disposable {
  readonly #options: LimiterOptions;
  readonly #alarms: AlarmClock;
  readonly #table: LaneTable;
  readonly #bounds: QueueBounds;
  readonly #locks: Locks;
  readonly #answers: Answers;
  readonly #gates: Readonly<Record<Route['global'], Gate>>;
  readonly #counts: LimiterCounts = newCounts();
  #submitted = 0;
  #inFlight = 0;
  #isPumping = false;
  #isClosed = false;

  constructor(options: LimiterOptions) {
    const { clock, limits } = options;
    this.#options = options;
    this.#alarms = new AlarmClock(clock);
    this.#table = new LaneTable(limits, clock.now());
    this.#bounds = new QueueBounds(limits);
    this.#locks = new Locks(options);
    this.#answers = new Answers({
      egress: options.egress,
      table: this.#table,
      locks: this.#locks,
      counts: this.#counts,
      holdGlobal: (kind, untilMs) => this.#gates[kind].hold(untilMs),
    });
    const gate = (budget: LimiterOptions['budget'] | undefined) =>
      new Gate({ alarms: this.#alarms, budget, onRoom: () => this.#pump() });
    this.#gates = {
      application: gate(options.budget),
      address: gate(options.addressBudget),
      exempt: gate(undefined),
    };
  }

  /** Resolves when the request may go, or when it is certain that it can't in time. Rejects with the signal's reason. */
  submit(request: RestRequest, signal?: AbortSignal): Promise<Submission> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { clock, applicationId, limits } = this.#options;
    const { method, account, bytes } = request;
    const nowMs = clock.now();
    if (!isMethod(method)) return this.#refusal('method', undefined);
    const path = request.path ?? parsePath(request.target);
    if (path.kind === 'refused') {
      return this.#refusal('path', undefined, { pathRefusal: path.reason });
    }
    const route = routeOf(method, path, applicationId, nowMs);
    const submitted: Submitted = {
      account,
      bytes,
      route,
      priority: request.priority ?? (route.isInteraction ? 'interaction' : 'normal'),
      target: path.path + path.query,
      deadlineAtMs: nowMs + Math.min(request.deadlineMs, limits.maxDeadlineMs),
      number: this.#submitted++,
    };
    const forbidden = this.#forbids(submitted, nowMs);
    if (forbidden) return this.#count(forbidden);
    const lane = this.#table.lane(route, nowMs);
    if (!lane) return this.#refusal('too-many-buckets', 1_000);
    const refused = this.#tooMuch(submitted, lane, nowMs);
    if (refused) return this.#count(refused);
    return this.#wait(submitted, 1, lane, signal, nowMs);
  }

  /** The bot token has changed. */
  rotateToken(tokenId: string): void {
    this.#locks.rotateToken(tokenId);
  }

  /** What was learnt, as JSON can hold it; times are of the clock. */
  export(): LimiterState {
    const { application, address } = this.#gates;
    return exportLimiter(this.#table, this.#locks, this.#options.clock.now(), {
      application: application.holdUntilMs,
      address: address.holdUntilMs,
    });
  }

  /** Before the first request. What is not of this version, or makes no sense, is passed over. */
  import(state: unknown): void {
    const holds = importLimiter(state, this.#table, this.#locks, this.#options.clock.now());
    this.#gates.application.hold(holds.application);
    this.#gates.address.hold(holds.address);
  }

  readings(): LimiterReadings {
    const { application } = this.#gates;
    return {
      ...this.#counts,
      refused: { ...this.#counts.refused },
      limited: { ...this.#counts.limited },
      queued: this.#bounds.count,
      queuedBytes: this.#bounds.bytes,
      inFlight: this.#inFlight,
      lanes: this.#table.lanes.size,
      buckets: this.#table.buckets.size,
      routes: this.#table.routes.size,
      evictedLanes: this.#table.evicted,
      lockedWebhooks: this.#locks.webhooks.size,
      isTokenLocked: this.#locks.isTokenLocked,
      globalWaitMs: Math.max(0, application.holdUntilMs - this.#options.clock.now()),
    };
  }

  /** Refuses all that waits and all that comes; what is in flight may still be told of. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const bucket of [...this.#table.buckets.values()]) {
      for (const lane of [...bucket.lanes]) {
        for (const waiting of bucket.queue.drain(lane)) this.#refuse(waiting, 'closed', undefined);
      }
    }
    this.#alarms[Symbol.dispose]();
  }

  /** What is against it whatever the limits say. */
  #forbids({ route, account }: Submitted, nowMs: number): Refused | undefined {
    if (this.#isClosed) return refusalOf('closed', undefined);
    if (route.needsToken && this.#locks.isTokenLocked) return refusalOf('token-locked', undefined);
    if (route.webhookId !== undefined && this.#locks.webhooks.has(route.webhookId)) {
      return refusalOf('unknown-webhook', undefined);
    }
    const { egress } = this.#options;
    if (egress.allows(account, route.global === 'exempt', nowMs)) return undefined;
    return refusalOf('invalid-requests', egress.waitMs(nowMs));
  }

  /** What is against its waiting. */
  #tooMuch(submitted: Submitted, lane: Lane, nowMs: number): Refused | undefined {
    const { account, bytes, deadlineAtMs } = submitted;
    const etaMs = this.#etaMs(submitted, lane, nowMs);
    const full = this.#bounds.refusal(account, bytes, lane.bucket);
    // Half of what waits has gone by then, as far as it is known when that is.
    if (full) return refusalOf(full, Math.max(1_000, (etaMs - nowMs) / 2));
    return etaMs <= deadlineAtMs ? undefined : refusalOf('deadline', etaMs - deadlineAtMs);
  }

  /** Before this it certainly doesn't go. */
  #etaMs({ account, priority, route }: Submitted, lane: Lane, nowMs: number): number {
    const { queue } = lane.bucket;
    const ahead = queue.count === 0 ? 0 : Math.min(lane.queued, queue.ahead(account, priority));
    const bucketMs = lane.quota.etaMs(ahead + 1, nowMs);
    return Math.max(
      bucketMs === Number.POSITIVE_INFINITY ? 0 : bucketMs,
      lane.holdUntilMs,
      this.#gates[route.global].holdUntilMs,
      this.#options.egress.blockedUntilMs,
      nowMs,
    );
  }

  #wait(
    submitted: Submitted,
    attempt: number,
    lane: Lane,
    signal: AbortSignal | undefined,
    nowMs: number,
  ): Promise<Submission> {
    const deferred = Promise.withResolvers<Submission>();
    const waiting = new Waiting(submitted, attempt, lane, deferred);
    const { queue } = lane.bucket;
    if (attempt === 1) queue.push(waiting);
    else queue.pushFirst(waiting);
    lane.queued++;
    this.#bounds.add(submitted.account, submitted.bytes);
    this.#look(lane.bucket, nowMs);
    this.#pump();
    if (waiting.state !== 'waiting') return deferred.promise;
    signal && waiting.listen(signal, () => this.#leave(waiting, signal.reason));
    this.#alarms.add({
      atMs: submitted.deadlineAtMs,
      isMeant: () => waiting.state === 'waiting',
      ring: () => this.#expire(waiting),
    });
    return deferred.promise;
  }

  /** Offers what the bucket would send next, or sees to it that it is looked at again. */
  #look(bucket: Bucket, nowMs: number): void {
    const candidate = bucket.queue.count === 0 ? undefined : bucket.peek(nowMs);
    if (bucket.offer && bucket.offer.waiting === candidate) return;
    bucket.withdraw();
    if (candidate) {
      const { account, priority } = candidate;
      bucket.offer = { account, priority, bucket, waiting: candidate, isOpen: true };
      this.#gates[candidate.submitted.route.global].add(bucket.offer);
    } else if (bucket.queue.count > 0) this.#wakeLater(bucket, nowMs);
  }

  #wakeLater(bucket: Bucket, nowMs: number): void {
    const atMs = Math.max(nowMs + MIN_WAKE_MS, bucket.nextRoomAtMs(nowMs));
    if (bucket.wakeAtMs === atMs) return;
    bucket.wakeAtMs = atMs;
    if (atMs === Number.POSITIVE_INFINITY) return;
    this.#alarms.add({
      atMs,
      isMeant: () => bucket.wakeAtMs === atMs,
      ring: () => {
        bucket.wakeAtMs = Number.POSITIVE_INFINITY;
        this.#look(bucket, this.#options.clock.now());
        this.#pump();
      },
    });
  }

  /** Lets go whatever may. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    const nowMs = this.#options.clock.now();
    const { blockedUntilMs } = this.#options.egress;
    const go = (offer: BucketOffer, place: GlobalPlace | undefined) => this.#go(offer, place, nowMs);
    this.#gates.exempt.letGo(nowMs, blockedUntilMs, go);
    this.#gates.application.letGo(nowMs, blockedUntilMs, go);
    this.#gates.address.letGo(nowMs, blockedUntilMs, go);
    this.#isPumping = false;
  }

  #go({ bucket, waiting }: BucketOffer, place: GlobalPlace | undefined, nowMs: number): void {
    bucket.offer = undefined;
    if (waiting.state !== 'waiting' || !waiting.lane.hasRoom(nowMs)) place?.unused();
    else {
      const forbidden = this.#forbids(waiting.submitted, nowMs);
      bucket.queue.take(waiting);
      this.#unqueue(waiting);
      if (forbidden) {
        place?.unused();
        this.#count(forbidden);
        waiting.settle('left', forbidden);
      } else this.#admit(new Admission(this, waiting, place, this.#locks.tokenId), nowMs);
    }
    this.#look(bucket, nowMs);
  }

  #admit(admission: Admission, nowMs: number): void {
    const { waiting, lane } = admission;
    lane.bucket.charge(lane, admission, nowMs);
    this.#inFlight++;
    this.#counts.admitted++;
    waiting.settle('sent', admission);
  }

  /** Called by admissions. */
  done(admission: Admission, answer: Answer): Verdict {
    const nowMs = this.#options.clock.now();
    const { lane, waiting } = admission;
    this.#inFlight--;
    admission.place?.answered(nowMs);
    const touched = this.#answers.take(admission, answer, nowMs);
    this.#look(lane.bucket, nowMs);
    for (const bucket of touched) this.#look(bucket, nowMs);
    this.#pump();
    if (answer.status !== 429 || waiting.attempt >= MAX_ATTEMPTS) return { kind: 'deliver' };
    const atMs = this.#etaMs(waiting.submitted, lane, nowMs);
    if (atMs > waiting.submitted.deadlineAtMs) return { kind: 'deliver' };
    return { kind: 'retry', afterMs: atMs - nowMs };
  }

  /** Called by admissions. */
  failed(admission: Admission, kind: 'not-sent' | 'unknown'): void {
    const nowMs = this.#options.clock.now();
    const { lane } = admission;
    this.#inFlight--;
    lane.inFlight--;
    for (const quota of [lane.quota, ...admission.alsoCharged]) {
      if (kind === 'not-sent') quota.unsend();
      else quota.settle(nowMs);
    }
    if (kind === 'not-sent') admission.place?.unused();
    this.#look(lane.bucket, nowMs);
    this.#pump();
  }

  /** Called by admissions. */
  again({ waiting }: Admission, signal: AbortSignal | undefined): Promise<Submission> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const nowMs = this.#options.clock.now();
    const { submitted } = waiting;
    const forbidden = this.#forbids(submitted, nowMs);
    if (forbidden) return this.#count(forbidden);
    const lane = this.#table.lane(submitted.route, nowMs);
    if (!lane) return this.#refusal('too-many-buckets', 1_000);
    const etaMs = Math.max(this.#etaMs(submitted, lane, nowMs), nowMs);
    if (etaMs > submitted.deadlineAtMs) return this.#refusal('deadline', etaMs - submitted.deadlineAtMs);
    this.#counts.repeated++;
    return this.#wait(submitted, waiting.attempt + 1, lane, signal, nowMs);
  }

  /** The worker went away. */
  #leave(waiting: Waiting, reason: unknown): void {
    if (waiting.state !== 'waiting') return;
    this.#counts.left++;
    waiting.fail(reason);
    this.#dequeue(waiting);
  }

  #expire(waiting: Waiting): void {
    const nowMs = this.#options.clock.now();
    const etaMs = this.#etaMs(waiting.submitted, waiting.lane, nowMs);
    this.#refuse(waiting, 'deadline', Math.max(1_000, etaMs - nowMs));
    this.#dequeue(waiting);
  }

  #dequeue(waiting: Waiting): void {
    const { bucket } = waiting.lane;
    bucket.queue.noteLeft(waiting);
    this.#unqueue(waiting);
    this.#look(bucket, this.#options.clock.now());
    this.#pump();
  }

  #unqueue({ lane, submitted }: Waiting): void {
    lane.queued--;
    this.#bounds.remove(submitted.account, submitted.bytes);
  }

  #refuse(waiting: Waiting, reason: RefusalReason, retryAfterMs: number | undefined): void {
    const refused = refusalOf(reason, retryAfterMs);
    this.#count(refused);
    waiting.settle('left', refused);
  }

  #refusal(
    reason: RefusalReason,
    retryAfterMs: number | undefined,
    more?: Pick<Refused, 'pathRefusal'>,
  ): Promise<Refused> {
    return this.#count({ ...refusalOf(reason, retryAfterMs), ...more });
  }

  #count(refused: Refused): Promise<Refused> {
    const { reason } = refused;
    this.#counts.refused[reason] = (this.#counts.refused[reason] ?? 0) + 1;
    return Promise.resolve(refused);
  }
}

function refusalOf(reason: RefusalReason, retryAfterMs: number | undefined): Refused {
  return { kind: 'refused', reason, retryAfterMs };
}
