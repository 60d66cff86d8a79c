/**
 * A route for one major parameter, and the buckets that lanes are in. What Discord counts together it names with one hash,
 * but it gives the same hash to things that it counts apart as well (https://github.com/discord/discord-api-docs/issues/8073).
 * So lanes of one hash and limit are in one bucket, one queue; each has a quota of its own, on which the requests of the
 * others count too, until an answer proves that the two routes are counted apart.
 */
import type { Admission } from './admission.ts';
import type { Apart } from './apart.ts';
import { BucketQueue } from './bucket-queue.ts';
import type { HiddenLimit, HiddenUse } from './hidden-use.ts';
import { Quota, type QuotaModel } from './quota.ts';
import { type Offer, withdraw } from './ready-list.ts';
import type { MajorLease } from './shares/lease.ts';
import type { Waiting } from './waiting.ts';

/** A route, for all major parameters. */
export interface RouteRecord {
  readonly shape: string;
  model: QuotaModel;
  /** How often another limit was learnt for it. */
  changes: number;
  /** Of a limit that headers don't show. */
  readonly hidden: HiddenLimit;
  readonly lanes: Set<Lane>;
}

/** Of windows that are longer, whoever takes over from a process that is gone waits no longer than this to try. */
const MOST_DOUBT_MS = 10_000;

export interface LaneOptions {
  readonly key: string;
  readonly route: RouteRecord;
  readonly major: string;
  readonly bucket: Bucket;
  /** What is not known to be used is not used. */
  readonly isTrusted: boolean;
  readonly lease: MajorLease;
  readonly hidden: HiddenUse;
}

export class Lane {
  readonly key: string;
  readonly route: RouteRecord;
  readonly major: string;
  readonly quota: Quota;
  bucket: Bucket;
  /** Requests that wait. */
  queued = 0;
  /** Of its own, besides what its quota counts for others. */
  inFlight = 0;
  /** Of the limit that headers don't show. */
  readonly hidden: HiddenUse;
  /** How many requests of other lanes were counted on its quota since it last sent one, while it had some that wait. */
  passed = 0;
  /** When it was last put behind the others of its table. */
  placedAtMs = 0;
  /** As its bucket has last seen. */
  mayGo = false;
  readonly lease: MajorLease;

  constructor(options: LaneOptions) {
    const { key, route, major, bucket, isTrusted, lease, hidden } = options;
    this.key = key;
    this.route = route;
    this.major = major;
    this.bucket = bucket;
    this.lease = lease;
    this.hidden = hidden;
    this.quota = new Quota(route.model, isTrusted);
    this.doubt(lease.doubtedUntilMs);
  }

  /** Another process may have used all of it until then. */
  doubt(untilMs: number): void {
    if (untilMs > 0) this.quota.doubt(untilMs, MOST_DOUBT_MS);
  }

  /** Until when nothing goes because of that limit. */
  get holdUntilMs(): number {
    return this.hidden.fullUntilMs;
  }

  set holdUntilMs(untilMs: number) {
    this.hidden.holdUntilMs = untilMs;
  }

  hasRoom(nowMs: number): boolean {
    return this.lease.mayGo(nowMs) && this.hidden.hasRoom(nowMs) && this.quota.room(nowMs) > 0;
  }

  /** When there is room by time alone; `Infinity` where an answer must come first. */
  nextRoomAtMs(nowMs: number): number {
    if (!this.lease.mayGo(nowMs)) return Number.POSITIVE_INFINITY;
    return Math.max(this.hidden.nextRoomAtMs(nowMs), this.quota.nextRoomAtMs(nowMs));
  }

  /** What others send would fill its quota for ever, and what it is really used by is told only by an answer of its own. */
  isStarved(nowMs: number): boolean {
    const { model } = this.quota;
    if (this.queued === 0 || typeof model === 'string' || this.passed < model.limit) return false;
    return this.quota.room(nowMs) <= 0 && this.nextRoomAtMs(nowMs) < Number.POSITIVE_INFINITY;
  }

  isIdle(nowMs: number): boolean {
    const isQuiet = this.queued === 0 && this.inFlight === 0;
    return isQuiet && this.hidden.isIdle(nowMs) && this.quota.isIdle(nowMs);
  }
}

/** What a bucket would send next. */
export interface BucketOffer extends Offer {
  readonly bucket: Bucket;
  waiting: Waiting;
}

export class Bucket {
  readonly key: string;
  readonly lanes = new Set<Lane>();
  readonly queue = new BucketQueue<Waiting>();
  offer: BucketOffer | undefined;
  /** When it is looked at again. */
  wakeAtMs = Number.POSITIVE_INFINITY;

  readonly #apart: Apart;

  constructor(key: string, apart: Apart) {
    this.key = key;
    this.#apart = apart;
  }

  /** `loadOf`: how many wait for a wider limit before one more like it. */
  peek(nowMs: number, loadOf: (item: Waiting) => number): Waiting | undefined {
    let hasRoom = false;
    const starved = this.#starved(nowMs);
    for (const lane of this.lanes) {
      lane.mayGo = lane.queued > 0 && !this.#waitsFor(starved, lane) && lane.hasRoom(nowMs);
      hasRoom ||= lane.mayGo;
    }
    return hasRoom ? this.queue.peek(isHeld, loadOf) : undefined;
  }

  /** Whether its offer is as good as one of `candidate` would be: then it keeps its place among others. */
  keepsOffer(candidate: Waiting): boolean {
    const { offer } = this;
    if (!offer || offer.priority !== candidate.priority) return false;
    const first = this.queue.firstFor(offer.account, offer.priority, isHeld);
    if (!first || first.submitted.route.global !== offer.waiting.submitted.route.global) return false;
    // A lane that had no room when the offer was made would be passed over again and again.
    if (candidate.lane !== first.lane && candidate.number < first.number) return false;
    offer.waiting = first;
    return true;
  }

  /** Takes its offer back. */
  withdraw(): void {
    if (this.offer) withdraw(this.offer);
    this.offer = undefined;
  }

  nextRoomAtMs(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    const starved = this.#starved(nowMs);
    for (const lane of this.lanes) {
      if (lane.queued === 0 || this.#waitsFor(starved, lane)) continue;
      nextMs = Math.min(nextMs, lane.nextRoomAtMs(nowMs));
    }
    return nextMs;
  }

  #starved(nowMs: number): Lane | undefined {
    if (this.lanes.size === 1) return undefined;
    for (const lane of this.lanes) if (lane.isStarved(nowMs)) return lane;
    return undefined;
  }

  #waitsFor(starved: Lane | undefined, lane: Lane): boolean {
    if (!starved || starved === lane) return false;
    return !this.#apart.has(starved.route.shape, lane.route.shape);
  }

  /** Counts a request of `lane`, on the quotas of all lanes that it may count for. */
  charge(lane: Lane, admission: Admission, nowMs: number): void {
    lane.inFlight++;
    lane.passed = 0;
    lane.hidden.send();
    admission.sending = lane.quota.send(nowMs);
    if (this.lanes.size === 1) return;
    for (const other of this.lanes) {
      if (other === lane || this.#apart.has(lane.route.shape, other.route.shape)) continue;
      other.quota.send(nowMs);
      if (other.queued > 0) other.passed++;
      admission.alsoCharged.push(other);
    }
  }

  /** Finds out from an answer of `lane` which other routes Discord counts apart from it. */
  compare(lane: Lane): void {
    if (this.lanes.size === 1) return;
    const seen = lane.quota.last;
    if (!seen) return;
    for (const other of this.lanes) {
      const before = other.quota.last;
      if (other === lane || !before || seen.sentMs < before.receivedMs) continue;
      // Counted together, the later request's end of the limit can't be before that of the earlier.
      const isEarlier = seen.receivedMs + seen.resetAfterMs + 2 < before.sentMs + before.resetAfterMs;
      if (isEarlier) this.#apart.add(lane.route.shape, other.route.shape);
    }
  }

  /** A limit was met that should not have been: what was thought to be counted apart is not. */
  doubt(lane: Lane): void {
    this.#apart.forget(lane.route.shape);
  }
}

function isHeld(lane: Lane): boolean {
  return !lane.mayGo;
}
