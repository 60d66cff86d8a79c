/** What a worker's connection is at: one state at a time, each with only what it needs. Pure. */
import type { RelayedSession } from './relayed-session.ts';
import type { WaitingRequest } from './waiting-request.ts';
import type { WorkerSession } from './worker-session.ts';

/** Whatever is disposable in a state ends with it, unless the next state carries it on. */
export type State =
  | { readonly kind: 'awaiting-identify'; readonly timer: Disposable }
  | { readonly kind: 'waiting'; readonly waiting: WaitingRequest }
  /** Another node, which holds the shard, has the session. */
  | { readonly kind: 'relaying'; readonly relayed: RelayedSession }
  | { readonly kind: 'serving'; readonly session: WorkerSession }
  /** It was sent op 7 and gets nothing more of the session; it has until the timer is due to close by itself. */
  | { readonly kind: 'draining'; readonly timer: Disposable; readonly of: WorkerSessionName | undefined }
  | { readonly kind: 'closed' };

/** Whose session it is, and of what. */
export interface WorkerSessionName {
  readonly account: string;
  readonly applicationId: string;
  readonly shardId: number;
}

export type StateKind =
  | Exclude<State['kind'], 'serving' | 'waiting'>
  | WaitingRequest['phase']
  | WorkerSession['phase'];

export function stateKindOf(state: State): StateKind {
  if (state.kind === 'serving') return state.session.phase;
  return state.kind === 'waiting' ? state.waiting.phase : state.kind;
}

export function sessionNameOf(state: State): WorkerSessionName | undefined {
  if (state.kind === 'draining') return state.of;
  if (state.kind !== 'serving' && state.kind !== 'relaying') return undefined;
  // Not the session itself: it would be carried on.
  const { account, applicationId, shardId } = state.kind === 'serving' ? state.session : state.relayed;
  return { account, applicationId, shardId };
}

/** Ends what was of `previous` only. */
export function endState(previous: State, next: State): void {
  const kept = new Set<unknown>(Object.values(next));
  for (const part of Object.values(previous)) {
    if (isDisposable(part) && !kept.has(part)) part[Symbol.dispose]();
  }
}

function isDisposable(part: unknown): part is Disposable {
  return typeof part === 'object' && part !== null && Symbol.dispose in part;
}
