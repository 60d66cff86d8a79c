/**
 * Judges how a client takes the limits it is told. Counted by arrival: what was sent to the client before a request arrived is
 * what the client could have known, but for a 429, a 401 and a dead webhook: for `graceMs` after those, requests may have been on their way.
 *
 * A 429 of a route's own bucket is
 * - ignored, when an earlier 429 of the same limit said to wait, was sent longer than the grace ago, and the wait is not over;
 * - avoidable, when this client had been sent the headers of this route before, for any channel, guild or webhook: whoever counts
 *   what it has in flight against `X-RateLimit-Remaining`, and waits for `Reset-After`, gets none;
 * - unprobed, when it had not, and had other requests in flight there instead of waiting for the first one's headers;
 * - unforeseen otherwise, as with routes that share a counter without saying so. A note, no violation.
 * Every 429 of the global limit that Discord documents is a violation. One of a hidden or shared limit is only when it is ignored.
 */
import type { Violations } from '../violations.ts';
import type { Excess } from './limiter.ts';

/** One request as far as it is judged. */
export interface Call {
  who: string;
  /** Method and template. */
  route: string;
  /** With the major parameter. */
  bucket: string;
  arrivedMs: number;
}

interface Told {
  atMs: number;
  untilMs: number;
}

/** Older knowledge is forgotten, to a client's favour. */
const MAX_REMEMBERED = 20_000;

export class Conduct {
  readonly #violations: Violations;
  readonly #graceMs: number;
  readonly #knownRoutes = new Set<string>();
  readonly #inFlight = new Map<string, number>();
  readonly #waits = new Map<string, Told>();
  readonly #refusedTokens = new Map<string, number>();
  readonly #deadWebhooks = new Map<string, number>();

  constructor(violations: Violations, graceMs: number) {
    this.#violations = violations;
    this.#graceMs = graceMs;
  }

  begins(call: Call): void {
    this.#inFlight.set(call.bucket, (this.#inFlight.get(call.bucket) ?? 0) + 1);
  }

  ends(call: Call): void {
    const left = (this.#inFlight.get(call.bucket) ?? 1) - 1;
    if (left > 0) this.#inFlight.set(call.bucket, left);
    else this.#inFlight.delete(call.bucket);
  }

  /** The headers of the route's bucket have been sent. */
  hasSentHeaders(call: Call): void {
    remember(this.#knownRoutes, `${call.who} ${call.route}`);
  }

  exceeds(call: Call, excess: Excess): void {
    const detail = `${call.route}, ${excess.key.replaceAll(call.who, '*')}`;
    if (this.ignoresWait(call, excess.key, detail)) return;
    if (excess.scope === 'global') return this.#violations.add('rest-global-limit', null, detail);
    if (excess.scope === 'shared') return this.#violations.note('rest-shared-limit');
    if (excess.isHidden) return this.#violations.note('rest-hidden-limit');
    if (this.#knownRoutes.has(`${call.who} ${call.route}`))
      return this.#violations.add('rest-avoidable-429', null, detail);
    if ((this.#inFlight.get(call.bucket) ?? 0) > 1)
      return this.#violations.add('rest-unprobed-429', null, detail);
    this.#violations.note('rest-unforeseen-429');
  }

  /** Counts it, where so. */
  ignoresWait(call: Call, key: string, detail: string): boolean {
    const told = this.#waits.get(key);
    if (!told || call.arrivedMs >= told.untilMs || call.arrivedMs < told.atMs + this.#graceMs) return false;
    this.#violations.add('rest-ignored-429', null, detail);
    return true;
  }

  /** A 429 has been sent. `untilMs` is when the wait ends that it told of. */
  hasSentWait(key: string, nowMs: number, untilMs: number): void {
    const earlier = this.#waits.get(key);
    // Of several waits the one that was told first counts from then on; those of other requests only make it longer.
    const atMs = earlier && earlier.untilMs > nowMs ? earlier.atMs : nowMs;
    remember(this.#waits, key, { atMs, untilMs });
  }

  usesToken(token: string, call: Call): void {
    const refusedMs = this.#refusedTokens.get(token);
    if (refusedMs === undefined || call.arrivedMs < refusedMs + this.#graceMs) return;
    this.#violations.add('rest-refused-token', null, `${call.route} after a 401`);
  }

  hasSentUnauthorized(token: string, nowMs: number): void {
    if (!this.#refusedTokens.has(token)) remember(this.#refusedTokens, token, nowMs);
  }

  usesDeadWebhook(id: string, call: Call): void {
    const deadMs = this.#deadWebhooks.get(id);
    if (deadMs === undefined || call.arrivedMs < deadMs + this.#graceMs) return;
    this.#violations.add('rest-dead-webhook', null, `${call.route} after a 10015`);
  }

  hasSentUnknownWebhook(id: string, nowMs: number): void {
    if (!this.#deadWebhooks.has(id)) remember(this.#deadWebhooks, id, nowMs);
  }
}

function remember(set: Set<string>, key: string): void;
function remember<Value>(map: Map<string, Value>, key: string, value: Value): void;
function remember(into: Set<string> | Map<string, unknown>, key: string, value?: unknown): void {
  if (into.size >= MAX_REMEMBERED && !into.has(key)) {
    const [oldest] = into.keys();
    if (oldest !== undefined) into.delete(oldest);
  }
  if (into instanceof Set) into.add(key);
  else into.set(key, value);
}
