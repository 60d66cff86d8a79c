/** Whether a request is within its limits. */
import type { Conduct } from './conduct.ts';
import { ImposedWaits } from './faults.ts';
import type { Excess, Limiter } from './limiter.ts';
import type { RestCall } from './route.ts';
import { majorOf, type Visit } from './visit.ts';

export interface AdmissionFacts {
  applicationId: string;
  limiter: Limiter;
  conduct: Conduct;
  epochMs: () => number;
}

export class Admission {
  /** 429s by scope; `hidden` ones again apart, and those that a test imposed. */
  readonly limited = { user: 0, shared: 0, global: 0, hidden: 0, imposed: 0 };
  readonly #applicationId: string;
  readonly #limiter: Limiter;
  readonly #conduct: Conduct;
  readonly #epochMs: () => number;
  readonly #imposed = new ImposedWaits();

  constructor({ applicationId, limiter, conduct, epochMs }: AdmissionFacts) {
    this.#applicationId = applicationId;
    this.#limiter = limiter;
    this.#conduct = conduct;
    this.#epochMs = epochMs;
  }

  /** Of what its head tells. What it is over is noted in the visit. */
  limit(visit: Visit): void {
    if (!this.#globalLimit(visit)) this.#bucketLimit(visit);
  }

  /** What a test has imposed counts before all else. Whether the request is over one of them. */
  #globalLimit(visit: Visit): boolean {
    const { call, disturbance } = visit;
    const { who, bucket, arrivedMs } = call;
    const { limit } = disturbance;
    const waiting = this.#imposed.find(bucket, who, arrivedMs);
    if (waiting) this.#conduct.ignoresWait(call, waiting.key, call.route);
    const imposed = limit ? this.#imposed.impose(limit, bucket, who, arrivedMs) : waiting;
    if (imposed) {
      visit.excess = imposed;
      this.limited.imposed += 1;
      return true;
    }
    const excess = this.#isFreeOfGlobal(visit) ? undefined : this.#limiter.takeGlobal(who, arrivedMs);
    if (excess) this.#exceeds(visit, excess);
    return excess !== undefined;
  }

  #bucketLimit(visit: Visit): void {
    const { route, params, call } = visit;
    if (!route?.bucket) return;
    const name = typeof route.bucket === 'function' ? route.bucket(params, this.#epochMs()) : route.bucket;
    // The bucket of a webhook is the webhook's, whoever uses it.
    const major = majorOf(route, params);
    const of = route.access === 'webhook' ? major : `${call.who} ${major}`;
    const { visible, excess } = this.#limiter.takeBucket(name, of, call.arrivedMs);
    visit.visible = visible;
    if (excess) this.#exceeds(visit, excess);
  }

  /** Of what its body tells. */
  hiddenLimit(visit: Visit, call: RestCall): void {
    const asked = visit.route?.subLimit?.(call);
    const excess = asked && this.#limiter.takeSubLimit(asked.name, asked.of, call.nowMs);
    if (excess) this.#exceeds(visit, excess);
  }

  #exceeds(visit: Visit, excess: Excess): void {
    visit.excess = excess;
    const { limited } = this;
    if (excess.isHidden) limited.hidden += 1;
    limited[excess.scope] += 1;
    this.#conduct.exceeds(visit.call, excess);
  }

  /** Interactions and their follow-ups are. https://discord.com/developers/docs/topics/rate-limits#global-rate-limit */
  #isFreeOfGlobal({ route, params }: Visit): boolean {
    if (route?.access === 'interaction') return true;
    return route?.access === 'webhook' && params['webhook'] === this.#applicationId;
  }
}
