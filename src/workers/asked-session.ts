/** From an IDENTIFY or RESUME of a known account to what it asks for, and of which application. */
import type { SessionRequest } from './admission.ts';
import { chooseApplication } from './applications.ts';
import type { Account, ServedApplication } from './ports.ts';
import type { Rejection } from './rejection.ts';
import { newSessionTag, verifySessionId } from './session-id.ts';
import type { Message, SessionPayload } from './worker-link.ts';

/** A session request, as it was understood and as it came. */
export interface AskedSession {
  readonly request: SessionRequest;
  readonly application: ServedApplication;
  readonly message: Message;
}

export type SessionRequestPayload = Extract<SessionPayload, { kind: 'identify' | 'resume' }>;

export interface AskedSessionOptions {
  readonly applications: readonly ServedApplication[];
  readonly pathApplication: ServedApplication | undefined;
  readonly sessionKey: Buffer;
}

export type AskedSessionReading =
  | { readonly kind: 'asked'; readonly asked: AskedSession }
  | { readonly kind: 'invalid-session'; readonly why: string }
  | { readonly kind: 'reject'; readonly rejection: Rejection };

export function readAskedSession(
  payload: SessionRequestPayload,
  message: Message,
  account: Account,
  { applications, pathApplication, sessionKey }: AskedSessionOptions,
): AskedSessionReading {
  const claims = payload.kind === 'resume' ? verifySessionId(payload.sessionId, sessionKey) : undefined;
  const hints = { path: pathApplication, account, claimed: claims?.applicationId };
  const choice = chooseApplication(applications, hints);
  if (choice.kind === 'reject') return choice;
  if (choice.kind === 'foreign-session') {
    return { kind: 'invalid-session', why: 'the session is of an application that is not served here' };
  }
  const { application } = choice;
  return {
    kind: 'asked',
    asked: { request: requestOf(payload, account.name, claims), application, message },
  };
}

function requestOf(
  payload: SessionRequestPayload,
  account: string,
  claims: ReturnType<typeof verifySessionId>,
): SessionRequest {
  if (payload.kind === 'resume') return { kind: 'resume', account, claims, sequence: payload.sequence };
  const { intents, shard } = payload;
  return { kind: 'identify', account, intents, shard, tag: newSessionTag() };
}

/** What was only for a session that can't be resumed any more is for all again. */
export function endRefusedSession({ request, application }: AskedSession): void {
  if (request.kind !== 'resume' || request.claims?.account !== request.account) return;
  const { shardId, tag } = request.claims;
  if (tag !== undefined) application.directory.shard(shardId)?.voice?.end(tag);
}
