/** A limiter, a strict server, latencies and callers that always want more, in simulated time. */
import {
  type Admission,
  DEFAULT_LIMITER_LIMITS,
  Egress,
  type LimiterLimits,
  LocalGlobalBudget,
  type Priority,
  RestLimiter,
} from '../../../src/rest/index.ts';
import { EventClock } from './event-clock.ts';
import { type ServerRule, StrictServer } from './strict-server.ts';

export interface WorldOptions {
  readonly rules: Readonly<Record<string, ServerRule>>;
  readonly globalLimit: number;
  /** Each way. */
  readonly latencyMs: readonly [least: number, most: number];
  readonly seed?: number;
  readonly limits?: Partial<LimiterLimits>;
}

/** What callers keep asking for. */
export interface Demand {
  readonly method: string;
  /** With `%` where the major parameter is. */
  readonly path: string;
  /** A name in `rules`. */
  readonly route: string;
  readonly majors: readonly string[];
  /** Requests that are kept waiting or in flight, for each major parameter. */
  readonly outstanding: number;
}

export const EASY = { alarmAt: 1_000_000, shedAt: 1_000_001, stopAt: 1_000_002 };

export class World {
  readonly clock = new EventClock(1_700_000_000_000);
  readonly server: StrictServer;
  readonly random: () => number;
  readonly #options: WorldOptions;
  readonly egress = new Egress(EASY, () => undefined);
  #budget: LocalGlobalBudget;
  limiter: RestLimiter;
  isOn = true;
  readonly refused: string[] = [];
  /** By lane and account: the numbers of the requests in the order in which they were let go. */
  readonly order = new Map<string, number[]>();
  readonly servedOf = new Map<string, number>();
  #numbers = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.server = new StrictServer((route) => options.rules[route], options.globalLimit);
    this.random = mulberry(options.seed ?? 1);
    this.#budget = new LocalGlobalBudget({ limit: options.globalLimit, marginMs: 50 });
    this.limiter = this.#newLimiter();
  }

  /** The process ends and another begins, with what was kept. What was in flight is answered to nobody. */
  restart(): void {
    const nowMs = this.clock.now();
    const kept = JSON.stringify([this.limiter.export(), this.#budget.exportState(nowMs)]);
    this.limiter[Symbol.dispose]();
    const [state, places] = JSON.parse(kept);
    this.#budget = new LocalGlobalBudget({ limit: this.#options.globalLimit, marginMs: 50 });
    this.#budget.importState(places, nowMs);
    this.limiter = this.#newLimiter();
    this.limiter.import(state);
  }

  #newLimiter(): RestLimiter {
    return new RestLimiter({
      clock: this.clock,
      applicationId: '1',
      tokenId: 'token 1',
      budget: this.#budget,
      addressBudget: new LocalGlobalBudget({ limit: 50, marginMs: 50 }),
      egress: this.egress,
      limits: { ...DEFAULT_LIMITER_LIMITS, ...this.#options.limits },
      onTokenLocked: () => undefined,
    });
  }

  start(demands: readonly Demand[], accounts: number): void {
    for (const demand of demands) {
      for (const major of demand.majors) {
        for (let one = 0; one < demand.outstanding; one++) this.#keepAsking(demand, major, accounts);
      }
    }
  }

  async #keepAsking(demand: Demand, major: string, accounts: number): Promise<void> {
    while (this.isOn) {
      const account = `account ${Math.floor(this.random() * accounts)}`;
      await this.ask(demand, major, account);
    }
  }

  async ask(demand: Demand, major: string, account: string, priority?: Priority): Promise<void> {
    const number = this.#numbers++;
    const { limiter } = this;
    const submission = await limiter.submit({
      method: demand.method,
      target: `/api/v10${demand.path.replace('%', major)}`,
      account,
      priority,
      deadlineMs: 600_000,
      bytes: 100,
    });
    if (submission.kind === 'refused') {
      this.refused.push(submission.reason);
      await this.#later(1_000);
      return;
    }
    if (limiter !== this.limiter) return;
    const key = `${demand.route} ${major} ${account}`;
    const order = this.order.get(key);
    if (order) order.push(number);
    else this.order.set(key, [number]);
    await this.#send(submission, demand.route, major);
    this.servedOf.set(account, (this.servedOf.get(account) ?? 0) + 1);
  }

  async #send(admission: Admission, route: string, major: string): Promise<void> {
    await this.#later(this.latency());
    const answer = this.server.arrive(route, major, this.clock.now());
    await this.#later(this.latency());
    const verdict = admission.done(answer);
    if (verdict.kind === 'deliver') return;
    const next = await admission.again();
    if (next.kind === 'admitted') await this.#send(next, route, major);
  }

  latency(): number {
    const [least, most] = this.#options.latencyMs;
    return least + this.random() * (most - least);
  }

  #later(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.setTimer(resolve, ms));
  }
}

/** A small generator of numbers in [0, 1), the same for the same seed. */
export function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function ids(count: number, from = 1_000): string[] {
  return Array.from({ length: count }, (_, index) => String(from + index));
}

/** What the rule allows in so long, from empty. */
export function allowed({ kind, limit, windowMs }: ServerRule, durationMs: number): number {
  return kind === 'fixed'
    ? Math.ceil(durationMs / windowMs) * limit
    : limit + Math.floor((durationMs * limit) / windowMs);
}
