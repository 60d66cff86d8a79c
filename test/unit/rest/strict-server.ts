/** A Discord reduced to its limits: naive, strict, and written without a look at the limiter. Counts by arrival. */
import type { Answer } from '../../../src/rest/index.ts';

export interface ServerRule {
  kind: 'fixed' | 'leaky';
  limit: number;
  windowMs: number;
  /** What the hash header says; several rules may share it and count apart. */
  hash: string;
  /** A limit that no header shows. */
  hidden?: { limit: number; windowMs: number };
}

interface Counter {
  /** Arrivals that still count. */
  taken: number;
  startedMs: number;
  atMs: number;
}

export class StrictServer {
  readonly #rules: (route: string) => ServerRule | undefined;
  readonly #globalLimit: number;
  readonly #counters = new Map<string, Counter>();
  readonly #global: number[] = [];
  readonly refused = { user: 0, hidden: 0, global: 0 };
  /** Counters over their limit, one entry for each 429. */
  readonly refusedOf: string[] = [];
  accepted = 0;
  readonly acceptedOf = new Map<string, number>();

  /** `rules` gives the rule of a route: the text before the blank of a counter's name. */
  constructor(rules: (route: string) => ServerRule | undefined, globalLimit: number) {
    this.#rules = rules;
    this.#globalLimit = globalLimit;
  }

  arrive(route: string, major: string, nowMs: number): Answer {
    while (this.#global.length > 0 && this.#global[0]! <= nowMs - 1_000) this.#global.shift();
    if (this.#global.length >= this.#globalLimit) {
      this.refused.global++;
      return limited('global', this.#global[0]! + 1_000 - nowMs, {});
    }
    this.#global.push(nowMs);
    const rule = this.#rules(route);
    if (!rule) return this.#accept(`${route} ${major}`, {});
    const counter = this.#counter(`${route} ${major}`, rule, nowMs);
    const headers = (): Record<string, string> => readingOf(rule, counter, nowMs);
    const waitMs = waitOf(rule, counter, nowMs);
    if (waitMs > 1e-6) {
      this.refused.user++;
      this.refusedOf.push(`${route} ${major}`);
      return limited('user', waitMs, headers());
    }
    counter.taken += 1;
    if (rule.hidden) {
      const hiddenRule: ServerRule = { kind: 'fixed', hash: '', ...rule.hidden };
      const below = this.#counter(`hidden ${route} ${major}`, hiddenRule, nowMs);
      const belowMs = waitOf(hiddenRule, below, nowMs);
      if (belowMs > 0) {
        this.refused.hidden++;
        return limited('user', belowMs, headers());
      }
      below.taken += 1;
    }
    return this.#accept(`${route} ${major}`, headers());
  }

  #accept(name: string, headers: Record<string, string>): Answer {
    this.accepted++;
    this.acceptedOf.set(name, (this.acceptedOf.get(name) ?? 0) + 1);
    return { status: 200, header: (key) => headers[key] };
  }

  #counter(name: string, rule: ServerRule, nowMs: number): Counter {
    let counter = this.#counters.get(name);
    if (!counter) {
      counter = { taken: 0, startedMs: nowMs, atMs: nowMs };
      this.#counters.set(name, counter);
    }
    if (rule.kind === 'leaky') {
      counter.taken = Math.max(0, counter.taken - ((nowMs - counter.atMs) * rule.limit) / rule.windowMs);
    } else if (counter.taken === 0 || nowMs >= counter.startedMs + rule.windowMs) {
      counter.taken = 0;
      counter.startedMs = nowMs;
    }
    counter.atMs = nowMs;
    return counter;
  }
}

function waitOf({ kind, limit, windowMs }: ServerRule, { taken, startedMs }: Counter, nowMs: number): number {
  if (taken + 1 <= limit + 1e-9) return 0;
  return kind === 'fixed' ? startedMs + windowMs - nowMs : ((taken + 1 - limit) * windowMs) / limit;
}

function readingOf(
  { kind, limit, windowMs, hash }: ServerRule,
  { taken, startedMs }: Counter,
  nowMs: number,
): Record<string, string> {
  const resetAfterMs = kind === 'fixed' ? startedMs + windowMs - nowMs : (taken * windowMs) / limit;
  return {
    via: '1.1 google',
    'x-ratelimit-bucket': hash,
    'x-ratelimit-limit': String(limit),
    'x-ratelimit-remaining': String(Math.max(0, Math.floor(limit - taken + 1e-9))),
    'x-ratelimit-reset-after': (Math.ceil(resetAfterMs - 1e-6) / 1_000).toFixed(3),
  };
}

function limited(scope: string, waitMs: number, headers: Record<string, string>): Answer {
  const all: Record<string, string> = {
    via: '1.1 google',
    'retry-after': String(Math.ceil(waitMs / 1_000)),
    'x-ratelimit-scope': scope,
    ...headers,
  };
  return {
    status: 429,
    header: (key) => all[key],
    body: JSON.stringify({
      message: 'You are being rate limited.',
      retry_after: Math.ceil(waitMs) / 1_000,
      global: scope === 'global',
    }),
  };
}
