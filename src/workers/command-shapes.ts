/**
 * Shapes of the commands that are forwarded. Pure. What they let pass reaches a connection that all workers of the shard share,
 * and Discord closes that over anything it can't decode: so ids are ids, and what Discord requires and libraries
 * leave out is filled in. Unknown fields are kept: Discord may know them.
 * https://discord.com/developers/docs/events/gateway-events#send-events
 */
import * as z from 'zod';
import { MAX_NONCE_BYTES } from '../protocol/limits.ts';
import { Opcode } from '../protocol/opcodes.ts';

/** The largest id: 2^64 - 1. https://discord.com/developers/docs/reference#snowflakes */
const MAX_SNOWFLAKE = '18446744073709551615';

/** An id; those that came as integers (JDA sends such) are strings by now, because a double does not hold them. */
const Snowflake = z
  .string()
  .regex(/^\d{15,20}$/, 'expected an id')
  .refine((id) => id.length < MAX_SNOWFLAKE.length || id <= MAX_SNOWFLAKE, 'expected an id');

const Nonce = z
  .string()
  .refine((nonce) => Buffer.byteLength(nonce) <= MAX_NONCE_BYTES, 'longer than 32 bytes');

const MAX_USER_IDS = 100;

const PresenceUpdate = z.looseObject({
  since: z.int().nullable().default(null),
  activities: z.array(z.looseObject({ name: z.string(), type: z.int() })).default([]),
  status: z.enum(['online', 'dnd', 'idle', 'invisible', 'offline']),
  afk: z.boolean().default(false),
});

const VoiceStateUpdate = z.looseObject({
  guild_id: Snowflake,
  channel_id: Snowflake.nullable(),
  self_mute: z.boolean().default(false),
  self_deaf: z.boolean().default(false),
});

const RequestGuildMembers = z
  .looseObject({
    guild_id: Snowflake,
    query: z.string().optional(),
    limit: z.int().min(0).optional(),
    presences: z.boolean().optional(),
    user_ids: z.union([Snowflake, z.array(Snowflake).max(MAX_USER_IDS)]).optional(),
    nonce: Nonce.nullish().transform((nonce) => nonce ?? undefined),
  })
  .refine(
    ({ query, user_ids }) => (query === undefined) !== (user_ids === undefined),
    'needs query or user_ids, not both',
  )
  .refine(({ query, limit }) => query === undefined || limit !== undefined, 'a query needs a limit');

export const COMMAND_SHAPES = {
  [Opcode.PresenceUpdate]: PresenceUpdate,
  [Opcode.VoiceStateUpdate]: VoiceStateUpdate,
  [Opcode.RequestGuildMembers]: RequestGuildMembers,
  [Opcode.RequestSoundboardSounds]: z.looseObject({ guild_ids: z.array(Snowflake).min(1) }),
  [Opcode.RequestChannelInfo]: z.looseObject({ guild_id: Snowflake, fields: z.array(z.string()).min(1) }),
} as const;

type Shapes = typeof COMMAND_SHAPES;

/** A command's op with what its shape made of its `d`. */
export type CheckedCommand = {
  readonly [Op in keyof Shapes]: { readonly op: Op; readonly d: z.output<Shapes[Op]> };
}[keyof Shapes];

/** A command that Discord answers, about guilds. */
export type GuildRequest = Extract<
  CheckedCommand,
  {
    readonly op:
      | typeof Opcode.RequestGuildMembers
      | typeof Opcode.RequestSoundboardSounds
      | typeof Opcode.RequestChannelInfo;
  }
>;

export function isGuildRequest(command: CheckedCommand): command is GuildRequest {
  return command.op !== Opcode.PresenceUpdate && command.op !== Opcode.VoiceStateUpdate;
}
