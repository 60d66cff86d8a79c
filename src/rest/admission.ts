/** A request that may go now: it is sent at once, and told of once, when it is over. */
import type { Answer } from './answer.ts';
import type { GlobalPlace } from './global-budget.ts';
import type { Lane } from './lane.ts';
import type { Refused, Verdict } from './ports.ts';
import type { Sending } from './quota.ts';
import type { Route } from './route.ts';
import type { Waiting } from './waiting.ts';

/** What the limiter does with it. */
export interface AdmissionOwner {
  done(admission: Admission, answer: Answer): Verdict;
  failed(admission: Admission, kind: 'not-sent' | 'unknown'): void;
  again(admission: Admission, signal: AbortSignal | undefined): Promise<Admission | Refused>;
}

export class Admission {
  readonly kind = 'admitted';
  readonly waiting: Waiting;
  readonly lane: Lane;
  readonly place: GlobalPlace | undefined;
  readonly tokenId: string;
  readonly #owner: AdmissionOwner;
  #state: 'sent' | 'repeatable' | 'over' = 'sent';
  /** Of its lane's quota. */
  sending: Sending = { sentMs: 0, settledBefore: 0 };
  /** Other lanes whose quota it may count for. */
  readonly alsoCharged: Lane[] = [];

  constructor(owner: AdmissionOwner, waiting: Waiting, place: GlobalPlace | undefined, tokenId: string) {
    this.#owner = owner;
    this.waiting = waiting;
    this.lane = waiting.lane;
    this.place = place;
    this.tokenId = tokenId;
  }

  get route(): Route {
    return this.waiting.submitted.route;
  }

  /** Path and query to forward: what was judged, and nothing else. */
  get target(): string {
    return this.waiting.submitted.target;
  }

  /** Discord has answered. The head of the answer is enough, but for statuses that `needsBody`. */
  done(answer: Answer): Verdict {
    if (!this.#settle()) return { kind: 'deliver' };
    const verdict = this.#owner.done(this, answer);
    if (verdict.kind === 'retry') this.#state = 'repeatable';
    return verdict;
  }

  /** It never left (`not-sent`), or nobody knows whether Discord has executed it (`unknown`). */
  failed(kind: 'not-sent' | 'unknown'): void {
    if (!this.#settle()) return;
    this.#owner.failed(this, kind);
    if (kind === 'not-sent') this.#state = 'repeatable';
  }

  /** The worker went away meanwhile; Discord may have counted it. */
  abandoned(): void {
    this.failed('unknown');
  }

  /** After a `retry` or `not-sent`, once: back to the head of its queue, with the deadline it had. */
  again(signal?: AbortSignal): Promise<Admission | Refused> {
    if (this.#state !== 'repeatable') throw new Error('this request may have been executed');
    this.#state = 'over';
    return this.#owner.again(this, signal);
  }

  #settle(): boolean {
    if (this.#state !== 'sent') return false;
    this.#state = 'over';
    return true;
  }
}
