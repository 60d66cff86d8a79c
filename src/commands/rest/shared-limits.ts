/** What several REST nodes share of limits: joins the parts of each application, and of the address, to the store. */
import type { ApplicationConfig, GatewayConfig } from '../../config/index.ts';
import type { Logger } from '../../observability/index.ts';
import {
  type Egress,
  LeasedBudget,
  Newsroom,
  type RestLimiter,
  SharedMajors,
  ShareMember,
  type ShareScope,
  type ShareStore,
} from '../../rest/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/sleep.ts';
import { GLOBAL_MARGIN_MS } from './global-margin.ts';

/** For how long a node that is gone keeps what it had: a fraction of what a restart takes, and longer than a node hangs. */
export const SHARE_LEASE_TTL_MS = 1_500;
/** What is heard of later is of no use: soon after it the lease ends. */
export const SHARE_CALL_TIMEOUT_MS = 1_000;
/** Between attempts at the start. */
const RETRY_MS = 250;

export interface SharedLimitsOptions {
  readonly config: {
    readonly applications: readonly Pick<ApplicationConfig, 'id'>[];
    readonly rest: Pick<GatewayConfig['rest'], 'globalLimit' | 'egressName'>;
  };
  readonly store: ShareStore;
  /** Names this process; new with each start. */
  readonly incarnation: string;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'info' | 'error'>;
}

export class SharedLimits implements AsyncDisposable {
  readonly #applications: ReadonlyMap<string, ApplicationShares>;
  readonly address: AddressShares;

  constructor(options: SharedLimitsOptions) {
    const { applications, rest } = options.config;
    this.#applications = new Map(applications.map(({ id }) => [id, new ApplicationShares(id, options)]));
    this.address = new AddressShares(rest.egressName, options, () =>
      this.applications.flatMap(({ limiter }) => limiter ?? []),
    );
  }

  application(id: string): ApplicationShares {
    const shares = this.#applications.get(id);
    if (!shares) throw new Error('shares are asked for that were never made');
    return shares;
  }

  get applications(): readonly ApplicationShares[] {
    return [...this.#applications.values()];
  }

  get members(): readonly (ApplicationShares | AddressShares)[] {
    return [...this.applications, this.address];
  }

  /** Resolves when it is known what this node may have; or when the signal aborts. */
  async start(clock: Clock, signal: AbortSignal): Promise<void> {
    let isTogether = (await Promise.all(this.members.map((share) => share.start()))).every(Boolean);
    while (!isTogether && !signal.aborted) {
      await sleep(clock, RETRY_MS, signal).catch(() => undefined);
      isTogether = this.members.every(({ member }) => member.exchanges > 0);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map(({ member }) => member[Symbol.asyncDispose]()));
  }
}

export class ApplicationShares {
  readonly scope = 'application';
  readonly id: string;
  readonly member: ShareMember;
  readonly budget: LeasedBudget;
  readonly majors: SharedMajors;
  readonly news: Newsroom;
  /** Set before the start. */
  limiter: RestLimiter | undefined;

  constructor(id: string, options: SharedLimitsOptions) {
    this.id = id;
    this.member = newMember({ kind: 'application', id }, options);
    const onNeed = () => this.member.soon();
    this.budget = newBudget(options, onNeed, () => this.limiter?.onRoom());
    this.majors = new SharedMajors({
      usageOf: (lanes, nowMs) => this.limiter?.usageOf(lanes, nowMs) ?? '',
      restore: (grant, lease, nowMs) => this.limiter?.restore(grant, lease, nowMs),
      onGranted: (lanes, nowMs) => this.limiter?.onGranted(lanes, nowMs),
      onNeed,
    });
    this.news = new Newsroom({
      ...{ onNeed, nowMs: () => options.clock.now() },
      onNews: ({ globalMs, refusedToken }, ageMs) => {
        if (globalMs !== undefined) this.limiter?.holdGlobal('application', globalMs - ageMs);
        if (refusedToken !== undefined) this.limiter?.lockToken(refusedToken);
      },
    });
  }

  get name(): string {
    return this.id;
  }

  start(): Promise<boolean> {
    return this.member.start([this.budget, this.majors, this.news]);
  }
}

/** What leaves from one address, of whatever application. */
export class AddressShares {
  readonly scope = 'address';
  readonly name: string;
  readonly member: ShareMember;
  readonly budget: LeasedBudget;
  readonly news: Newsroom;
  /** Set before the start. */
  egress: Egress | undefined;

  constructor(name: string, options: SharedLimitsOptions, limiters: () => readonly RestLimiter[]) {
    this.name = name;
    this.member = newMember({ kind: 'address', name }, options);
    const onNeed = () => this.member.soon();
    this.budget = newBudget(options, onNeed, () => {
      for (const limiter of limiters()) limiter.onRoom();
    });
    this.news = new Newsroom({
      ...{ onNeed, nowMs: () => options.clock.now() },
      onHeard: (nodes, nowMs) => this.egress?.shareAmong(nodes, nowMs),
      onNews: ({ globalMs, blockedMs, invalid }, ageMs, nowMs) => {
        if (invalid) this.egress?.countElsewhere(invalid, ageMs, nowMs);
        if (blockedMs !== undefined) this.egress?.blockElsewhere(blockedMs - ageMs, nowMs);
        if (globalMs === undefined) return;
        for (const limiter of limiters()) limiter.holdGlobal('address', globalMs - ageMs);
      },
    });
  }

  /** Invalid requests and blocks of this process are told to the others. */
  join(egress: Egress): void {
    this.egress = egress;
    egress.onShared = {
      invalid: (account) => this.news.countInvalid(account),
      blocked: (blockedMs) => this.news.say({ blockedMs }),
    };
  }

  start(): Promise<boolean> {
    return this.member.start([this.budget, this.news]);
  }
}

function newMember(scope: ShareScope, { store, incarnation, clock, log }: SharedLimitsOptions): ShareMember {
  const whose = scope.kind === 'application' ? { application: scope.id } : { egressName: scope.name };
  return new ShareMember({
    store,
    scope,
    incarnation,
    clock,
    leaseTtlMs: SHARE_LEASE_TTL_MS,
    onState: (state, reason) => {
      if (state === 'together') log.info(whose, 'limits are shared with the other nodes again');
      else
        log.error(
          { ...whose, reason },
          'limits can not be shared: each node goes on with an equal part of the global limit',
        );
    },
  });
}

function newBudget({ config }: SharedLimitsOptions, onShort: () => void, onRoom: () => void): LeasedBudget {
  const { globalLimit: limit } = config.rest;
  return new LeasedBudget({
    limit,
    marginMs: GLOBAL_MARGIN_MS,
    leaseTtlMs: SHARE_LEASE_TTL_MS,
    onShort,
    onRoom,
  });
}
