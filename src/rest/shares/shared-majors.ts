/**
 * Which major parameters this node has, where several nodes share an application: the buckets of a major parameter are counted by one
 * node at a time. Requests are spread over nodes by it, so hands change only when nodes come and go. Whoever has one that another node
 * asks for sends what waits already, for a while, and gives it back with how far its limits are used.
 */
import type { Lane } from '../lane.ts';
import type { MajorLease, MajorLeases } from './lease.ts';
import type { ShareDraft, SharePart } from './part.ts';
import type { ShareGrant, ShareReply } from './ports.ts';
import { type LeaseOwner, type LeaseState, SharedLease } from './shared-lease.ts';

export interface SharedMajorsOptions {
  /** How far the limits of these lanes are used; `''`: not at all. */
  readonly usageOf: (lanes: ReadonlySet<Lane>, nowMs: number) => string;
  /** Takes over how far others have used it. */
  readonly restore: (grant: ShareGrant, lease: SharedLease, nowMs: number) => void;
  /** These may go now. */
  readonly onGranted: (lanes: ReadonlySet<Lane>, nowMs: number) => void;
  /** Something waits for an exchange. */
  readonly onNeed: () => void;
}

/** Of each kind, in one exchange; more than a script's stack holds would be refused. */
const MAX_AT_ONCE = 1_000;
/** How far limits are used is told no more often: it is for the case that this process is lost, and then there is doubt anyway. */
const TELL_EVERY_MS = 1_000;
/** What waits when another node asks is sent first, but for no longer than this: most requests wait no longer themselves. */
const DRAIN_MS = 15_000;
/** Leases that are looked at in an exchange, to find those that nothing needs. */
const SWEPT_AT_ONCE = 100;

export class SharedMajors implements MajorLeases, SharePart, LeaseOwner {
  readonly options: SharedMajorsOptions;
  readonly #leases = new Map<string, SharedLease>();
  readonly #asked = new Set<SharedLease>();
  readonly #leaving = new Set<SharedLease>();
  readonly #touched = new Set<SharedLease>();
  /** What is to be given back, with how far its limits are used; `undefined` where the store knows that better. */
  readonly #released = new Map<string, string | undefined>();
  #sweep: Iterator<SharedLease> | undefined;
  #toldMs = Number.NEGATIVE_INFINITY;
  #isAlone = false;
  /** Until when what is held is. */
  endsMs = 0;

  constructor(options: SharedMajorsOptions) {
    this.options = options;
  }

  of(major: string): MajorLease {
    let lease = this.#leases.get(major);
    if (!lease) {
      lease = new SharedLease(this, major);
      this.#leases.set(major, lease);
    }
    return lease;
  }

  get held(): number {
    let held = 0;
    for (const { state } of this.#leases.values()) if (state === 'held' || state === 'leaving') held++;
    return held;
  }

  get asked(): number {
    return this.#asked.size;
  }

  get isWaiting(): boolean {
    return this.#asked.size > 0 || this.#leaving.size > 0;
  }

  get isHurried(): boolean {
    const [first] = this.#asked;
    return first !== undefined && !first.isTold;
  }

  get hasMore(): boolean {
    return this.#touched.size > 0 || this.#released.size > 0;
  }

  tell(draft: ShareDraft, nowMs: number): void {
    this.#letGo(nowMs);
    this.#sweepIdle(nowMs);
    const given = [...this.#released].slice(0, MAX_AT_ONCE);
    const used = given.flatMap(([major, usage]) => (usage === undefined ? [] : [[major, usage] as const]));
    draft.usages = [...used, ...this.#usages(MAX_AT_ONCE - used.length, draft.isLeaving === true, nowMs)];
    draft.releases = given.map(([major]) => major);
    draft.claims = this.#claims();
  }

  hear(reply: ShareReply, told: ShareDraft, endsMs: number, nowMs: number): void {
    for (const major of told.releases ?? []) this.#released.delete(major);
    const hadEnded = nowMs >= this.endsMs;
    this.endsMs = endsMs;
    this.#isAlone = false;
    if (!reply.wasLive) this.#askForAll();
    for (const grant of reply.grants) this.#granted(grant, nowMs);
    this.#refused(told.claims ?? []);
    for (const major of reply.wishes) this.#wished(major, nowMs);
    if (hadEnded) this.#wake(nowMs);
  }

  goAlone(_nodes: number, nowMs: number): void {
    this.#isAlone = true;
    this.endsMs = Number.POSITIVE_INFINITY;
    for (const lease of [...this.#asked, ...this.#leaving]) this.#become(lease, 'held', nowMs);
    this.#wake(nowMs);
  }

  /** Whoever looked while what is held had ended was told to wait for this. */
  #wake(nowMs: number): void {
    for (const lease of this.#leases.values()) {
      if (lease.mayGo(nowMs)) this.options.onGranted(lease.lanes, nowMs);
    }
  }

  want(lease: SharedLease): void {
    if (lease.state !== 'free') return;
    if (this.#isAlone) this.#become(lease, 'held', lease.sinceMs);
    else {
      this.#become(lease, 'asked', lease.sinceMs);
      this.options.onNeed();
    }
  }

  touch(lease: SharedLease): void {
    this.#touched.add(lease);
  }

  /** Its last lane is gone. */
  abandon(lease: SharedLease): void {
    this.#giveBack(lease, 0);
    this.#leases.delete(lease.major);
    this.#touched.delete(lease);
  }

  #usages(most: number, isLast: boolean, nowMs: number): [string, string][] {
    const usages: [string, string][] = [];
    if (!isLast && nowMs - this.#toldMs < TELL_EVERY_MS) return usages;
    for (const lease of this.#touched) {
      if (usages.length >= most) return usages;
      this.#touched.delete(lease);
      if (lease.state === 'free' || lease.state === 'asked') continue;
      usages.push([lease.major, this.options.usageOf(lease.lanes, nowMs)]);
    }
    this.#toldMs = nowMs;
    return usages;
  }

  /** Those that have waited longest for their turn to be asked for. */
  #claims(): string[] {
    const asked = [...this.#asked].slice(0, MAX_AT_ONCE);
    for (const lease of asked) {
      lease.isTold = true;
      this.#asked.delete(lease);
      this.#asked.add(lease);
    }
    return asked.map(({ major }) => major);
  }

  #become(lease: SharedLease, state: LeaseState, nowMs: number): void {
    lease.state = state;
    lease.isTold = false;
    this.#asked.delete(lease);
    this.#leaving.delete(lease);
    if (state === 'asked') this.#asked.add(lease);
    else if (state === 'leaving') this.#leaving.add(lease);
    else if (state === 'held') lease.sinceMs = nowMs;
  }

  #granted(grant: ShareGrant, nowMs: number): void {
    const lease = this.#leases.get(grant.major);
    if (lease?.state !== 'asked') {
      // Nothing needs it any more.
      if (!lease || lease.state === 'free') this.#releaseUnused(grant.major);
      return;
    }
    // What was to be given back before it was asked for again.
    this.#released.delete(grant.major);
    lease.doubtedUntilMs = grant.origin === 'lapsed' ? nowMs - grant.lapsedMs : 0;
    // After a loss of contact what is asked for is still used here, and known better.
    if (!(grant.origin === 'own' && lease.isConfirming)) this.options.restore(grant, lease, nowMs);
    lease.isConfirming = false;
    this.#become(lease, 'held', nowMs);
    this.#touched.add(lease);
    this.options.onGranted(lease.lanes, nowMs);
  }

  /** What is not granted by now is another's, who uses it. */
  #refused(claims: readonly string[]): void {
    for (const major of claims) {
      const lease = this.#leases.get(major);
      if (lease?.state === 'asked') lease.isConfirming = false;
    }
  }

  #wished(major: string, nowMs: number): void {
    const lease = this.#leases.get(major);
    if (!lease || lease.state === 'free') this.#releaseUnused(major);
    else if (lease.state === 'held') {
      lease.drainsUntilMs = nowMs + DRAIN_MS;
      lease.toSend = [...lease.lanes].reduce((sum, { queued }) => sum + queued, 0);
      this.#become(lease, 'leaving', nowMs);
    }
  }

  /** Gives back what is asked for, where nothing goes any more. */
  #letGo(nowMs: number): void {
    for (const lease of this.#leaving) {
      const lanes = [...lease.lanes];
      if (lanes.some(({ inFlight }) => inFlight > 0)) continue;
      const hasMore = lanes.some(({ queued }) => queued > 0);
      if (hasMore && lease.mayGo(nowMs)) continue;
      this.#giveBack(lease, nowMs);
      // Behind the other node.
      if (hasMore) this.want(lease);
    }
  }

  #giveBack(lease: SharedLease, nowMs: number): void {
    const { state, major, lanes } = lease;
    if (state === 'free') return;
    // Where it was asked for and the answer is on its way, it may be ours by then.
    if (state === 'asked') this.#releaseUnused(major);
    // What was had alone was never the store's.
    else if (!this.#isAlone) this.#released.set(major, this.options.usageOf(lanes, nowMs));
    this.#become(lease, 'free', lease.sinceMs);
  }

  /** The store takes it to be ours, but nothing went from here that it does not know of. */
  #releaseUnused(major: string): void {
    if (!this.#released.has(major)) this.#released.set(major, undefined);
  }

  /** What is idle is nobody's, so that whoever needs it next has it at once. */
  #sweepIdle(nowMs: number): void {
    for (let looked = 0; looked < SWEPT_AT_ONCE; looked++) {
      this.#sweep ??= this.#leases.values();
      const { value: lease, done } = this.#sweep.next();
      if (done) {
        this.#sweep = undefined;
        return;
      }
      if (lease.state === 'held' && lease.isIdle(nowMs)) this.#giveBack(lease, nowMs);
    }
  }

  /** The store does not know any more what we have. */
  #askForAll(): void {
    for (const lease of this.#leases.values()) {
      if (lease.state !== 'held' && lease.state !== 'leaving') continue;
      lease.isConfirming = true;
      this.#become(lease, 'asked', lease.sinceMs);
    }
  }
}
