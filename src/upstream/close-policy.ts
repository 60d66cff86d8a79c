/** What the end of an upstream connection means. Pure. */
import { FATAL_CLOSE_CODES, SESSION_ENDING_CLOSE_CODES } from '../protocol/close-codes.ts';

export type CloseVerdict = 'resume' | 'identify' | 'stop';

/**
 * What to do after Discord closed with `code`. Everything that is not known to end the session is tried as a RESUME:
 * that is free, and where the session is gone Discord says so with op 9.
 */
export function closeVerdict(code: number): CloseVerdict {
  if (FATAL_CLOSE_CODES.has(code)) return 'stop';
  return SESSION_ENDING_CLOSE_CODES.has(code) ? 'identify' : 'resume';
}

const EXPLANATIONS: ReadonlyMap<number, string> = new Map([
  [
    4004,
    'Discord refused the bot token (4004): set discord.token to the current one from the developer portal',
  ],
  [4010, 'Discord refused the shard (4010): set discord.shardCount to auto or to a valid number'],
  [4011, 'Discord requires more shards (4011): raise discord.shardCount or set it to auto'],
  [4012, 'Discord no longer takes this gateway version (4012): upgrade shardmux'],
  [4013, 'Discord says the intents are invalid (4013): check discord.intents'],
  [
    4014,
    'Discord does not allow these intents (4014): switch the privileged ones on in the developer portal, under Bot, or take them out of discord.intents',
  ],
]);

/** What the operator should know and do about a fatal close code. */
export function explainFatalClose(code: number): string {
  return EXPLANATIONS.get(code) ?? `Discord closed the connection for good (${code})`;
}
