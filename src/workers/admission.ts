/**
 * What becomes of an IDENTIFY or RESUME: the rules, in one place. Pure: looks at the shard, changes nothing, and may be
 * asked again when something has changed.
 */
import type { ShardDirectory, WorkerCursor, WorkerShard } from './ports.ts';
import { type Rejection, Rejections } from './rejection.ts';
import type { WorkerSessionClaims } from './session-id.ts';

/** A worker that has said who it is and what it wants. */
export type SessionRequest =
  | {
      readonly kind: 'identify';
      readonly account: string;
      readonly intents: number;
      readonly shard: readonly [shardId: number, shardCount: number] | undefined;
    }
  | {
      readonly kind: 'resume';
      readonly account: string;
      /** `undefined` where we never signed that session id. */
      readonly claims: WorkerSessionClaims | undefined;
      readonly sequence: number;
    };

export type Serving = Extract<WorkerShard['serving'], { kind: 'serving' }>;

export type Admission =
  | {
      readonly kind: 'start' | 'replay';
      readonly shard: WorkerShard;
      readonly serving: Serving;
      readonly cursor: WorkerCursor;
    }
  /** No answer yet: ask again when the directory changes. */
  | { readonly kind: 'hold' }
  | { readonly kind: 'invalid-session'; readonly why: string }
  | { readonly kind: 'reject'; readonly rejection: Rejection };

/** `pathShardId` is the shard in the connection's path: a hint, for an IDENTIFY that names none. */
export function admit(
  request: SessionRequest,
  directory: ShardDirectory,
  pathShardId: number | undefined,
): Admission {
  if (directory.stoppedReason !== undefined) {
    return { kind: 'reject', rejection: Rejections.applicationStopped(directory.stoppedReason) };
  }
  return request.kind === 'identify'
    ? admitIdentify(request.shard, directory, pathShardId)
    : admitResume(request, directory);
}

function admitIdentify(
  asked: readonly [number, number] | undefined,
  directory: ShardDirectory,
  pathShardId: number | undefined,
): Admission {
  const { shardCount } = directory;
  if (shardCount === undefined) return { kind: 'hold' };
  const [shardId, askedCount] = asked ?? [pathShardId ?? (shardCount === 1 ? 0 : undefined), shardCount];
  if (shardId === undefined) {
    return invalidShard(`IDENTIFY names no shard of the ${shardCount}; connect to /shards/<n> or send one`);
  }
  if (askedCount !== shardCount || shardId >= shardCount) {
    return invalidShard(`there are ${shardCount} shards here; IDENTIFY asks for [${shardId}, ${askedCount}]`);
  }
  const shard = directory.shard(shardId);
  const serving = shard?.serving;
  if (!shard || serving?.kind !== 'serving') return { kind: 'hold' };
  const cursor = shard.log.cursorAfter(shard.log.head);
  return cursor ? { kind: 'start', shard, serving, cursor } : { kind: 'hold' };
}

function admitResume(
  request: Extract<SessionRequest, { kind: 'resume' }>,
  directory: ShardDirectory,
): Admission {
  const { claims, sequence, account } = request;
  if (!claims) return { kind: 'invalid-session', why: 'the session id is not one of ours' };
  if (claims.account !== account)
    return { kind: 'invalid-session', why: 'the session is of another account' };
  if (directory.shardCount === undefined) return { kind: 'hold' };
  const shard = directory.shard(claims.shardId);
  if (claims.shardCount !== directory.shardCount || !shard) {
    return { kind: 'invalid-session', why: 'the session is of another number of shards' };
  }
  const { serving, log } = shard;
  if (serving.kind !== 'serving') return { kind: 'hold' };
  if (claims.epoch !== serving.epoch)
    return { kind: 'invalid-session', why: 'the upstream session is another' };
  if (sequence < claims.startSequence)
    return { kind: 'invalid-session', why: 'the sequence is before the session' };
  if (sequence > log.head && serving.isCatchingUp) return { kind: 'hold' };
  if (sequence > log.head)
    return { kind: 'reject', rejection: Rejections.invalidSequence(sequence, log.head) };
  const cursor = log.cursorAfter(sequence);
  if (!cursor) return { kind: 'invalid-session', why: 'the sequence has left the log' };
  return { kind: 'replay', shard, serving, cursor };
}

function invalidShard(what: string): Admission {
  return { kind: 'reject', rejection: Rejections.invalidShard(what) };
}
