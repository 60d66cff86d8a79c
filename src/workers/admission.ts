/**
 * What becomes of an IDENTIFY or RESUME: the rules, in one place. Pure: looks at the shard, changes nothing, and may be
 * asked again when something has changed.
 */
import type { RelayTarget, ServedApplication, WorkerCursor, WorkerShard } from './ports.ts';
import { type Rejection, Rejections } from './rejection.ts';
import type { WorkerSessionClaims } from './session-id.ts';

/** A worker that has said who it is and what it wants. */
export type SessionRequest =
  | {
      readonly kind: 'identify';
      readonly account: string;
      readonly intents: number;
      readonly shard: readonly [shardId: number, shardCount: number] | undefined;
      /** Of the session to be. */
      readonly tag: string;
    }
  | {
      readonly kind: 'resume';
      readonly account: string;
      /** `undefined` where we never signed that session id. */
      readonly claims: WorkerSessionClaims | undefined;
      readonly sequence: number;
    };

export type Serving = Extract<WorkerShard['serving'], { kind: 'serving' }>;

/** Where a session begins. */
export interface Place {
  readonly shard: WorkerShard;
  readonly serving: Serving;
  readonly cursor: WorkerCursor;
}

export type Admission =
  | ({ readonly kind: 'start' | 'replay' } & Place)
  /** No answer yet: ask again when the directory changes. */
  | { readonly kind: 'hold'; readonly behind?: LogAhead; readonly guildsOf?: WorkerShard }
  /** Another node holds the shard. */
  | { readonly kind: 'relay'; readonly shardId: number; readonly target: RelayTarget }
  | { readonly kind: 'invalid-session'; readonly why: string }
  | { readonly kind: 'reject'; readonly rejection: Rejection };

/** What a held RESUME waits for (a held IDENTIFY for `guildsOf` being loaded): that the shard's log reaches its sequence. */
export interface LogAhead {
  readonly shard: WorkerShard;
  readonly sequence: number;
}

export interface AdmissionContext {
  readonly application: ServedApplication;
  /** The shard in the connection's path: a hint, for an IDENTIFY that names none. */
  readonly pathShardId: number | undefined;
  /** Another node has passed the connection on. It is passed on no further. */
  readonly isRelayed: boolean;
}

export function admit(request: SessionRequest, context: AdmissionContext): Admission {
  const { stoppedReason } = context.application.directory;
  if (stoppedReason !== undefined) {
    return { kind: 'reject', rejection: Rejections.applicationStopped(stoppedReason) };
  }
  return request.kind === 'identify' ? admitIdentify(request, context) : admitResume(request, context);
}

/** Of the session that is asked for. */
export function tagOf(request: SessionRequest): string | undefined {
  return request.kind === 'identify' ? request.tag : request.claims?.tag;
}

function admitIdentify(
  { shard: asked, tag }: Extract<SessionRequest, { kind: 'identify' }>,
  context: AdmissionContext,
): Admission {
  const { shardCount } = context.application.directory;
  if (shardCount === undefined) return { kind: 'hold' };
  const pathShardId = context.pathShardId ?? (shardCount === 1 ? 0 : undefined);
  const [shardId, askedCount] = asked ?? [pathShardId, shardCount];
  if (shardId === undefined) {
    return invalidShard(`IDENTIFY names no shard of the ${shardCount}; connect to /shards/<n> or send one`);
  }
  if (askedCount !== shardCount || shardId >= shardCount) {
    return invalidShard(`there are ${shardCount} shards here; IDENTIFY asks for [${shardId}, ${askedCount}]`);
  }
  const found = locate(shardId, context);
  if (found.kind !== 'here') return found;
  const { shard, serving } = found;
  if (shard.areGuildsLoading) return { kind: 'hold', guildsOf: shard };
  const cursor = shard.log.cursorAfter(shard.log.head, tag);
  return cursor ? { kind: 'start', shard, serving, cursor } : { kind: 'hold' };
}

function admitResume(
  { claims, sequence, account }: Extract<SessionRequest, { kind: 'resume' }>,
  context: AdmissionContext,
): Admission {
  const { id, directory } = context.application;
  if (!claims) return invalidSession('the session id is not one of ours');
  if (claims.account !== account) return invalidSession('the session is of another account');
  if (claims.applicationId !== id) return invalidSession('the session is of another application');
  if (directory.shardCount === undefined) return { kind: 'hold' };
  if (claims.shardCount !== directory.shardCount)
    return invalidSession('the session is of another number of shards');
  const found = locate(claims.shardId, context);
  if (found.kind !== 'here') return found;
  const { shard, serving } = found;
  if (claims.epoch !== serving.epoch) return invalidSession('the upstream session is another');
  if (sequence < claims.startSequence) return invalidSession('the sequence is before the session');
  const { log } = shard;
  if (sequence > log.head) {
    return serving.isCatchingUp
      ? { kind: 'hold', behind: { shard, sequence } }
      : { kind: 'reject', rejection: Rejections.invalidSequence(sequence, log.head) };
  }
  const cursor = log.cursorAfter(sequence, claims.tag);
  return cursor
    ? { kind: 'replay', shard, serving, cursor }
    : invalidSession('the sequence has left the log');
}

/** A shard that can be served from here, or what is to be done where it can't. */
function locate(
  shardId: number,
  { application: { directory }, isRelayed }: AdmissionContext,
): Admission | { readonly kind: 'here'; readonly shard: WorkerShard; readonly serving: Serving } {
  const shard = directory.shard(shardId);
  const serving = shard?.serving;
  if (shard && serving?.kind === 'serving') return { kind: 'here', shard, serving };
  if (shard || directory.isExpected(shardId)) return { kind: 'hold' };
  // One hop at most: two nodes that each take the other for the owner would pass a worker to and fro.
  if (isRelayed) return { kind: 'reject', rejection: Rejections.notOwner(shardId) };
  const target = directory.ownerElsewhere(shardId);
  return target ? { kind: 'relay', shardId, target } : { kind: 'hold' };
}

function invalidShard(what: string): Admission {
  return { kind: 'reject', rejection: Rejections.invalidShard(what) };
}

function invalidSession(why: string): Admission {
  return { kind: 'invalid-session', why };
}
