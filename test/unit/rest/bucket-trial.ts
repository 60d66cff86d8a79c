/**
 * One bucket of the simulator's and callers that always want more than it allows, in virtual time. The way there, what Discord
 * does meanwhile and the way back take what chance says within bounds.
 */
import {
  type Admission,
  DEFAULT_LIMITER_LIMITS,
  Egress,
  LocalGlobalBudget,
  RestLimiter,
} from '../../../src/rest/index.ts';
import { bucketHeaders } from '../../../src/simulator/rest/rate-headers.ts';
import { type Bucket, type BucketRule, bucketOf } from '../../../src/simulator/rest/rules/bucket.ts';
import { EventClock } from './event-clock.ts';
import { EASY, mulberry } from './world.ts';

export type Range = readonly [least: number, most: number];

export interface TrialOptions {
  readonly rule: BucketRule;
  /** Milliseconds. */
  readonly there: Range;
  readonly inside: Range;
  readonly back: Range;
  /** Whether `Reset-After` is as of the moment that the request was counted, or that its answer leaves. */
  readonly resetAsOf: 'counted' | 'answered';
  readonly seed: number;
  /** What is looked at for throughput, in windows; three are gone before. */
  readonly windows: number;
}

export interface Outcome {
  readonly refused: number;
  /** As a part of what the rule allows. */
  readonly throughput: number;
}

const WARM_UP_WINDOWS = 4;

export async function tryBucket(options: TrialOptions): Promise<Outcome> {
  const trial = new Trial(options);
  const { limit, windowMs } = options.rule;
  const counted = async (windows: number) => {
    await trial.clock.runUntil(trial.clock.now() + windows * windowMs);
    return trial.accepted;
  };
  trial.start(2 * limit + 4);
  const before = await counted(WARM_UP_WINDOWS);
  const after = await counted(options.windows);
  trial.isOn = false;
  return { refused: trial.refused, throughput: (after - before) / (options.windows * limit) };
}

class Trial {
  readonly clock = new EventClock(1_700_000_000_000);
  readonly #limiter: RestLimiter;
  readonly #random: () => number;
  readonly #options: TrialOptions;
  readonly #bucket: Bucket;
  isOn = true;
  accepted = 0;
  refused = 0;

  constructor(options: TrialOptions) {
    this.#options = options;
    this.#random = mulberry(options.seed);
    this.#bucket = bucketOf(options.rule);
    const budget = () => new LocalGlobalBudget({ limit: 10_000, marginMs: 50 });
    this.#limiter = new RestLimiter({
      clock: this.clock,
      applicationId: '1',
      tokenId: 'token 1',
      budget: budget(),
      addressBudget: budget(),
      egress: new Egress(EASY, () => undefined),
      limits: DEFAULT_LIMITER_LIMITS,
      onTokenLocked: () => undefined,
    });
  }

  start(callers: number): void {
    for (let one = 0; one < callers; one++) this.#keepAsking();
  }

  async #keepAsking(): Promise<void> {
    while (this.isOn) {
      const submission = await this.#limiter.submit({
        method: 'POST',
        target: '/api/v10/channels/1/messages',
        account: 'a',
        deadlineMs: 600_000,
        bytes: 100,
      });
      if (submission.kind === 'refused') throw new Error(`refused: ${submission.reason}`);
      await this.#send(submission);
    }
  }

  async #send(admission: Admission): Promise<void> {
    const { there, inside, back, resetAsOf } = this.#options;
    await this.#later(there);
    const countedMs = this.clock.now();
    const waitMs = this.#bucket.take(countedMs);
    const reading = { hash: 'hash', ...this.#bucket.read(countedMs) };
    if (waitMs === 0) this.accepted++;
    else this.refused++;
    await this.#later(inside);
    const sinceMs = resetAsOf === 'counted' ? 0 : this.clock.now() - countedMs;
    const headers: Record<string, string> = {
      via: '1.1 google',
      'x-ratelimit-scope': 'user',
      ...bucketHeaders(reading, { epochMs: countedMs, sinceMs }),
    };
    await this.#later(back);
    const verdict = admission.done({
      status: waitMs === 0 ? 200 : 429,
      header: (name) => headers[name],
      body: waitMs === 0 ? undefined : JSON.stringify({ retry_after: waitMs / 1_000, global: false }),
    });
    if (verdict.kind === 'deliver') return;
    const next = await admission.again();
    if (next.kind === 'admitted') await this.#send(next);
  }

  #later([least, most]: Range): Promise<void> {
    const ms = least + this.#random() * (most - least);
    return new Promise((resolve) => this.clock.setTimer(resolve, ms));
  }
}
