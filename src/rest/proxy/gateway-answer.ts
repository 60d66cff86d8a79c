/** `GET /gateway` and `GET /gateway/bot` as shardmux answers them: workers find its gateway, not Discord's. Pure. */
import { gatewayBotBody } from '../../protocol/gateway-bot.ts';
import type { ApiPath } from '../path.ts';
import { type OwnAnswer, SHARDS_UNKNOWN } from './own-answers.ts';

export function gatewayRoute(
  method: string | undefined,
  { segments }: ApiPath,
): 'gateway' | 'gateway-bot' | undefined {
  if (segments[0] !== 'gateway' || method !== 'GET') return undefined;
  if (segments.length === 1) return 'gateway';
  return segments.length === 2 && segments[1] === 'bot' ? 'gateway-bot' : undefined;
}

/** `shards`: `undefined` as long as their number is not known. */
export function gatewayAnswer(
  route: 'gateway' | 'gateway-bot',
  url: string,
  shards: number | undefined,
): OwnAnswer {
  if (route === 'gateway') return { status: 200, body: { url } };
  return shards === undefined ? SHARDS_UNKNOWN : { status: 200, body: gatewayBotBody(url, shards) };
}
