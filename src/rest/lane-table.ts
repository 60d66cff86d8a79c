/**
 * What is known of routes, limits, lanes and buckets, and where it all ends: idle lanes go when there are too many, those
 * used longest ago first, and with them the buckets and routes that nothing else needs.
 */
import type { LimitHeaders } from './answer.ts';
import { Apart } from './apart.ts';
import { HiddenLimit, HiddenUse } from './hidden-use.ts';
import { Bucket, Lane, type RouteRecord } from './lane.ts';
import { LimitModel } from './limit-model.ts';
import type { QuotaModel } from './quota.ts';
import type { Route } from './route.ts';
import { ALWAYS, type MajorLeases } from './shares/lease.ts';
import { KNOWN_HIDDEN_LIMITS, sharingHiddenLimit } from './special-limits.ts';

/** How many of the oldest lanes are looked at to find one that can go. */
const LOOKED_AT = 16;
/** Idle lanes are let go by twos as others come. */
const SWEPT_AT_ONCE = 2;
/** A route whose limit changes more often than this has several limits by turns: its lanes learn them one by one. */
const MAX_CHANGES_FOR_ALL = 8;

/** A lane is put behind the others at most so often: their order is true to this much. */
const PLACED_EVERY_MS = 1_000;

/** A way there and back takes hardly longer. */
const ON_THE_WAY_MS = 1_000;

export interface LaneTableLimits {
  readonly maxLanes: number;
  readonly maxRoutes: number;
}

export class LaneTable {
  readonly #limits: LaneTableLimits;
  readonly #leases: MajorLeases;
  readonly #startedMs: number;
  readonly routes = new Map<string, RouteRecord>();
  readonly apart = new Apart();
  /** Those used longest ago first, as of `placedAtMs`. */
  readonly lanes = new Map<string, Lane>();
  readonly buckets = new Map<string, Bucket>();
  evicted = 0;

  constructor(limits: LaneTableLimits, leases: MajorLeases, nowMs: number) {
    this.#limits = limits;
    this.#leases = leases;
    this.#startedMs = nowMs;
  }

  /** `undefined` where there are too many, and none is idle. */
  lane({ shape, template, major, global }: Route, nowMs: number): Lane | undefined {
    const key = keyOf(shape, major);
    const known = this.lanes.get(key);
    if (known) {
      known.lease.want();
      if (nowMs - known.placedAtMs < PLACED_EVERY_MS) return known;
      this.#placeLast(known, nowMs);
      return known;
    }
    this.#letGo(SWEPT_AT_ONCE, nowMs);
    if (this.isFull && !this.#letGoOne(nowMs)) return undefined;
    const route = this.route(shape, nowMs) ?? this.route(template, nowMs);
    if (!route) return undefined;
    // What is exempt or a user's own is used too little for two nodes to meet in it.
    const isShared = global === 'application' || global === 'address';
    const lane = this.create(route, major, nowMs, isShared ? this.#leases.of(major) : ALWAYS);
    lane.lease.want();
    return lane;
  }

  create(route: RouteRecord, major: string, nowMs: number, lease = this.#leases.of(major)): Lane {
    const { model, shape } = route;
    // Whoever has run, and had it, for longer than the limit remembers would know if anything counted.
    const knownForMs = nowMs - Math.max(this.#startedMs, lease.sinceMs);
    const isTrusted = typeof model !== 'string' && knownForMs >= model.forgetsAfterMs;
    const bucket = this.#bucket(model, shape, major);
    const key = keyOf(shape, major);
    const lane = new Lane({
      key,
      route,
      major,
      bucket,
      isTrusted,
      lease,
      hidden: this.#hiddenUse(route, major),
    });
    lane.placedAtMs = nowMs;
    this.#join(lane, bucket, nowMs);
    route.lanes.add(lane);
    lease.join(lane);
    this.lanes.set(key, lane);
    return lane;
  }

  get isFull(): boolean {
    return this.lanes.size >= this.#limits.maxLanes;
  }

  /** That lane, if there is one. */
  find(shape: string, major: string): Lane | undefined {
    return this.lanes.get(keyOf(shape, major));
  }

  route(shape: string, nowMs: number): RouteRecord | undefined {
    const known = this.routes.get(shape);
    if (known) return known;
    if (this.routes.size >= this.#limits.maxRoutes && !this.#letGoRoute(nowMs)) return undefined;
    const hidden = this.#hiddenLimit(shape);
    const route: RouteRecord = { shape, model: 'unknown', changes: 0, hidden, lanes: new Set() };
    this.routes.set(shape, route);
    return route;
  }

  /** An answer of `lane` named this limit. Gives the buckets that gained or lost a lane by it. */
  learn(lane: Lane, headers: LimitHeaders, nowMs: number): ReadonlySet<Bucket> {
    const { route } = lane;
    const model = modelOf(lane, headers);
    const moved: Lane[] = [];
    if (route.model !== model) {
      route.model = model;
      route.changes++;
      if (route.changes <= MAX_CHANGES_FOR_ALL) moved.push(...route.lanes);
    }
    const touched = new Set<Bucket>();
    for (const one of moved.length > 0 ? moved : [lane]) this.#become(one, model, nowMs, touched);
    return touched;
  }

  /** An answer of `lane` carried no limit. */
  learnOpen({ route }: Lane): void {
    if (route.model !== 'unknown') return;
    route.model = 'open';
    for (const lane of route.lanes) lane.quota.becomes('open');
  }

  /** Another node has learnt this limit for a lane of which nothing is known here. */
  adopt(lane: Lane, model: LimitModel, nowMs: number): void {
    this.#become(lane, model, nowMs, new Set());
  }

  #become(lane: Lane, model: LimitModel, nowMs: number, touched: Set<Bucket>): void {
    if (lane.quota.model === model) return;
    const before = lane.bucket;
    const bucket = this.#bucket(model, lane.route.shape, lane.major);
    lane.quota.becomes(model);
    if (bucket === before) return;
    const waiting = before.queue.drain(lane);
    before.withdraw();
    this.#leave(lane);
    this.#join(lane, bucket, nowMs);
    for (const item of waiting) bucket.queue.push(item);
    touched.add(before).add(bucket);
  }

  #bucket(model: QuotaModel, shape: string, major: string): Bucket {
    const limit = typeof model === 'string' ? shape : `${model.limit} ${model.hash}`;
    const key = `${limit}\n${major}`;
    const known = this.buckets.get(key);
    if (known) return known;
    const bucket = new Bucket(key, this.apart);
    this.buckets.set(key, bucket);
    return bucket;
  }

  #join(lane: Lane, bucket: Bucket, nowMs: number): void {
    for (const other of bucket.lanes) lane.quota.adopt(other.quota, nowMs);
    lane.bucket = bucket;
    bucket.lanes.add(lane);
  }

  #leave(lane: Lane): void {
    const { bucket } = lane;
    bucket.lanes.delete(lane);
    if (bucket.lanes.size === 0) this.buckets.delete(bucket.key);
  }

  #hiddenLimit(shape: string): HiddenLimit {
    for (const other of sharingHiddenLimit(shape)) {
      const route = this.routes.get(other);
      if (route) return route.hidden;
    }
    return new HiddenLimit(KNOWN_HIDDEN_LIMITS.get(shape));
  }

  #hiddenUse({ shape, hidden }: RouteRecord, major: string): HiddenUse {
    for (const other of sharingHiddenLimit(shape)) {
      const lane = this.find(other, major);
      if (lane) return lane.hidden;
    }
    return new HiddenUse(hidden);
  }

  /** Lets go of what is idle among the oldest. What is not comes last again: else a few of them would keep all that is behind them. */
  #letGo(count: number, nowMs: number): void {
    let looked = 0;
    for (const lane of this.lanes.values()) {
      if (looked++ >= count) return;
      if (lane.isIdle(nowMs)) this.#remove(lane);
      else this.#placeLast(lane, nowMs);
    }
  }

  #letGoOne(nowMs: number): boolean {
    const before = this.lanes.size;
    for (let looked = 0; looked < LOOKED_AT && this.lanes.size === before; looked++) this.#letGo(1, nowMs);
    if (this.lanes.size === before) return false;
    this.evicted++;
    return true;
  }

  #placeLast(lane: Lane, nowMs: number): void {
    lane.placedAtMs = nowMs;
    this.lanes.delete(lane.key);
    this.lanes.set(lane.key, lane);
  }

  #letGoRoute(nowMs: number): boolean {
    for (const [shape, route] of this.routes) {
      if (!isIdle(route, nowMs)) continue;
      for (const lane of route.lanes) this.#remove(lane);
      this.routes.delete(shape);
      return true;
    }
    return false;
  }

  #remove(lane: Lane): void {
    this.#leave(lane);
    lane.route.lanes.delete(lane);
    this.lanes.delete(lane.key);
    lane.lease.part(lane);
  }
}

function isIdle({ lanes }: RouteRecord, nowMs: number): boolean {
  for (const lane of lanes) if (!lane.isIdle(nowMs)) return false;
  return true;
}

function keyOf(shape: string, major: string): string {
  return `${shape}\n${major}`;
}

/** The lane's own where the headers name it, else its route's, else a new one. */
function modelOf({ quota, route }: Lane, headers: LimitHeaders): LimitModel {
  for (const { model } of [quota, route]) if (typeof model !== 'string' && model.isOf(headers)) return model;
  const model = new LimitModel(route.shape, headers.hash, headers.limit);
  model.maxIntervalMs = headers.resetAfterMs + ON_THE_WAY_MS;
  return model;
}
