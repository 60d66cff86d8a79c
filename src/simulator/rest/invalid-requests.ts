/** Counts what Cloudflare bans an address for: answers 401, 403, and 429 that are not of scope `shared`. */
import { SlidingLimit } from './rules/sliding-limit.ts';

export interface InvalidRequestOptions {
  /** The one that reaches it begins the ban. At least 2. */
  limit: number;
  windowMs: number;
  banMs: number;
}

const MAX_ADDRESSES = 1_000;

interface Address {
  window: SlidingLimit;
  bannedUntilMs: number;
}

export class InvalidRequests {
  readonly #options: InvalidRequestOptions;
  readonly #addresses = new Map<string, Address>();
  total = 0;
  bans = 0;

  constructor(options: InvalidRequestOptions) {
    this.#options = options;
  }

  /** Milliseconds until this address is heard again; 0 where it is now. */
  bannedForMs(address: string, nowMs: number): number {
    return Math.max(0, (this.#addresses.get(address)?.bannedUntilMs ?? 0) - nowMs);
  }

  /** Whether this one begins a ban. */
  add(address: string, nowMs: number): boolean {
    this.total += 1;
    const known = this.#addresses.get(address) ?? this.#first(address);
    if (known.window.take(nowMs) === 0 || known.bannedUntilMs > nowMs) return false;
    this.ban(address, nowMs + this.#options.banMs);
    return true;
  }

  ban(address: string, untilMs: number): void {
    const known = this.#addresses.get(address) ?? this.#first(address);
    known.bannedUntilMs = untilMs;
    this.bans += 1;
  }

  /** The most that an address has in the window that ends now. */
  most(nowMs: number): number {
    return Math.max(0, ...[...this.#addresses.values()].map(({ window }) => window.count(nowMs)));
  }

  #first(address: string): Address {
    if (this.#addresses.size >= MAX_ADDRESSES) this.#addresses.clear();
    const { limit, windowMs } = this.#options;
    const fresh = { window: new SlidingLimit(limit - 1, windowMs), bannedUntilMs: Number.NEGATIVE_INFINITY };
    this.#addresses.set(address, fresh);
    return fresh;
  }
}
