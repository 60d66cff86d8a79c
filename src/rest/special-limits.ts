/**
 * Requests that Discord limits otherwise than their route tells: they count as a route of their own, whose name has what sets
 * them apart. Pure; time is given.
 */
import type { Method } from './route.ts';

/** Deleting messages has limits of its own by their age. https://github.com/discord/discord-api-docs/issues/1295 */
const YOUNG_MESSAGE_MS = 10_000;
const OLD_MESSAGE_MS = 14 * 24 * 3_600_000;
/** Edits of older messages have one: code 30046. https://discord.com/developers/docs/topics/opcodes-and-status-codes#json */
const OLD_EDIT_MS = 3_600_000;
/** A message near a boundary may be on either side by the time Discord looks: it counts as the sort that is limited more. */
const AGE_MARGIN_MS = 2_000;
/** https://discord.com/developers/docs/reference#snowflakes */
const DISCORD_EPOCH_MS = 1_420_070_400_000;
/** A longer body says more than a channel's name. */
const MAX_READ_BYTES = 64 * 1024;

const MESSAGE = 'channels/:channel/messages/:id';
const CHANNEL = 'channels/:channel';
const EMOJIS = 'guilds/:guild/emojis';

export interface SpecialFacts {
  readonly method: Method;
  /** The known route. */
  readonly route: string | undefined;
  readonly segments: readonly string[];
  readonly nowMs: number;
  /** All of it, where that is known. */
  readonly body: Buffer | null | undefined;
}

/** Hidden limits that people agree on, though Discord's documentation has no numbers: two changes of name or topic in ten minutes. */
export const KNOWN_HIDDEN_LIMITS: ReadonlyMap<string, { readonly limit: number; readonly windowMs: number }> =
  new Map([[`PATCH /${CHANNEL} (name)`, { limit: 2, windowMs: 600_000 }]]);

/** Routes that have one hidden limit together. https://discord.com/developers/docs/resources/emoji */
const EMOJI_SHAPES: readonly string[] = [`POST /${EMOJIS}`, `PATCH /${EMOJIS}/:id`, `DELETE /${EMOJIS}/:id`];

/** Those that share the hidden limit of a route, itself among them; none where it shares it with none. */
export function sharingHiddenLimit(shape: string): readonly string[] {
  return EMOJI_SHAPES.includes(shape) ? EMOJI_SHAPES : [];
}

/** What is added to the name of a route. */
export function specialOf({ method, route, segments, nowMs, body }: SpecialFacts): string {
  if (route === MESSAGE && method === 'DELETE') {
    const ageMs = ageOf(segments[3], nowMs);
    if (ageMs < YOUNG_MESSAGE_MS) return ' (young)';
    return ageMs > OLD_MESSAGE_MS - AGE_MARGIN_MS ? ' (old)' : '';
  }
  if (route === MESSAGE && method === 'PATCH') {
    return ageOf(segments[3], nowMs) > OLD_EDIT_MS - AGE_MARGIN_MS ? ' (old)' : '';
  }
  return route === CHANNEL && method === 'PATCH' && namesChannel(body) ? ' (name)' : '';
}

function ageOf(messageId: string | undefined, nowMs: number): number {
  return nowMs - DISCORD_EPOCH_MS - Number(BigInt(messageId ?? 0) >> 22n);
}

function namesChannel(body: Buffer | null | undefined): boolean {
  if (!body || body.length > MAX_READ_BYTES) return false;
  try {
    const json: unknown = JSON.parse(body.toString('utf8'));
    return typeof json === 'object' && json !== null && ('name' in json || 'topic' in json);
  } catch {
    return false;
  }
}
