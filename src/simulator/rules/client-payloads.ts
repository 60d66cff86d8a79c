/**
 * What a client may send, as schemas; anything else is closed with 4002, as Discord does with what it can't decode.
 * https://discord.com/developers/docs/events/gateway-events#send-events
 */
import { z } from 'zod';
import { MAX_SEND_BYTES } from '../../protocol/limits.ts';
import { Opcode } from '../../protocol/opcodes.ts';

const snowflake = z.string().regex(/^\d{15,20}$/);

export const identifySchema = z.object({
  token: z.string(),
  properties: z.record(z.string(), z.unknown()),
  compress: z.boolean().nullish(),
  large_threshold: z.int().min(50).max(250).nullish(),
  shard: z.tuple([z.int(), z.int()]).nullish(),
  presence: z.unknown().optional(),
  intents: z.unknown().optional(),
});

export const resumeSchema = z.object({ token: z.string(), session_id: z.string(), seq: z.int() });

const presenceSchema = z.object({
  since: z.int().nullable(),
  activities: z.array(z.record(z.string(), z.unknown())),
  status: z.enum(['online', 'dnd', 'idle', 'invisible', 'offline']),
  afk: z.boolean(),
});

const voiceSchema = z.object({
  guild_id: snowflake,
  channel_id: snowflake.nullable(),
  self_mute: z.boolean(),
  self_deaf: z.boolean(),
});

/** Discord takes up to this many user ids in one request. */
const MAX_USER_IDS = 100;

const membersSchema = z
  .object({
    guild_id: z.union([snowflake, z.tuple([snowflake])]),
    query: z.string().optional(),
    limit: z.int().min(0).optional(),
    presences: z.boolean().optional(),
    user_ids: z.union([snowflake, z.array(snowflake).max(MAX_USER_IDS)]).optional(),
    nonce: z.string().optional(),
  })
  .refine((request) => (request.query !== undefined) !== (request.user_ids !== undefined), {
    message: 'exactly one of query and user_ids',
  })
  .refine((request) => request.query === undefined || request.limit !== undefined, {
    message: 'limit is required with query',
  });

const soundboardSchema = z.object({ guild_ids: z.array(snowflake).min(1) });

const channelInfoSchema = z.object({ guild_id: snowflake, fields: z.array(z.string()) });

export type VoiceStateUpdate = z.infer<typeof voiceSchema>;
export type MemberRequest = z.infer<typeof membersSchema>;
export type SoundboardRequest = z.infer<typeof soundboardSchema>;
export type ChannelInfoRequest = z.infer<typeof channelInfoSchema>;

export type Command =
  | { op: typeof Opcode.PresenceUpdate }
  | { op: typeof Opcode.VoiceStateUpdate; d: VoiceStateUpdate }
  | { op: typeof Opcode.RequestGuildMembers; d: MemberRequest }
  | { op: typeof Opcode.RequestSoundboardSounds; d: SoundboardRequest }
  | { op: typeof Opcode.RequestChannelInfo; d: ChannelInfoRequest };

export type CommandResult =
  | { kind: 'command'; command: Command }
  | { kind: 'unknown-opcode' }
  | { kind: 'invalid'; detail: string };

/** A command that an authenticated client may give: ops 3, 4, 8, 31, 43. */
export function parseCommand(op: unknown, d: unknown): CommandResult {
  switch (op) {
    case Opcode.PresenceUpdate:
      return commandOf(presenceSchema.safeParse(d), () => ({ op: Opcode.PresenceUpdate }));
    case Opcode.VoiceStateUpdate:
      return commandOf(voiceSchema.safeParse(d), (valid) => ({ op: Opcode.VoiceStateUpdate, d: valid }));
    case Opcode.RequestGuildMembers:
      return commandOf(membersSchema.safeParse(d), (valid) => ({ op: Opcode.RequestGuildMembers, d: valid }));
    case Opcode.RequestSoundboardSounds:
      return commandOf(soundboardSchema.safeParse(d), (valid) => ({
        op: Opcode.RequestSoundboardSounds,
        d: valid,
      }));
    case Opcode.RequestChannelInfo:
      return commandOf(channelInfoSchema.safeParse(d), (valid) => ({
        op: Opcode.RequestChannelInfo,
        d: valid,
      }));
    default:
      return { kind: 'unknown-opcode' };
  }
}

function commandOf<Valid>(
  parsed: z.ZodSafeParseResult<Valid>,
  build: (valid: Valid) => Command,
): CommandResult {
  if (!parsed.success) return { kind: 'invalid', detail: issueText(parsed.error) };
  return { kind: 'command', command: build(parsed.data) };
}

/** The first thing that is wrong, with its place. */
export function issueText(error: z.ZodError): string {
  const [issue] = error.issues;
  return issue ? `${issue.path.join('.') || 'd'}: ${issue.message}` : 'invalid';
}

export type FrameResult =
  | { kind: 'payload'; op: unknown; d: unknown }
  | { kind: 'too-large'; bytes: number }
  | { kind: 'malformed'; detail: string };

/** A client's message, text or binary, as a payload. */
export function parseFrame(bytes: Buffer): FrameResult {
  if (bytes.length > MAX_SEND_BYTES) return { kind: 'too-large', bytes: bytes.length };
  let payload: unknown;
  try {
    payload = JSON.parse(bytes.toString('utf8'));
  } catch {
    return { kind: 'malformed', detail: 'not JSON' };
  }
  if (typeof payload !== 'object' || payload === null || !('op' in payload)) {
    return { kind: 'malformed', detail: 'no op' };
  }
  return { kind: 'payload', op: payload.op, d: 'd' in payload ? payload.d : undefined };
}
