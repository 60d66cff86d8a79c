/**
 * The limiter of one application: takes requests, lets each go when no limit of Discord's is against it, and learns from
 * the answers. Knows nothing of HTTP. This is its outside and how its parts are joined: what is asked (`entrance.ts`), what
 * lets go (`departures.ts`), what comes back (`in-flight.ts`, `answers.ts`). Rules are elsewhere: `quota.ts` (a bucket),
 * `bucket-queue.ts` (whose turn), `global-budget.ts`, `egress.ts`. Runs per request.
 */
import { AlarmClock } from './alarm-clock.ts';
import { Answers } from './answers.ts';
import { Departures } from './departures.ts';
import { Entrance, type Gates } from './entrance.ts';
import { Gate } from './gate.ts';
import { InFlight } from './in-flight.ts';
import { inspectLimiter, type LimiterInspection } from './inspection.ts';
import type { Lane } from './lane.ts';
import { LaneTable } from './lane-table.ts';
import { type LimiterCounts, type LimiterReadings, newCounts } from './limiter-counts.ts';
import { Locks } from './locks.ts';
import { type ApiPath, parsePath } from './path.ts';
import type { LimiterOptions, Refused, RestRequest, Submission } from './ports.ts';
import { QueueBounds } from './queue-bounds.ts';
import { isMethod, type Method, routeOf } from './route.ts';
import { exportLimiter, importLimiter, type LimiterState } from './saved-state.ts';
import { NOT_SHARED } from './shares/lease.ts';
import type { ShareGrant } from './shares/ports.ts';
import type { SharedLease } from './shares/shared-lease.ts';
import { restoreUsage, usageOf } from './shares/usage.ts';
import type { Submitted } from './waiting.ts';

export class RestLimiter implements Disposable {
  readonly #options: LimiterOptions;
  readonly #alarms: AlarmClock;
  readonly #table: LaneTable;
  readonly #bounds: QueueBounds;
  readonly #locks: Locks;
  readonly #gates: Gates;
  readonly #entrance: Entrance;
  readonly #departures: Departures;
  readonly #inFlight: InFlight;
  readonly #counts: LimiterCounts = newCounts();
  #submitted = 0;

  constructor(options: LimiterOptions) {
    const { clock, limits, egress } = options;
    this.#options = options;
    this.#alarms = new AlarmClock(clock);
    this.#table = new LaneTable(limits, options.leases ?? NOT_SHARED, clock.now());
    this.#bounds = new QueueBounds(limits);
    this.#locks = new Locks(options);
    this.#gates = this.#newGates();
    const shared = { clock, egress, locks: this.#locks, counts: this.#counts, gates: this.#gates };
    this.#entrance = new Entrance({ ...shared, bounds: this.#bounds });
    this.#departures = new Departures({
      ...shared,
      alarms: this.#alarms,
      entrance: this.#entrance,
      bounds: this.#bounds,
      admit: (waiting, place, nowMs) => this.#inFlight.admit(waiting, place, nowMs),
    });
    this.#inFlight = new InFlight({
      ...shared,
      table: this.#table,
      answers: new Answers({
        ...shared,
        table: this.#table,
        holdGlobal: (kind, untilMs) => {
          this.#gates[kind].hold(untilMs);
          if (kind === 'application' || kind === 'address')
            options.onGlobalHold?.(kind, untilMs - clock.now());
        },
      }),
      entrance: this.#entrance,
      departures: this.#departures,
    });
  }

  /** Resolves when the request may go, or when it is certain that it can't in time. Rejects with the signal's reason. */
  submit(request: RestRequest, signal?: AbortSignal): Promise<Submission> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return Promise.resolve(this.ask(request, () => signal));
  }

  /** As `submit`, without a promise where nothing is to be waited for. The signal is asked for only where something is. */
  ask(request: RestRequest, signalOf: () => AbortSignal | undefined): Submission | Promise<Submission> {
    const nowMs = this.#options.clock.now();
    const { method } = request;
    if (!isMethod(method)) return this.#entrance.refuse('method', undefined);
    const path = request.path ?? parsePath(request.target);
    if (path.kind === 'refused') {
      const refused: Refused = {
        kind: 'refused',
        reason: 'path',
        retryAfterMs: undefined,
        pathRefusal: path.reason,
      };
      return this.#entrance.count(refused);
    }
    return this.#enter(this.#submittedOf(request, method, path, nowMs), signalOf, nowMs);
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

  /** A limit that others share has more room. */
  readonly onRoom = (): void => this.#departures.pump();

  /** How far the limits of these lanes are used; `''`: not at all. */
  readonly usageOf = (lanes: ReadonlySet<Lane>, nowMs: number): string => usageOf(this.#table, lanes, nowMs);

  /** Takes over how far another node has used a major parameter. */
  readonly restore = (grant: ShareGrant, lease: SharedLease, nowMs: number): void =>
    restoreUsage(this.#table, grant, lease, nowMs);

  /** These may go from here now. */
  readonly onGranted = (lanes: ReadonlySet<Lane>, nowMs: number): void => {
    for (const { bucket } of lanes) this.#departures.look(bucket, nowMs);
    this.#departures.pump();
  };

  /** Another node has met the global limit, or its requests were refused for their token. */
  holdGlobal(kind: 'application' | 'address', forMs: number): void {
    this.#gates[kind].hold(this.#options.clock.now() + forMs);
  }

  lockToken(tokenId: string): void {
    this.#locks.lockToken(tokenId);
  }

  readings(): LimiterReadings {
    const { application } = this.#gates;
    return {
      ...this.#counts,
      refused: { ...this.#counts.refused },
      limited: { ...this.#counts.limited },
      queued: this.#bounds.count,
      queuedBytes: this.#bounds.bytes,
      inFlight: this.#inFlight.count,
      lanes: this.#table.lanes.size,
      buckets: this.#table.buckets.size,
      routes: this.#table.routes.size,
      evictedLanes: this.#table.evicted,
      lockedWebhooks: this.#locks.webhooks.size,
      isTokenLocked: this.#locks.isTokenLocked,
      globalWaitMs: Math.max(0, application.holdUntilMs - this.#options.clock.now()),
    };
  }

  /** For the person who looks: the busiest `max` of each list. */
  inspect(max: number): LimiterInspection & { readonly inFlight: number; readonly globalWaitMs: number } {
    const { inFlight, globalWaitMs } = this.readings();
    const inspected = { table: this.#table, bounds: this.#bounds, locks: this.#locks };
    return { inFlight, globalWaitMs, ...inspectLimiter(inspected, this.#options.clock.now(), max) };
  }

  /** Refuses all that waits and all that comes; what is in flight may still be told of. */
  [Symbol.dispose](): void {
    this.#entrance.close();
    this.#departures.close(this.#table.buckets.values());
    this.#alarms[Symbol.dispose]();
  }

  #newGates(): Gates {
    const gate = (budget: LimiterOptions['budget'] | undefined) =>
      new Gate({ alarms: this.#alarms, budget, onRoom: () => this.#departures.pump() });
    const { budget, addressBudget } = this.#options;
    return {
      application: gate(budget),
      address: gate(addressBudget),
      user: gate(undefined),
      exempt: gate(undefined),
    };
  }

  #submittedOf(request: RestRequest, method: Method, path: ApiPath, nowMs: number): Submitted {
    const { applicationId, limits } = this.#options;
    const { authorization, body } = request;
    const route = routeOf(method, path, { applicationId, nowMs, authorization, body });
    return {
      account: request.account,
      bytes: request.bytes,
      route,
      priority: request.priority ?? (route.isInteraction ? 'interaction' : 'normal'),
      target: path.path + path.query,
      deadlineAtMs: nowMs + Math.min(request.deadlineMs, limits.maxDeadlineMs),
      number: this.#submitted++,
    };
  }

  #enter(
    submitted: Submitted,
    signalOf: () => AbortSignal | undefined,
    nowMs: number,
  ): Submission | Promise<Submission> {
    const entrance = this.#entrance;
    const forbidden = entrance.forbids(submitted, nowMs);
    if (forbidden) return entrance.count(forbidden);
    const lane = this.#table.lane(submitted.route, nowMs);
    if (!lane) return entrance.refuse('too-many-buckets', 1_000, submitted.route);
    const atOnce = this.#departures.goAtOnce(submitted, 1, lane, nowMs);
    // What bounds those that wait is no matter of who need not.
    if (atOnce) return atOnce;
    const refused = entrance.tooMuch(submitted, lane, nowMs);
    if (refused) return entrance.count(refused);
    return this.#departures.wait(submitted, 1, lane, signalOf, nowMs);
  }
}
