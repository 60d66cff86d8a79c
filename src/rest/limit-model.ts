/**
 * What is known of a route's limit, apart from how far it is used at a moment: shared by all major parameters. Pure: it is
 * told what answers said. Routes of one hash and limit have a model each: their windows may differ all the same.
 *
 * Discord has two sorts, and headers that don't say which. A fixed window counts up to its limit and forgets at its end;
 * `Reset-After` is the time to that end. A leaky bucket forgets one request each interval; `Reset-After` is the time until
 * it is empty, and so grows with each request. https://github.com/discord/discord-api-docs/issues/7680
 */
import type { LimitHeaders } from './answer.ts';
import { Lead } from './lead.ts';

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
/** Before its first answer. */
const UNHEARD_INTERVAL_MS = 60_000;
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
  /** What a leaky bucket takes to forget one request: never more than it really is. For what a level is divided by. */
  intervalMs = 0;
  /** And never less: for what is added to a level. */
  maxIntervalMs = UNHEARD_INTERVAL_MS;
  /** It was met though it was obeyed: from then on nobody leaves early for it, also after a restart. */
  isMet = false;
  /** So much earlier than the end of a limit is heard of a request may leave for it. */
  leadMs = 0;
  #changes = 0;
  readonly #lead = new Lead();

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

  /** `last`: an earlier answer of the same bucket. `isCounted`: `now` is none that was refused, which moves no end. */
  learn(now: Observation, last: Observation | undefined, isCounted = true): void {
    const roundTripMs = now.receivedMs - now.sentMs;
    this.windowMs = Math.max(this.windowMs, now.resetAfterMs);
    this.#learnInterval(now, roundTripMs);
    this.#learnMaxInterval(now, roundTripMs);
    this.#lead.see(now);
    if (last && this.kind !== 'serial') {
      const kind = kindFrom(now, last, this.intervalMs);
      const isClear = kind !== undefined && (isCounted || kind === 'leaky');
      if (isClear && kind !== this.kind) this.#become(kind);
    }
    this.#learnLead();
  }

  /** After the end of what looked like a fixed window, with one request sent since, `used` of it are gone. */
  seesNextWindow(used: number): void {
    if (this.kind !== 'fixed' || this.isProven) return;
    if (used <= 1) this.isProven = true;
    else this.kind = 'serial';
  }

  /** It was met though it was obeyed. */
  wasMet(): void {
    this.isMet = true;
    this.#learnLead();
  }

  /** Which of several requests went too early would not be seen in a leaky bucket: that holds what was heard. */
  #learnLead(): void {
    const hasWindow = this.limit === 1 || (this.kind === 'fixed' && this.isProven);
    this.leadMs = hasWindow && !this.isMet ? this.#lead.ms(this.windowMs) : 0;
  }

  #learnInterval({ limit, remaining, resetAfterMs }: Observation, roundTripMs: number): void {
    const used = limit - remaining;
    if (used < 1) return;
    const least = Math.max(0, resetAfterMs - 1) / used;
    // `used` is the level rounded up. An interval that would make it less than that has become shorter.
    const mostMs = resetAfterMs + roundTripMs + ROUNDING_MS;
    const isTooLong = this.kind === 'leaky' && mostMs < (used - 1) * this.intervalMs;
    this.intervalMs = isTooLong ? least : Math.max(this.intervalMs, least);
  }

  /** A bucket that has just counted one is empty after an interval at least, after more than `used - 1` of them. */
  #learnMaxInterval({ limit, remaining, resetAfterMs }: Observation, roundTripMs: number): void {
    // It may be as of when the answer left: then it was longer when the request was counted.
    const mostMs = resetAfterMs + roundTripMs + ROUNDING_MS;
    const most = mostMs / Math.max(1, limit - remaining - 1);
    // What contradicts itself has changed.
    this.maxIntervalMs = this.maxIntervalMs < this.intervalMs ? most : Math.min(this.maxIntervalMs, most);
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
