/** The limiters of all applications, with what they share, and what of it outlives the process. */
import { createHash } from 'node:crypto';
import type { ApplicationConfig, GatewayConfig } from '../../config/index.ts';
import type { Logger } from '../../observability/index.ts';
import {
  DEFAULT_LIMITER_LIMITS,
  Egress,
  type EgressAlarm,
  type EgressState,
  type LimiterLimits,
  LocalGlobalBudget,
  RestLimiter,
} from '../../rest/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import { GLOBAL_MARGIN_MS } from './global-margin.ts';
import type { SharedLimits } from './shared-limits.ts';

/** Between two lines in the log about 429s of the global limit: they come in numbers. */
const GLOBAL_SAY_INTERVAL_MS = 60_000;

interface Limited {
  readonly limiter: RestLimiter;
  /** Where it is this process's alone. */
  readonly budget: LocalGlobalBudget | undefined;
}

export class Limits implements Disposable {
  readonly egress: Egress;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #shared: SharedLimits | undefined;
  /** Where it is this process's alone. */
  readonly #addressBudget: LocalGlobalBudget | undefined;
  readonly #applications = new Map<string, Limited>();
  #globalSaidAtMs = Number.NEGATIVE_INFINITY;

  /** `shared`: where there are several nodes. */
  constructor(config: GatewayConfig, clock: Clock, log: Logger, shared?: SharedLimits) {
    const { rest } = config;
    this.#clock = clock;
    this.#log = log;
    this.#shared = shared;
    this.egress = new Egress(
      {
        alarmAt: rest.invalidRequestsAlarmAt,
        shedAt: rest.invalidRequestsShedAt,
        stopAt: rest.invalidRequestsStopAt,
      },
      (alarm) => this.#onAlarm(alarm),
    );
    shared?.address.join(this.egress);
    const ownBudget = () =>
      shared ? undefined : new LocalGlobalBudget({ limit: rest.globalLimit, marginMs: GLOBAL_MARGIN_MS });
    this.#addressBudget = ownBudget();
    for (const application of config.applications) {
      const budget = ownBudget();
      const limiter = this.#create(application, budget, limiterLimits(config));
      this.#applications.set(application.id, { limiter, budget });
    }
  }

  of(applicationId: string): RestLimiter {
    const limited = this.#applications.get(applicationId);
    if (!limited) throw new Error('a limiter is asked for that was never made');
    return limited.limiter;
  }

  /** The application has another bot token. */
  rotateToken(applicationId: string, token: string): void {
    this.of(applicationId).rotateToken(tokenIdOf(token));
  }

  /** As JSON can hold it; without tokens. */
  export(): object {
    const nowMs = this.#clock.now();
    return {
      egress: this.egress.exportState(nowMs),
      addressBudget: this.#addressBudget?.exportState(nowMs) ?? [],
      applications: Object.fromEntries(
        [...this.#applications].map(([id, { limiter, budget }]) => [
          id,
          { limiter: limiter.export(), budget: budget?.exportState(nowMs) ?? [] },
        ]),
      ),
    };
  }

  /** What is not of this form is passed over. */
  import(saved: unknown): void {
    if (!isRecord(saved)) return;
    const nowMs = this.#clock.now();
    // What is shared is read from there, and counts once.
    if (!this.#shared && isEgressState(saved['egress'])) this.egress.importState(saved['egress'], nowMs);
    if (isTimes(saved['addressBudget'])) this.#addressBudget?.importState(saved['addressBudget'], nowMs);
    const applications = saved['applications'];
    for (const [id, { limiter, budget }] of this.#applications) {
      const own = isRecord(applications) ? applications[id] : undefined;
      if (!isRecord(own)) continue;
      limiter.import(own['limiter']);
      if (isTimes(own['budget'])) budget?.importState(own['budget'], nowMs);
    }
  }

  [Symbol.dispose](): void {
    for (const { limiter } of this.#applications.values()) limiter[Symbol.dispose]();
  }

  #create(
    { id, token }: ApplicationConfig,
    ownBudget: LocalGlobalBudget | undefined,
    limits: LimiterLimits,
  ): RestLimiter {
    const address = this.#shared?.address;
    const shares = this.#shared?.application(id);
    const limiter = new RestLimiter({
      clock: this.#clock,
      applicationId: id,
      tokenId: tokenIdOf(token.reveal()),
      budget: known(ownBudget ?? shares?.budget),
      addressBudget: known(this.#addressBudget ?? address?.budget),
      leases: shares?.majors,
      egress: this.egress,
      limits,
      onTokenLocked: (refusedToken) => {
        shares?.news.say({ refusedToken });
        this.#log.error(
          { application: id },
          'Discord refused the bot token (401): requests that need it are answered with 503 until it is another',
        );
      },
      onGlobalHold: (kind, globalMs) => {
        this.#sayGlobal(id, kind, globalMs);
        const news = kind === 'application' ? shares?.news : address?.news;
        news?.say({ globalMs });
      },
    });
    if (shares) shares.limiter = limiter;
    return limiter;
  }

  /** Whoever keeps to the limit alone gets no such 429. */
  #sayGlobal(application: string, kind: string, forMs: number): void {
    const nowMs = this.#clock.now();
    if (nowMs < this.#globalSaidAtMs + GLOBAL_SAY_INTERVAL_MS) return;
    this.#globalSaidAtMs = nowMs;
    this.#log.warn(
      { application, scope: kind, forMs },
      'Discord says that the global limit is used up: something else sends in this name (a REST node without the same redis.hosts, or a program that has the bot token), or rest.globalLimit is more than Discord allows',
    );
  }

  #onAlarm(alarm: EgressAlarm): void {
    if (alarm.kind === 'address-blocked') {
      this.#log.error(
        { forMs: alarm.forMs },
        'this address is shut out: nothing is sent to Discord meanwhile',
      );
      return;
    }
    const { level, total } = alarm;
    // Not `level`, which every line has.
    const fields = { breaker: level, invalidRequests: total };
    if (level === 'calm') this.#log.info(fields, 'invalid requests are few again');
    else
      this.#log.error(
        fields,
        'too many invalid requests (401, 403, 429): Discord bans the address at 10,000 in 10 minutes',
      );
  }
}

/** Each budget is either ours or shared. */
function known<Budget>(budget: Budget | undefined): Budget {
  if (budget === undefined) throw new Error('a budget is neither ours nor shared');
  return budget;
}

/** Tells tokens apart without giving them away. */
function tokenIdOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url').slice(0, 16);
}

function limiterLimits({ rest }: GatewayConfig): LimiterLimits {
  const { maxQueued, maxQueuedPerBucket, maxQueuedPerAccount, maxDeadlineMs } = rest;
  return { ...DEFAULT_LIMITER_LIMITS, maxQueued, maxQueuedPerBucket, maxQueuedPerAccount, maxDeadlineMs };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTimes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(Number.isFinite);
}

/** Slots are pairs of a time and counts by account. */
function isEgressState(value: unknown): value is EgressState {
  if (!isRecord(value) || !Number.isFinite(value['blockedUntilMs']) || !isRecord(value['invalid']))
    return false;
  const { slots } = value['invalid'];
  if (!Array.isArray(slots)) return false;
  return slots.every(
    (slot: unknown) =>
      Array.isArray(slot) &&
      Number.isFinite(slot[0]) &&
      isRecord(slot[1]) &&
      Object.values(slot[1]).every(Number.isFinite),
  );
}
