/** What workers send, from bytes to a discriminated union. Pure. https://discord.com/developers/docs/events/gateway-events#send-events */
import { isUtf8 } from 'node:buffer';
import * as z from 'zod';
import { MAX_SEND_BYTES } from '../protocol/limits.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { type CheckedCommand, COMMAND_SHAPES } from './command-shapes.ts';
import { type Rejection, Rejections } from './rejection.ts';

const Identify = z.looseObject({
  token: z.string(),
  shard: z.tuple([z.int().min(0), z.int().min(1)]).nullish(),
});

/** Without an id or a sequence nothing can be resumed; a decode error would make libraries try the same again. */
const Resume = z.looseObject({
  token: z.string(),
  session_id: z.string().nullish(),
  seq: z.int().min(0).nullish(),
});

export type WorkerPayload =
  | { readonly kind: 'heartbeat'; readonly acknowledged: number | null }
  | {
      readonly kind: 'identify';
      readonly token: string;
      readonly intents: number;
      readonly shard: readonly [shardId: number, shardCount: number] | undefined;
    }
  | { readonly kind: 'resume'; readonly token: string; readonly sessionId: string; readonly sequence: number }
  | ({ readonly kind: 'command' } & WorkerCommand)
  | { readonly kind: 'rejected'; readonly rejection: Rejection };

/** A command as it was checked. `payload` is the JSON text to send to Discord. */
export type WorkerCommand = CheckedCommand & {
  readonly payload: string;
  /** Guilds that it is about. */
  readonly guildIds: readonly string[];
};

export function readWorkerPayload(bytes: Buffer): WorkerPayload {
  const payload = parseJson(bytes);
  if (typeof payload !== 'object' || payload === null)
    return rejected(Rejections.decodeError('a payload that is no JSON object'));
  const { op, d } = payload as { op?: unknown; d?: unknown };
  switch (op) {
    case Opcode.Heartbeat:
      return { kind: 'heartbeat', acknowledged: Number.isSafeInteger(d) ? (d as number) : null };
    case Opcode.Identify:
      return readIdentify(d);
    case Opcode.Resume:
      return readResume(d);
    case Opcode.PresenceUpdate:
    case Opcode.VoiceStateUpdate:
    case Opcode.RequestGuildMembers:
    case Opcode.RequestSoundboardSounds:
    case Opcode.RequestChannelInfo:
      return readCommand(op, d);
    default:
      if (typeof op !== 'number') return rejected(Rejections.decodeError('a payload without a numeric op'));
      return rejected(Rejections.unknownOpcode(op));
  }
}

function readIdentify(d: unknown): WorkerPayload {
  const identify = Identify.safeParse(d);
  if (!identify.success) return rejected(Rejections.decodeError(problemOf('IDENTIFY', identify.error)));
  const { token, shard, intents } = identify.data;
  if (!Number.isSafeInteger(intents) || (intents as number) < 0) return rejected(Rejections.invalidIntents());
  return {
    kind: 'identify',
    token: withoutScheme(token),
    shard: shard ?? undefined,
    intents: intents as number,
  };
}

function readResume(d: unknown): WorkerPayload {
  const resume = Resume.safeParse(d);
  if (!resume.success) return rejected(Rejections.decodeError(problemOf('RESUME', resume.error)));
  const { token, session_id: sessionId, seq: sequence } = resume.data;
  return {
    kind: 'resume',
    token: withoutScheme(token),
    sessionId: sessionId ?? '',
    sequence: sequence ?? 0,
  };
}

function readCommand(op: keyof typeof COMMAND_SHAPES, d: unknown): WorkerPayload {
  const command = COMMAND_SHAPES[op].safeParse(d);
  if (!command.success) return rejected(Rejections.decodeError(problemOf(`op ${op}`, command.error)));
  // Written anew, so that Discord reads what was checked (a key given twice, say, means different things to different parsers).
  const payload = JSON.stringify({ op, d: command.data });
  // `1E20` becomes longer by that, and Discord closes the shard's connection over a payload that is too long.
  const bytes = Buffer.byteLength(payload);
  if (bytes > MAX_SEND_BYTES) return rejected(Rejections.oversized(bytes, MAX_SEND_BYTES));
  // The shape is the op's.
  const checked = { op, d: command.data } as CheckedCommand;
  return { kind: 'command', ...checked, payload, guildIds: guildIdsOf(command.data) };
}

function guildIdsOf(d: Readonly<Record<string, unknown>>): readonly string[] {
  // Their shapes have been checked.
  const { guild_id: id, guild_ids: ids } = d as { guild_id?: string; guild_ids?: readonly string[] };
  return id === undefined ? (ids ?? []) : [id];
}

function rejected(rejection: Rejection): WorkerPayload {
  return { kind: 'rejected', rejection };
}

/** Some libraries send `Bot <token>` as in REST. */
function withoutScheme(token: string): string {
  return token.replace(/^Bot /, '');
}

function problemOf(what: string, error: z.ZodError): string {
  const issue = error.issues[0];
  return `${what}: ${issue?.path.join('.') || 'd'}: ${issue?.message ?? 'invalid'}`;
}

/** `JSON.parse` that keeps integers too large for a double, as strings. `undefined` where it is no JSON. */
function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) return undefined;
  const keepDigits = (_key: string, value: unknown, context: { source: string }) =>
    typeof value === 'number' && !Number.isSafeInteger(value) && /^\d+$/.test(context.source)
      ? context.source
      : value;
  try {
    // TypeScript's library does not know the third parameter yet; Node does, from 21 on.
    return JSON.parse(bytes.toString('utf8'), keepDigits as (key: string, value: unknown) => unknown);
  } catch {
    return undefined;
  }
}
