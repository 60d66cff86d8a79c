/** Whether Discord can be reached, as the last requests found: said once in the log each time it changes. */
import { reasonOf } from '../../runtime/reason-of.ts';
import type { ProxyLog } from './ports.ts';
import type { CallOutcome } from './upstream-call.ts';

export class Reachability {
  readonly #log: ProxyLog;
  #isReachable = true;

  constructor(log: ProxyLog) {
    this.#log = log;
  }

  get isReachable(): boolean {
    return this.#isReachable;
  }

  note(outcome: CallOutcome): void {
    if (outcome.kind === 'not-sent') {
      if (this.#isReachable) {
        const reason = reasonOf(outcome.error);
        this.#log.warn({ reason }, 'Discord can not be reached; requests are answered with 502');
      }
      this.#isReachable = false;
    } else if (!this.#isReachable && outcome.kind !== 'broken') {
      this.#isReachable = true;
      this.#log.info({}, 'Discord can be reached again');
    }
  }
}
