/** Discord's RATE_LIMITED of a request for members. Pure. https://discord.com/developers/docs/events/gateway-events#rate-limited */
import { Opcode } from '../protocol/opcodes.ts';
import { findOurNonce, withNonce } from './reply-scan.ts';

export interface RateLimited {
  readonly guildId: string;
  readonly nonce: string;
  readonly retryAfterMs: number;
}

/** Where it says nothing that makes sense. */
const DEFAULT_RETRY_AFTER_MS = 30_000;

/** `undefined` where it is of something else, or of a request without a nonce. */
export function readRateLimited(payload: Buffer): RateLimited | undefined {
  const d = parsed(payload)?.['d'];
  // Every field is checked where it is used.
  const { opcode, retry_after, meta } = (d ?? {}) as Record<string, unknown>;
  const { guild_id, nonce } = (meta ?? {}) as Record<string, unknown>;
  if (opcode !== Opcode.RequestGuildMembers) return undefined;
  if (typeof guild_id !== 'string' || typeof nonce !== 'string') return undefined;
  const isTime = typeof retry_after === 'number' && Number.isFinite(retry_after) && retry_after >= 0;
  return { guildId: guild_id, nonce, retryAfterMs: isTime ? retry_after * 1_000 : DEFAULT_RETRY_AFTER_MS };
}

/** The payload with the asker's nonce in place of ours. */
export function rateLimitedParts(payload: Buffer, nonce: string | undefined): Buffer[] {
  const copy = Buffer.from(payload);
  const found = findOurNonce(copy);
  return found ? withNonce(copy, found, nonce) : [copy];
}

function parsed(payload: Buffer): Record<string, unknown> | undefined {
  try {
    return JSON.parse(payload.toString()) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
