/**
 * What is known of a route's limit, apart from how far it is used at a moment: shared by all major parameters. Pure: it is
 * told what answers said. Routes of one hash and limit have a model each: their windows may differ all the same.
 *
 * Discord has two sorts, and headers that don't say which. A fixed window counts up to its limit and forgets at its end;
 * `Reset-After` is the time to that end. A leaky bucket forgets one request each interval; `Reset-After` is the time until
 * it is empty, and so grows with each request. https://github.com/discord/discord-api-docs/issues/7680
 */
import type { LimitHeaders } from './answer.ts';

export type LimitKind =
  /** Not known yet: both are obeyed. */
  | 'unsure'
  | 'fixed'
  | 'leaky'
  /** Fits neither: one request at a time, as its headers allow. */
  | 'serial';

/** One answer, in local time. Discord counted the request somewhere between `sentMs` and `receivedMs`. */
export interface Observation extends LimitHeaders {
  readonly sentMs: number;
  readonly receivedMs: number;
}

/** Headers are in whole milliseconds, and don't say how they were rounded. */
export const ROUNDING_MS = 2;
/** A limit that changes its sort more often than this is taken for neither. */
const MAX_CHANGES_OF_KIND = 4;

export class LimitModel {
  readonly shape: string;
  readonly hash: string;
  readonly limit: number;
  kind: LimitKind = 'unsure';
  /** Whether a fixed window was seen to be empty again after its end: only then all of the next one is used at once. */
  isProven = false;
  /** A fixed window's length, as far as seen. */
  windowMs = 0;
  /** What a leaky bucket takes to forget one request: never more than it really is, which is the safe side (see `Quota`). */
  intervalMs = 0;
  #changes = 0;

  constructor(shape: string, hash: string, limit: number) {
    this.shape = shape;
    this.hash = hash;
    this.limit = limit;
  }

  /** What names the limit in headers. */
  isOf({ hash, limit }: Pick<LimitHeaders, 'hash' | 'limit'>): boolean {
    return hash === this.hash && limit === this.limit;
  }

  /** From longest ago on when everything that was sent is forgotten. */
  get forgetsAfterMs(): number {
    return Math.max(this.windowMs, this.intervalMs * this.limit);
  }

  /** `last`: an earlier answer of the same bucket. */
  learn(now: Observation, last: Observation | undefined): void {
    this.windowMs = Math.max(this.windowMs, now.resetAfterMs);
    this.#learnInterval(now);
    if (!last || this.kind === 'serial') return;
    const kind = kindFrom(now, last, this.intervalMs);
    if (kind !== undefined && kind !== this.kind) this.#become(kind);
  }

  /** After the end of what looked like a fixed window, with one request sent since, `used` of it are gone. */
  provesWindow(used: number): void {
    if (used <= 1) this.isProven = true;
    else this.kind = 'serial';
  }

  #learnInterval({ limit, remaining, resetAfterMs }: Observation): void {
    const used = limit - remaining;
    if (used < 1) return;
    const least = (resetAfterMs - 1) / used;
    // `used` is the level rounded up. An interval that would make it less than that has become shorter.
    const isTooLong =
      used > 1 &&
      this.intervalMs > 0 &&
      resetAfterMs / this.intervalMs < used - 1 - ROUNDING_MS / this.intervalMs;
    if (isTooLong && this.kind === 'leaky') this.intervalMs = least;
    else this.intervalMs = Math.max(this.intervalMs, least);
  }

  #become(kind: LimitKind): void {
    this.kind = this.kind !== 'unsure' && ++this.#changes > MAX_CHANGES_OF_KIND ? 'serial' : kind;
  }
}

/**
 * Two answers of one bucket tell its sort apart: where the ends that they name can't differ by as much as a leaky
 * bucket's would have to, it is a fixed window; where they must differ though neither window was over, it is none.
 */
function kindFrom(a: Observation, b: Observation, intervalMs: number): 'fixed' | 'leaky' | undefined {
  const a0 = a.sentMs + a.resetAfterMs - ROUNDING_MS;
  const a1 = a.receivedMs + a.resetAfterMs + ROUNDING_MS;
  const b0 = b.sentMs + b.resetAfterMs - ROUNDING_MS;
  const b1 = b.receivedMs + b.resetAfterMs + ROUNDING_MS;
  if (Math.max(a1 - b0, b1 - a0) < intervalMs) return 'fixed';
  const isBefore = (x: Observation, end: number) => x.receivedMs < end;
  if (a0 > b1 && isBefore(a, b0)) return 'leaky';
  if (b0 > a1 && isBefore(b, a0)) return 'leaky';
  return undefined;
}
