/** Whether Discord can be reached, as the last request found: said once in the log each time it changes. */
import { reasonOf } from '../../runtime/reason-of.ts';
import type { ProxyLog } from './ports.ts';
import type { CallOutcome } from './upstream-call.ts';

const EGRESS_CUT_OFF = 'the egress (discord.egressUrl) can not reach it: its log and /stats say why';

export class Reachability {
  readonly #log: ProxyLog;
  #isReachable = true;

  constructor(log: ProxyLog) {
    this.#log = log;
  }

  get isReachable(): boolean {
    return this.#isReachable;
  }

  /** `isEgressCutOff`: what answered was no Discord but our way out, which can't reach it. */
  note(outcome: CallOutcome, isEgressCutOff: boolean): void {
    if (isEgressCutOff) this.#lost(EGRESS_CUT_OFF);
    else if (outcome.kind === 'not-sent') this.#lost(reasonOf(outcome.error));
    else if (!this.#isReachable && outcome.kind !== 'broken') {
      this.#isReachable = true;
      this.#log.info({}, 'Discord can be reached again');
    }
  }

  #lost(reason: string): void {
    if (this.#isReachable)
      this.#log.warn({ reason }, 'Discord can not be reached; requests are answered with 502 or 503');
    this.#isReachable = false;
  }
}
