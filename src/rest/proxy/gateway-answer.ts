/** `GET /gateway` and `GET /gateway/bot` as shardmux answers them: workers find its gateway, not Discord's. Pure. */
import type { ApiPath } from '../path.ts';
import type { OwnAnswer } from './own-answers.ts';

/** A day, as Discord's. */
const RESET_AFTER_MS = 86_400_000;
const SESSION_STARTS = 1_000;

export function gatewayRoute(
  method: string | undefined,
  { segments }: ApiPath,
): 'gateway' | 'gateway-bot' | undefined {
  if (segments[0] !== 'gateway' || method !== 'GET') return undefined;
  if (segments.length === 1) return 'gateway';
  return segments.length === 2 && segments[1] === 'bot' ? 'gateway-bot' : undefined;
}

export function gatewayAnswer(url: string): OwnAnswer {
  return { status: 200, body: { url } };
}

/** As many IDENTIFYs at once as there are shards: ours cost nothing. */
export function gatewayBotAnswer(url: string, shards: number): OwnAnswer {
  const limit = {
    total: SESSION_STARTS,
    remaining: SESSION_STARTS,
    reset_after: RESET_AFTER_MS,
    max_concurrency: shards,
  };
  return { status: 200, body: { url, shards, session_start_limit: limit } };
}
