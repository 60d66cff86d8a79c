/**
 * Counts invalid requests of one address as Discord does, and says who has to stop before Discord stops everybody. Pure;
 * time is given. https://discord.com/developers/docs/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans
 */

export interface InvalidRequestLimits {
  /** From so many in ten minutes on there is an alarm. */
  readonly alarmAt: number;
  /** From here on the accounts that cause most are refused: one, and one more with each quarter of the way to `stopAt`. */
  readonly shedAt: number;
  /** From here on nothing goes but what is exempt from the global limit. Discord's own limit is 10,000. */
  readonly stopAt: number;
}

export type InvalidLevel = 'calm' | 'alarm' | 'shedding' | 'stopped';

export interface InvalidRequestsState {
  /** By the time in milliseconds at which a slot begins, what accounts caused in it. */
  readonly slots: readonly (readonly [number, Readonly<Record<string, number>>])[];
}

const WINDOW_MS = 600_000;
/** Requests are counted by slots of this length, so that some count for that much longer than at Discord. */
const SLOT_MS = 10_000;
const SHED_STEPS = 4;
/** Accounts beyond this are counted as one. */
const MAX_ACCOUNTS = 10_000;
const OTHERS = '';

/** https://discord.com/developers/docs/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans */
export function isInvalid(status: number, scope: string | undefined): boolean {
  return status === 401 || status === 403 || (status === 429 && scope !== 'shared');
}

export class InvalidRequests {
  readonly #limits: InvalidRequestLimits;
  /** Oldest first. */
  #slots: { readonly startMs: number; readonly counts: Map<string, number> }[] = [];
  readonly #byAccount = new Map<string, number>();
  #shed: ReadonlySet<string> = new Set();
  /** Within the last ten minutes. */
  total = 0;
  /** Longer ago. */
  forgotten = 0;

  constructor(limits: InvalidRequestLimits) {
    this.#limits = limits;
  }

  /** `atMs`: when it happened; now, or earlier at another process. */
  count(account: string, atMs: number, count = 1): void {
    this.#expire(atMs);
    const isKnown = this.#byAccount.has(account) || this.#byAccount.size < MAX_ACCOUNTS;
    this.#add(isKnown ? account : OTHERS, count, atMs - (atMs % SLOT_MS));
    this.#choose();
  }

  level(nowMs: number): InvalidLevel {
    this.#expire(nowMs);
    const { alarmAt, shedAt, stopAt } = this.#limits;
    if (this.total >= stopAt) return 'stopped';
    if (this.total >= shedAt) return 'shedding';
    return this.total >= alarmAt ? 'alarm' : 'calm';
  }

  /** Whether a request of this account may go. */
  allows(account: string, isExempt: boolean, nowMs: number): boolean {
    const level = this.level(nowMs);
    if (level === 'stopped') return isExempt;
    return level !== 'shedding' || !this.#shed.has(this.#byAccount.has(account) ? account : OTHERS);
  }

  /** Who caused them, most first, and who is refused for it. */
  accounts(
    max: number,
  ): { readonly account: string; readonly invalid: number; readonly isRefused: boolean }[] {
    const worst = [...this.#byAccount].sort((a, b) => b[1] - a[1]).slice(0, max);
    return worst.map(([account, invalid]) => ({ account, invalid, isRefused: this.#shed.has(account) }));
  }

  /** How long until what stops this account has passed, if nothing invalid comes meanwhile. */
  waitMs(nowMs: number): number {
    this.#expire(nowMs);
    let left = this.total - (this.total >= this.#limits.stopAt ? this.#limits.stopAt : this.#limits.shedAt);
    for (const { startMs, counts } of this.#slots) {
      for (const count of counts.values()) left -= count;
      if (left < 0) return Math.max(0, startMs + SLOT_MS + WINDOW_MS - nowMs);
    }
    return 0;
  }

  exportState(nowMs: number): InvalidRequestsState {
    this.#expire(nowMs);
    return { slots: this.#slots.map(({ startMs, counts }) => [startMs, Object.fromEntries(counts)]) };
  }

  importState({ slots }: InvalidRequestsState, nowMs: number): void {
    for (const [startMs, counts] of slots) {
      for (const [account, count] of Object.entries(counts)) this.#add(account, count, startMs);
    }
    this.#expire(nowMs);
    this.#choose();
  }

  #add(account: string, count: number, startMs: number): void {
    let slot = this.#slots.findLast((candidate) => candidate.startMs === startMs);
    if (!slot) {
      slot = { startMs, counts: new Map() };
      const later = this.#slots.findIndex((candidate) => candidate.startMs > startMs);
      this.#slots.splice(later < 0 ? this.#slots.length : later, 0, slot);
    }
    slot.counts.set(account, (slot.counts.get(account) ?? 0) + count);
    this.#byAccount.set(account, (this.#byAccount.get(account) ?? 0) + count);
    this.total += count;
  }

  #expire(nowMs: number): void {
    const first = this.#slots[0];
    if (!first || first.startMs + SLOT_MS + WINDOW_MS > nowMs) return;
    const isOver = ({ startMs }: { startMs: number }) => startMs + SLOT_MS + WINDOW_MS <= nowMs;
    for (const { counts } of this.#slots.filter(isOver)) {
      for (const [account, count] of counts) {
        const left = (this.#byAccount.get(account) ?? 0) - count;
        if (left > 0) this.#byAccount.set(account, left);
        else this.#byAccount.delete(account);
        this.total -= count;
        this.forgotten += count;
      }
    }
    this.#slots = this.#slots.filter((slot) => !isOver(slot));
    this.#choose();
  }

  #choose(): void {
    const { shedAt, stopAt } = this.#limits;
    if (this.total < shedAt) {
      if (this.#shed.size > 0) this.#shed = new Set();
      return;
    }
    const steps = 1 + Math.floor(((this.total - shedAt) * SHED_STEPS) / Math.max(1, stopAt - shedAt));
    const worst = [...this.#byAccount].sort((a, b) => b[1] - a[1]).slice(0, steps);
    this.#shed = new Set(worst.map(([account]) => account));
  }
}
