/** What workers send, from bytes to a discriminated union. Pure. https://discord.com/developers/docs/events/gateway-events#send-events */
import * as z from 'zod';
import { Opcode } from '../protocol/opcodes.ts';
import { type Rejection, Rejections } from './rejection.ts';

/** Ids may come as numbers too large for a double (discord.py sends such): `parseJson` has made strings of those. */
const Snowflake = z.union([
  z.string().regex(/^\d{1,20}$/, 'expected an id'),
  z.int().min(0).transform(String),
]);

/** Bytes of a nonce that Discord echoes; it drops a longer one silently. */
const MAX_NONCE_BYTES = 32;

const Nonce = z
  .string()
  .refine((nonce) => Buffer.byteLength(nonce) <= MAX_NONCE_BYTES, 'longer than 32 bytes');

const Identify = z.looseObject({
  token: z.string(),
  shard: z.tuple([z.int().min(0), z.int().min(1)]).optional(),
});

const Resume = z.looseObject({ token: z.string(), session_id: z.string(), seq: z.int().min(0) });

/** Shapes of the commands that are forwarded. Unknown fields are kept: Discord may know them. */
const COMMANDS = {
  [Opcode.PresenceUpdate]: z.looseObject({
    status: z.enum(['online', 'dnd', 'idle', 'invisible', 'offline']),
    activities: z.array(z.looseObject({ name: z.string(), type: z.int() })).optional(),
    since: z.number().nullish(),
    afk: z.boolean().optional(),
  }),
  [Opcode.VoiceStateUpdate]: z.looseObject({
    guild_id: Snowflake,
    channel_id: Snowflake.nullable(),
    self_mute: z.boolean().optional(),
    self_deaf: z.boolean().optional(),
  }),
  [Opcode.RequestGuildMembers]: z
    .looseObject({
      guild_id: Snowflake,
      query: z.string().optional(),
      limit: z.int().min(0).optional(),
      presences: z.boolean().optional(),
      user_ids: z.union([Snowflake, z.array(Snowflake).max(100)]).optional(),
      nonce: Nonce.nullish(),
    })
    .refine((d) => d.query !== undefined || d.user_ids !== undefined, 'needs query or user_ids'),
  [Opcode.RequestSoundboardSounds]: z.looseObject({ guild_ids: z.array(Snowflake).min(1) }),
  [Opcode.RequestChannelInfo]: z.looseObject({ guild_id: Snowflake, fields: z.array(z.string()).min(1) }),
} as const;

export type WorkerPayload =
  | { readonly kind: 'heartbeat'; readonly acknowledged: number | null }
  | {
      readonly kind: 'identify';
      readonly token: string;
      readonly intents: number;
      readonly shard: readonly [shardId: number, shardCount: number] | undefined;
    }
  | { readonly kind: 'resume'; readonly token: string; readonly sessionId: string; readonly sequence: number }
  /** `payload` is the JSON text to send to Discord. */
  | { readonly kind: 'command'; readonly op: number; readonly payload: string }
  | { readonly kind: 'rejected'; readonly rejection: Rejection };

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
  return { kind: 'identify', token: withoutScheme(token), shard, intents: intents as number };
}

function readResume(d: unknown): WorkerPayload {
  const resume = Resume.safeParse(d);
  if (!resume.success) return rejected(Rejections.decodeError(problemOf('RESUME', resume.error)));
  const { token, session_id: sessionId, seq: sequence } = resume.data;
  return { kind: 'resume', token: withoutScheme(token), sessionId, sequence };
}

function readCommand(op: keyof typeof COMMANDS, d: unknown): WorkerPayload {
  const command = COMMANDS[op].safeParse(d);
  if (!command.success) return rejected(Rejections.decodeError(problemOf(`op ${op}`, command.error)));
  // Written anew, so that Discord reads what was checked (a key given twice, say, means different things to different parsers).
  return { kind: 'command', op, payload: JSON.stringify({ op, d: command.data }) };
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
