/** A request that waits for its turn. */
import type { Admission } from './admission.ts';
import type { Queued } from './bucket-queue.ts';
import type { Lane } from './lane.ts';
import type { Refused } from './ports.ts';
import type { Priority } from './priority.ts';
import type { Route } from './route.ts';

/** What stays the same when it is sent again. */
export interface Submitted {
  readonly account: string;
  readonly priority: Priority;
  readonly bytes: number;
  readonly route: Route;
  /** What to forward: canonical path and query. */
  readonly target: string;
  readonly deadlineAtMs: number;
  /** The order of arrival. */
  readonly number: number;
}

export class Waiting implements Queued {
  readonly submitted: Submitted;
  readonly attempt: number;
  lane: Lane;
  state: 'waiting' | 'sent' | 'left' = 'waiting';
  /** What came of it, as soon as that is known. */
  outcome: Admission | Refused | undefined;
  /** Let go of with the outcome: an alarm may keep this until its time, and must not keep whoever waited. */
  #deferred: PromiseWithResolvers<Admission | Refused> | undefined;
  #stopListening: (() => void) | undefined;

  constructor(submitted: Submitted, attempt: number, lane: Lane) {
    this.submitted = submitted;
    this.attempt = attempt;
    this.lane = lane;
  }

  get account(): string {
    return this.submitted.account;
  }

  get priority(): Priority {
    return this.submitted.priority;
  }

  get bytes(): number {
    return this.submitted.bytes;
  }

  get number(): number {
    return this.submitted.number;
  }

  get hasLeft(): boolean {
    return this.state === 'left';
  }

  /** For whoever has to wait: most don't. */
  promise(): Promise<Admission | Refused> {
    this.#deferred ??= Promise.withResolvers();
    return this.#deferred.promise;
  }

  listen(signal: AbortSignal, onAbort: () => void): void {
    signal.addEventListener('abort', onAbort, { once: true });
    this.#stopListening = () => signal.removeEventListener('abort', onAbort);
  }

  settle(state: 'sent' | 'left', outcome: Admission | Refused): void {
    this.#end(state);
    this.outcome = outcome;
    this.#deferred?.resolve(outcome);
    this.#deferred = undefined;
  }

  fail(reason: unknown): void {
    this.#end('left');
    this.#deferred?.reject(reason);
    this.#deferred = undefined;
  }

  #end(state: 'sent' | 'left'): void {
    this.state = state;
    this.#stopListening?.();
    this.#stopListening = undefined;
  }
}
