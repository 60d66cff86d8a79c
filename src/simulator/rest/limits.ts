/**
 * Which limits there are. Discord does not publish its numbers and changes them; these are of the size that people have seen, and at the
 * strict end. What matters is their shapes: leaky and fixed ones, one hash over several counters, hidden ones below the visible one.
 */
import { createHash } from 'node:crypto';
import type { BucketRule } from './rules/bucket.ts';

/** https://discord.com/developers/docs/topics/rate-limits#global-rate-limit */
export const GLOBAL_LIMIT = 50;
export const GLOBAL_WINDOW_MS = 1_000;

/** https://discord.com/developers/docs/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans */
export const INVALID_REQUEST_LIMIT = 10_000;
export const INVALID_REQUEST_WINDOW_MS = 600_000;

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

/** `group`: what `X-RateLimit-Bucket` is made of; the same for several buckets that count apart. */
export interface BucketDefinition extends BucketRule {
  group: string;
}

/** A limit that no header tells of until it is exceeded. */
export interface SubLimitDefinition extends BucketRule {
  /** `shared` is what other bots have used up as well. */
  scope: 'user' | 'shared';
  /** In the body of the 429. https://discord.com/developers/docs/topics/opcodes-and-status-codes#json */
  code?: number;
}

export type BucketName = keyof typeof BUCKETS;
export type SubLimitName = keyof typeof SUB_LIMITS;

export const BUCKETS = {
  'own-user': leaky(30, 30 * SECOND_MS),
  'create-dm': leaky(10, 10 * SECOND_MS),
  'read-channel': leaky(10, 5 * SECOND_MS),
  'change-channel': fixed(5, 15 * SECOND_MS),
  'create-message': leaky(5, 5 * SECOND_MS, 'messages'),
  // Discord gives this the hash of creating messages and counts it apart: https://github.com/discord/discord-api-docs/issues/8073
  'edit-message': leaky(5, 5 * SECOND_MS, 'messages'),
  'read-messages': leaky(5, 5 * SECOND_MS),
  'read-message': leaky(10, 5 * SECOND_MS),
  'delete-message': fixed(5, SECOND_MS),
  'delete-young-message': fixed(3, SECOND_MS),
  'delete-old-message': fixed(30, 120 * SECOND_MS),
  'bulk-delete': fixed(1, SECOND_MS),
  crosspost: leaky(5, 5 * SECOND_MS),
  // Said as "1 a second" once, though four are allowed: https://github.com/discord/discord-api-docs/issues/182
  reactions: fixed(1, 250),
  pins: leaky(5, 5 * SECOND_MS),
  typing: leaky(5, 5 * SECOND_MS),
  'read-guild': leaky(10, 10 * SECOND_MS),
  'read-guild-channels': leaky(10, 10 * SECOND_MS, 'read-guild'),
  members: leaky(5, 5 * SECOND_MS),
  'list-members': leaky(10, 10 * SECOND_MS),
  'change-member': leaky(10, 10 * SECOND_MS),
  // Fixed at Discord: https://github.com/discord/discord-api-docs/issues/7680
  'member-roles': fixed(10, 10 * SECOND_MS),
  bans: leaky(5, 5 * SECOND_MS),
  'audit-log': leaky(5, 5 * SECOND_MS),
  // Far more than `emoji` below allows: https://discord.com/developers/docs/resources/emoji says that the quota may be wrong.
  emoji: fixed(50, HOUR_MS),
  'manage-webhooks': leaky(5, 10 * SECOND_MS),
  'execute-webhook': leaky(5, 2 * SECOND_MS, 'webhook'),
  'webhook-message': leaky(5, 2 * SECOND_MS, 'webhook'),
  commands: leaky(5, 20 * SECOND_MS),
} as const satisfies Record<string, BucketDefinition>;

export const SUB_LIMITS = {
  /** Name and topic, per channel. */
  'channel-name': { kind: 'fixed', limit: 2, windowMs: 600 * SECOND_MS, scope: 'user' },
  /** Messages older than an hour, per channel. */
  'edit-old-message': { kind: 'fixed', limit: 3, windowMs: 60 * SECOND_MS, scope: 'user', code: 30_046 },
  /** Per guild. */
  emoji: { kind: 'fixed', limit: 5, windowMs: 60 * SECOND_MS, scope: 'user' },
  /** Per channel, of all bots. */
  crosspost: { kind: 'fixed', limit: 10, windowMs: HOUR_MS, scope: 'shared' },
} as const satisfies Record<string, SubLimitDefinition>;

/** What tests may change about a limit. */
export type LimitChanges<Name extends string> = Partial<Record<Name, Partial<BucketRule>>>;

/** Opaque, as Discord's: 32 hex digits. */
export function bucketHash(group: string): string {
  return createHash('sha256').update(`bucket ${group}`).digest('hex').slice(0, 32);
}

/** Its group is its own name where none is given. */
function leaky(limit: number, windowMs: number, group = ''): BucketDefinition {
  return { kind: 'leaky', limit, windowMs, group };
}

function fixed(limit: number, windowMs: number, group = ''): BucketDefinition {
  return { kind: 'fixed', limit, windowMs, group };
}
