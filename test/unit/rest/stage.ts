/** A limiter with a clock that is moved by hand, and short words to ask it and to answer for Discord. */
import {
  type Admission,
  type Answer,
  DEFAULT_LIMITER_LIMITS,
  Egress,
  type EgressAlarm,
  type InvalidRequestLimits,
  type LimiterLimits,
  LocalGlobalBudget,
  RestLimiter,
  type RestRequest,
  type Submission,
} from '../../../src/rest/index.ts';
import { ManualClock } from '../../support/manual-clock.ts';

export const APPLICATION = '900000000000000001';

export interface StageOptions {
  readonly limits?: Partial<LimiterLimits>;
  readonly invalid?: InvalidRequestLimits;
  readonly globalLimit?: number;
  readonly clock?: ManualClock;
}

export class Stage {
  readonly clock: ManualClock;
  readonly alarms: EgressAlarm[] = [];
  readonly egress: Egress;
  readonly limiter: RestLimiter;
  tokenLocks = 0;

  constructor({ limits, invalid, globalLimit = 50, clock }: StageOptions = {}) {
    this.clock = clock ?? new ManualClock(1_700_000_000_000);
    this.egress = new Egress(invalid ?? { alarmAt: 2_500, shedAt: 5_000, stopAt: 9_000 }, (alarm) =>
      this.alarms.push(alarm),
    );
    this.limiter = new RestLimiter({
      clock: this.clock,
      applicationId: APPLICATION,
      tokenId: 'first',
      budget: new LocalGlobalBudget({ limit: globalLimit, marginMs: 50 }),
      addressBudget: new LocalGlobalBudget({ limit: 50, marginMs: 50 }),
      egress: this.egress,
      limits: { ...DEFAULT_LIMITER_LIMITS, ...limits },
      onTokenLocked: () => {
        this.tokenLocks++;
      },
    });
  }

  ask(path: string, more: Partial<RestRequest> = {}, signal?: AbortSignal): Promise<Submission> {
    const [method = '', target = ''] = path.split(' ');
    return this.limiter.submit(
      { method, target: `/api/v10${target}`, account: 'a', deadlineMs: 30_000, bytes: 100, ...more },
      signal,
    );
  }

  async admit(path: string, more: Partial<RestRequest> = {}): Promise<Admission> {
    return admitted(await this.ask(path, more));
  }
}

export function admitted(submission: Submission): Admission {
  if (submission.kind === 'refused') throw new Error(`refused: ${submission.reason}`);
  return submission;
}

/** What has become of it by now. */
export async function now(promise: Promise<Submission>): Promise<string> {
  const first = await Promise.race([promise, settled().then(() => 'waiting' as const)]);
  if (first === 'waiting') return first;
  return first.kind === 'refused' ? first.reason : first.kind;
}

async function settled(): Promise<void> {
  for (let round = 0; round < 10; round++) await null;
}

/** A good answer of a bucket; without one, of a route without limit. */
export function ok(limit?: number, remaining?: number, resetAfterMs?: number, hash = 'hash'): Answer {
  return { status: 200, header: limitHeaders(limit, remaining, resetAfterMs, hash) };
}

export function limited(
  scope: 'user' | 'shared' | 'global',
  retryAfterMs: number,
  header = limitHeaders(undefined, undefined, undefined, ''),
): Answer {
  return {
    status: 429,
    header: (name) => (name === 'x-ratelimit-scope' ? scope : header(name)),
    body: JSON.stringify({ retry_after: retryAfterMs / 1_000, global: scope === 'global' }),
  };
}

export function limitHeaders(
  limit: number | undefined,
  remaining: number | undefined,
  resetAfterMs: number | undefined,
  hash: string,
): Answer['header'] {
  const all: Record<string, string> = { via: '1.1 google' };
  if (limit !== undefined) {
    all['x-ratelimit-bucket'] = hash;
    all['x-ratelimit-limit'] = String(limit);
    all['x-ratelimit-remaining'] = String(remaining);
    all['x-ratelimit-reset-after'] = String((resetAfterMs ?? 0) / 1_000);
  }
  return (name) => all[name];
}
