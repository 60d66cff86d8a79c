/** What is known of one HAProxy, for the log, metrics, the status page and the start. */
import { isMisconfiguration, type TeachingProblem } from './diagnosis.ts';
import type { BackendServer, HaproxyProcess } from './server-state.ts';

export type TeachingState =
  | { readonly socket: string; readonly status: 'untried' }
  | {
      readonly socket: string;
      readonly status: 'taught';
      readonly process: HaproxyProcess;
      readonly server: BackendServer;
    }
  | FailingState;

interface FailingState {
  readonly socket: string;
  readonly status: 'failing';
  readonly problem: TeachingProblem;
  /** A sentence that says what to do. */
  readonly reason: string;
}

/** Numbers for metrics; the totals only grow. */
export interface TeachingCounters {
  /** Keys set in the table, repeated teaching included. */
  readonly taughtKeysTotal: number;
  /** Attempts that failed, one or more for a failure that lasts. */
  readonly failuresTotal: number;
  /** When the table was last known to be as it should, on the clock given; undefined before. */
  readonly lastSuccessMs: number | undefined;
}

/** Whether this HAProxy can't be taught until somebody changes a setting: `reason` says which. Waiting mends the rest. */
export function isMisconfigured(state: TeachingState): state is FailingState {
  return state.status === 'failing' && isMisconfiguration(state.problem);
}
