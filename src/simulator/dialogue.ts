/** What Discord answers to IDENTIFY, RESUME, heartbeats and commands. https://discord.com/developers/docs/events/gateway */
import { CloseCode } from '../protocol/close-codes.ts';
import { ALL_INTENTS } from '../protocol/intents.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { Application } from './application.ts';
import { monotonicMs } from './clock.ts';
import { answerCommand } from './command-answers.ts';
import type { Connection } from './connection.ts';
import { readyBody, resumedBody } from './payloads/ready.ts';
import { identifySchema, issueText, parseCommand, resumeSchema } from './rules/client-payloads.ts';
import { DEFAULT_LARGE_THRESHOLD } from './state/view.ts';

export interface DialogueContext {
  application: Application;
  /** Of the URL that READY gives for RESUME: this and the shard. */
  resumeUrlOf(shard: number): string;
  resumePathOf(shard: number): string;
  /** The budget is used up: Discord resets the token. */
  resetToken(): void;
}

export function answerPayload(
  context: DialogueContext,
  connection: Connection,
  op: unknown,
  d: unknown,
): void {
  switch (op) {
    case Opcode.Heartbeat:
      return answerHeartbeat(context, connection, d);
    case Opcode.Identify:
      return answerIdentify(context, connection, d);
    case Opcode.Resume:
      return answerResume(context, connection, d);
    default:
      return answerOther(context, connection, op, d);
  }
}

function answerHeartbeat(context: DialogueContext, connection: Connection, d: unknown): void {
  const sent = connection.phase.kind === 'live' ? connection.sentSequence : null;
  const fault = connection.heartbeats.beat(d, sent, monotonicMs());
  if (fault) context.application.violations.add(fault.kind, connection.shard, fault.detail);
  if (fault?.kind === 'invalid-payload') return connection.close(CloseCode.DecodeError, fault.detail);
  connection.send(Opcode.HeartbeatAck, null);
}

function answerIdentify(context: DialogueContext, connection: Connection, d: unknown): void {
  const { application } = context;
  if (connection.phase.kind !== 'unauthenticated') {
    return connection.reject('already-authenticated', CloseCode.AlreadyAuthenticated, 'IDENTIFY again');
  }
  const parsed = identifySchema.safeParse(d);
  if (!parsed.success)
    return connection.reject('invalid-payload', CloseCode.DecodeError, issueText(parsed.error));
  const { token, intents, compress } = parsed.data;
  const [shardId, shardCount] = parsed.data.shard ?? [0, 1];
  if (!application.acceptsToken(token)) {
    application.violations.note('refused-token');
    return connection.close(CloseCode.AuthenticationFailed, 'Authentication failed.');
  }
  if (shardCount !== application.shards.length || shardId < 0 || shardId >= shardCount) {
    return connection.reject('invalid-shard', CloseCode.InvalidShard, `[${shardId}, ${shardCount}]`);
  }
  connection.shard = shardId;
  if (!isIntents(intents)) {
    return connection.reject('invalid-intents', CloseCode.InvalidIntents, `intents ${String(intents)}`);
  }
  if ((intents & ~application.options.allowedIntents) !== 0) {
    application.violations.note('disallowed-intents');
    return connection.close(CloseCode.DisallowedIntents, 'Disallowed intent(s).');
  }
  if (!passesGate(context, connection, shardId)) return;
  if (compress === true) connection.usePayloadCompression();
  const largeThreshold = parsed.data.large_threshold ?? DEFAULT_LARGE_THRESHOLD;
  becomeReady(context, connection, shardId, { intents, largeThreshold });
}

/** Bit operators see 32 bits only, so larger numbers are compared first. */
function isIntents(intents: unknown): intents is number {
  if (typeof intents !== 'number' || !Number.isSafeInteger(intents)) return false;
  return intents >= 0 && intents <= ALL_INTENTS && (intents & ~ALL_INTENTS) === 0;
}

/** Asks the identify gate, and answers where it says no. */
function passesGate(
  { application, resetToken }: DialogueContext,
  connection: Connection,
  shardId: number,
): boolean {
  const bucket = application.gate.bucketOf(shardId);
  application.identifies += 1;
  application.identifyTimes[bucket] ??= [];
  application.identifyTimes[bucket].push(Date.now());
  const verdict = application.gate.arrive(shardId, monotonicMs());
  switch (verdict.kind) {
    case 'accepted':
      return true;
    case 'too-soon':
      application.violations.add(
        'identify-rate',
        shardId,
        `bucket ${bucket}: ${verdict.waitMs.toFixed(1)} ms too soon`,
      );
      connection.send(Opcode.InvalidSession, false);
      return false;
    case 'budget-exhausted':
      application.violations.add('identify-budget', shardId, 'no session starts left: the token is reset');
      resetToken();
      return false;
  }
}

function becomeReady(
  context: DialogueContext,
  connection: Connection,
  shardId: number,
  asked: { intents: number; largeThreshold: number },
): void {
  const { application } = context;
  const shard = application.shard(shardId);
  if (application.aliveSession(shard)?.isConnected) application.violations.note('session-replaced');
  shard.session?.end();
  const start = () => {
    // Another connection may have come first while READY was delayed: the newer wins.
    shard.session?.end();
    connection.sentSequence = 0;
    connection.heartbeats.forgetSequence();
    const session = application.startSession(shard, asked, connection);
    connection.phase = { kind: 'live', session };
    const ready = readyBody({
      sessionId: session.id,
      resumeGatewayUrl: context.resumeUrlOf(shardId),
      shard: shardId,
      shards: application.shards.length,
      applicationId: application.applicationId,
      guilds: session.pendingGuilds,
    });
    session.dispatch('READY', JSON.stringify(ready));
  };
  if (application.readyDelayMs === 0) return start();
  connection.phase = { kind: 'readying', shard: shardId };
  connection.after(application.readyDelayMs, start);
}

function answerResume(context: DialogueContext, connection: Connection, d: unknown): void {
  const { application } = context;
  if (connection.phase.kind !== 'unauthenticated') {
    return connection.reject(
      'already-authenticated',
      CloseCode.AlreadyAuthenticated,
      'RESUME after authentication',
    );
  }
  const parsed = resumeSchema.safeParse(d);
  if (!parsed.success)
    return connection.reject('invalid-payload', CloseCode.DecodeError, issueText(parsed.error));
  const { token, session_id, seq } = parsed.data;
  if (!application.acceptsToken(token)) {
    application.violations.note('refused-token');
    return connection.close(CloseCode.AuthenticationFailed, 'Authentication failed.');
  }
  const session = application.findSession(session_id);
  if (!session) return refuseResume(application, connection, 'resume-of-unknown-session');
  connection.shard = session.shard;
  if (seq > session.sequence) {
    session.end();
    application.resumesRefused += 1;
    const detail = `RESUME from ${seq}, the last is ${session.sequence}`;
    return connection.reject('resume-sequence', CloseCode.InvalidSequence, detail);
  }
  if (seq < 1 || !session.canReplayFrom(seq)) {
    session.end();
    return refuseResume(application, connection, 'resume-too-old');
  }
  if (!connection.path.startsWith(context.resumePathOf(session.shard))) {
    application.violations.note('resume-at-wrong-url');
  }
  application.resumes += 1;
  session.attach(connection);
  connection.phase = { kind: 'live', session };
  connection.sentSequence = seq;
  session.replayFrom(seq, connection);
  session.dispatch('RESUMED', JSON.stringify(resumedBody()));
}

function refuseResume(
  application: Application,
  connection: Connection,
  note: 'resume-of-unknown-session' | 'resume-too-old',
): void {
  application.resumesRefused += 1;
  application.violations.note(note);
  connection.send(Opcode.InvalidSession, false);
}

function answerOther(
  { application }: DialogueContext,
  connection: Connection,
  op: unknown,
  d: unknown,
): void {
  const result = parseCommand(op, d);
  if (result.kind === 'unknown-opcode') {
    return connection.reject('unknown-opcode', CloseCode.UnknownOpcode, `op ${String(op)}`);
  }
  const { session } = connection;
  if (!session) return connection.reject('not-authenticated', CloseCode.NotAuthenticated, `op ${String(op)}`);
  if (result.kind === 'invalid') {
    return connection.reject('invalid-payload', CloseCode.DecodeError, `op ${String(op)}: ${result.detail}`);
  }
  application.noteCommand(session.shard, result.command.op, d);
  answerCommand(application, session, result.command);
}
