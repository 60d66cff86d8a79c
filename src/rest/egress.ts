/**
 * What all applications share that leave from one address: the count of invalid requests, and being shut out by what
 * stands before Discord. Time is given.
 */
import {
  type InvalidLevel,
  type InvalidRequestLimits,
  InvalidRequests,
  type InvalidRequestsState,
} from './invalid-requests.ts';

export type EgressAlarm =
  | { readonly kind: 'invalid-requests'; readonly level: InvalidLevel; readonly total: number }
  /** A 429 that is not from Discord's API: nothing leaves from this address for so long. */
  | { readonly kind: 'address-blocked'; readonly forMs: number };

export interface EgressState {
  readonly invalid: InvalidRequestsState;
  readonly blockedUntilMs: number;
}

/** For the person who looks: without tokens, and bounded. */
export interface EgressInspection {
  readonly breaker: InvalidLevel;
  /** In the last ten minutes. */
  readonly invalidRequests: number;
  readonly blockedForMs: number;
  readonly accounts: readonly {
    readonly account: string;
    readonly invalid: number;
    readonly isRefused: boolean;
  }[];
}

export class Egress {
  readonly #invalid: InvalidRequests;
  readonly #onAlarm: (alarm: EgressAlarm) => void;
  #level: InvalidLevel = 'calm';
  blockedUntilMs = 0;
  blocks = 0;

  /** `onAlarm` is told of each change of level, and of each time the address is shut out. */
  constructor(limits: InvalidRequestLimits, onAlarm: (alarm: EgressAlarm) => void) {
    this.#invalid = new InvalidRequests(limits);
    this.#onAlarm = onAlarm;
  }

  countInvalid(account: string, nowMs: number): void {
    this.#invalid.count(account, nowMs);
    this.#tell(nowMs);
  }

  block(forMs: number, nowMs: number): void {
    this.blockedUntilMs = Math.max(this.blockedUntilMs, nowMs + forMs);
    this.blocks++;
    this.#onAlarm({ kind: 'address-blocked', forMs });
  }

  allows(account: string, isExempt: boolean, nowMs: number): boolean {
    if (this.#level !== 'calm') this.#tell(nowMs);
    return (
      this.#level === 'calm' || this.#level === 'alarm' || this.#invalid.allows(account, isExempt, nowMs)
    );
  }

  waitMs(nowMs: number): number {
    return this.#invalid.waitMs(nowMs);
  }

  /** Invalid requests in the last ten minutes. */
  get invalidRequests(): number {
    return this.#invalid.total;
  }

  get level(): InvalidLevel {
    return this.#level;
  }

  inspect(nowMs: number, max: number): EgressInspection {
    if (this.#level !== 'calm') this.#tell(nowMs);
    return {
      breaker: this.#level,
      invalidRequests: this.#invalid.total,
      blockedForMs: Math.max(0, this.blockedUntilMs - nowMs),
      accounts: this.#invalid.accounts(max),
    };
  }

  exportState(nowMs: number): EgressState {
    return { invalid: this.#invalid.exportState(nowMs), blockedUntilMs: this.blockedUntilMs };
  }

  importState({ invalid, blockedUntilMs }: EgressState, nowMs: number): void {
    this.#invalid.importState(invalid, nowMs);
    this.blockedUntilMs = Math.max(this.blockedUntilMs, blockedUntilMs);
    this.#tell(nowMs);
  }

  #tell(nowMs: number): void {
    const level = this.#invalid.level(nowMs);
    if (level === this.#level) return;
    this.#level = level;
    this.#onAlarm({ kind: 'invalid-requests', level, total: this.#invalid.total });
  }
}
