/** What can be made to go wrong with requests, and which requests it befalls. */
import { z } from 'zod';
import type { Random } from '../random.ts';
import type { Excess, LimitScope } from './limiter.ts';

const ms = z.number().min(0);
const bytesPerSecond = z.number().min(1);

/** Which requests: the next `count` after the next `skip`, of all or of one route, of all or of one path. */
const which = {
  /** Method and template, as the statistics have it: `POST /channels/:channel/messages`. */
  route: z.string().optional(),
  /** What the path begins with, after `/api/v10`: `/channels/123`. */
  path: z.string().optional(),
  skip: z.int().min(0).default(0),
  count: z.int().min(1).default(1),
};

export const restFaultSchemas = [
  /** The answer comes `ms` later, and up to `jitterMs` more. */
  z.strictObject({ kind: z.literal('rest-latency'), ms, jitterMs: ms.default(0), ...which }),
  /** This status instead of an answer; nothing happens. 403 with Discord's 50013. */
  z.strictObject({
    kind: z.literal('rest-status'),
    status: z.int().min(400).max(599),
    body: z.enum(['json', 'none']).default('json'),
    ...which,
  }),
  /** A 429, and for everything of the same scope until `retryAfterMs` are over. */
  z.strictObject({
    kind: z.literal('rest-429'),
    scope: z.enum(['user', 'shared', 'global']),
    retryAfterMs: ms,
    body: z.enum(['json', 'none']).default('json'),
    code: z.int().optional(),
    ...which,
  }),
  /** An answer of Cloudflare's: HTML, no `Via`. */
  z.strictObject({ kind: z.literal('rest-cloudflare'), status: z.int().min(400).max(599), ...which }),
  /** The request is read no faster than this. */
  z.strictObject({ kind: z.literal('rest-slow-request'), bytesPerSecond, ...which }),
  /** The body of the answer comes no faster than this. */
  z.strictObject({ kind: z.literal('rest-slow-response'), bytesPerSecond, ...which }),
  /** The connection is reset. Only `before-read` leaves the request undone. */
  z.strictObject({
    kind: z.literal('rest-reset'),
    when: z.enum(['before-read', 'after-read', 'mid-response']),
    ...which,
  }),
  /** No header tells of limits. */
  z.strictObject({ kind: z.literal('rest-no-headers'), ...which }),
  /** `Content-Length` is off by so many bytes. */
  z.strictObject({ kind: z.literal('rest-wrong-length'), by: z.int(), ...which }),
  /** The webhook is gone. */
  z.strictObject({ kind: z.literal('rest-delete-webhook'), webhook: z.string() }),
  /** This address is banned as for too many invalid requests. */
  z.strictObject({ kind: z.literal('rest-ban'), address: z.string().default('127.0.0.1'), ms }),
  /** No fault befalls any further request. */
  z.strictObject({ kind: z.literal('rest-clear') }),
] as const;

export type RestFault = z.output<(typeof restFaultSchemas)[number]>;
export type RequestFault = Extract<RestFault, { count: number }>;

type FaultOf<Kind extends RequestFault['kind']> = Extract<RequestFault, { kind: Kind }>;

/** What befalls one request. */
export interface Disturbance {
  latencyMs: number;
  status?: FaultOf<'rest-status'>;
  limit?: FaultOf<'rest-429'>;
  cloudflare?: number;
  requestBytesPerSecond?: number;
  responseBytesPerSecond?: number;
  reset?: FaultOf<'rest-reset'>['when'];
  hasNoHeaders?: boolean;
  lengthOffBy?: number;
}

interface Waiting {
  fault: RequestFault;
  skip: number;
  left: number;
}

export class RestFaults {
  readonly #random: Random;
  readonly #latency: { ms: number; jitterMs: number };
  #waiting: Waiting[] = [];

  constructor(random: Random, latency: { ms: number; jitterMs: number }) {
    this.#random = random;
    this.#latency = latency;
  }

  add(fault: RequestFault): void {
    this.#waiting.push({ fault, skip: fault.skip, left: fault.count });
  }

  clear(): void {
    this.#waiting = [];
  }

  /** Of a request of `route` at `path`; counts it against the faults that it is one of. */
  befall(route: string, path: string): Disturbance {
    const disturbance: Disturbance = { latencyMs: this.#delay(this.#latency.ms, this.#latency.jitterMs) };
    if (this.#waiting.length === 0) return disturbance;
    for (const waiting of this.#waiting) {
      const { fault } = waiting;
      if (fault.route !== undefined && fault.route !== route) continue;
      if (fault.path !== undefined && !path.startsWith(fault.path)) continue;
      if (waiting.skip > 0) waiting.skip -= 1;
      else {
        waiting.left -= 1;
        this.#apply(fault, disturbance);
      }
    }
    this.#waiting = this.#waiting.filter(({ left }) => left > 0);
    return disturbance;
  }

  #apply(fault: RequestFault, disturbance: Disturbance): void {
    switch (fault.kind) {
      case 'rest-latency':
        disturbance.latencyMs += this.#delay(fault.ms, fault.jitterMs);
        return;
      case 'rest-status':
        disturbance.status = fault;
        return;
      case 'rest-429':
        disturbance.limit = fault;
        return;
      case 'rest-cloudflare':
        disturbance.cloudflare = fault.status;
        return;
      case 'rest-slow-request':
        disturbance.requestBytesPerSecond = fault.bytesPerSecond;
        return;
      case 'rest-slow-response':
        disturbance.responseBytesPerSecond = fault.bytesPerSecond;
        return;
      case 'rest-reset':
        disturbance.reset = fault.when;
        return;
      case 'rest-no-headers':
        disturbance.hasNoHeaders = true;
        return;
      case 'rest-wrong-length':
        disturbance.lengthOffBy = fault.by;
    }
  }

  #delay(leastMs: number, jitterMs: number): number {
    return jitterMs === 0 ? leastMs : leastMs + this.#random.next() * jitterMs;
  }
}

const SCOPES: readonly LimitScope[] = ['global', 'shared', 'user'];

/** Waits that a `rest-429` has imposed. */
export class ImposedWaits {
  readonly #untilMs = new Map<string, number>();

  impose(fault: FaultOf<'rest-429'>, bucket: string, who: string, nowMs: number): Excess {
    const { scope, retryAfterMs, code } = fault;
    const key = keyOf(scope, bucket, who);
    this.#untilMs.set(key, nowMs + retryAfterMs);
    return { key, scope, isHidden: true, retryAfterMs, code };
  }

  /** The one that a request has to wait for, if any. */
  find(bucket: string, who: string, nowMs: number): Excess | undefined {
    if (this.#untilMs.size === 0) return undefined;
    for (const scope of SCOPES) {
      const key = keyOf(scope, bucket, who);
      const untilMs = this.#untilMs.get(key) ?? 0;
      if (untilMs > nowMs) return { key, scope, isHidden: true, retryAfterMs: untilMs - nowMs };
      this.#untilMs.delete(key);
    }
    return undefined;
  }
}

function keyOf(scope: LimitScope, bucket: string, who: string): string {
  return scope === 'global' ? `imposed global ${who}` : `imposed ${scope} ${bucket}`;
}
