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

/** https://discord.com/developers/docs/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans */
const BANNED_AT = 10_000;

export interface EgressNews {
  invalid(account: string): void;
  blocked(forMs: number): void;
}

export class Egress {
  readonly #invalid: InvalidRequests;
  readonly #onAlarm: (alarm: EgressAlarm) => void;
  readonly #stopAt: number;
  /** Told of what happens here, where other processes leave from the same address. */
  onShared: EgressNews | undefined;
  /** How many more may be caused here before the others have to be heard again. */
  #allowance = Number.POSITIVE_INFINITY;
  /** How many processes there were then, and how much had been forgotten. */
  #processes = 1;
  #forgottenBefore = 0;
  #level: InvalidLevel = 'calm';
  blockedUntilMs = 0;
  blocks = 0;
  /** Requests on their way: each may come back invalid. */
  inFlight = 0;

  /** `onAlarm` is told of each change of level, and of each time the address is shut out. */
  constructor(limits: InvalidRequestLimits, onAlarm: (alarm: EgressAlarm) => void) {
    this.#invalid = new InvalidRequests(limits);
    this.#stopAt = limits.stopAt;
    this.#onAlarm = onAlarm;
  }

  countInvalid(account: string, nowMs: number): void {
    this.#invalid.count(account, nowMs);
    this.#allowance--;
    this.onShared?.invalid(account);
    this.#tell(nowMs);
  }

  /** Of other processes that leave from the same address: so long ago. */
  countElsewhere(invalid: Readonly<Record<string, number>>, ageMs: number, nowMs: number): void {
    for (const [account, count] of Object.entries(invalid)) {
      this.#invalid.count(account, nowMs - ageMs, count);
    }
    this.#tell(nowMs);
  }

  /** What is left is divided: each of so many processes may cause its part before it has to hear of the others again. */
  shareAmong(processes: number, nowMs: number): void {
    this.#tell(nowMs);
    this.#allowance = Math.max(0, Math.floor((this.#stopAt - this.#invalid.total) / processes));
    this.#processes = processes;
    this.#forgottenBefore = this.#invalid.forgotten;
  }

  block(forMs: number, nowMs: number): void {
    this.blockElsewhere(forMs, nowMs);
    this.blocks++;
    this.onShared?.blocked(forMs);
    this.#onAlarm({ kind: 'address-blocked', forMs });
  }

  /** Another process that leaves from the same address was shut out. */
  blockElsewhere(forMs: number, nowMs: number): void {
    this.blockedUntilMs = Math.max(this.blockedUntilMs, nowMs + forMs);
  }

  allows(account: string, isExempt: boolean, nowMs: number): boolean {
    if (!isExempt && this.#invalid.total + this.inFlight >= BANNED_AT) return false;
    if (!isExempt && !this.#hasAllowance()) {
      this.#tell(nowMs);
      if (!this.#hasAllowance()) return false;
    }
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

  /** With its part of what has been forgotten since, so that it comes back also where the others can't be heard. */
  #hasAllowance(): boolean {
    return this.#allowance + (this.#invalid.forgotten - this.#forgottenBefore) / this.#processes >= 1;
  }

  #tell(nowMs: number): void {
    const level = this.#invalid.level(nowMs);
    if (level === this.#level) return;
    this.#level = level;
    this.#onAlarm({ kind: 'invalid-requests', level, total: this.#invalid.total });
  }
}
