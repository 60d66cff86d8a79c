/** Asks Discord how to connect: `GET /gateway/bot`. https://discord.com/developers/docs/events/gateway#get-gateway-bot */
import * as z from 'zod';

export interface GatewayInformation {
  /** WebSocket URL to IDENTIFY at. */
  readonly url: string;
  /** Shards that Discord recommends. */
  readonly shards: number;
  readonly sessionStartLimit: {
    readonly total: number;
    readonly remaining: number;
    readonly resetAfterMs: number;
    readonly maxConcurrency: number;
  };
}

export type GatewayInformationResult =
  | { readonly kind: 'ok'; readonly information: GatewayInformation }
  /** Discord does not know this token: asking again can only count as invalid requests. */
  | { readonly kind: 'unauthorized' }
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs?: number };

const REQUEST_TIMEOUT_MS = 10_000;

const Answer = z.object({
  url: z.url({ protocol: /^wss?$/ }),
  shards: z.int().min(1),
  session_start_limit: z.object({
    total: z.int().min(0),
    remaining: z.int().min(0),
    reset_after: z.number().min(0),
    max_concurrency: z.int().min(1),
  }),
});

/** One request. Never throws; `reason` never holds the token. */
export async function fetchGatewayInformation(
  apiUrl: string,
  token: string,
  signal: AbortSignal,
): Promise<GatewayInformationResult> {
  const url = `${apiUrl.replace(/\/+$/, '')}/gateway/bot`;
  try {
    const response = await fetch(url, {
      headers: {
        authorization: `Bot ${token}`,
        'user-agent': 'DiscordBot (https://github.com/shardmux/shardmux, 0.1)',
      },
      signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
    });
    if (response.status === 401) return { kind: 'unauthorized' };
    if (!response.ok) return refusal(url, response);
    const answer = Answer.safeParse(await response.json());
    if (!answer.success)
      return { kind: 'failed', reason: `${url} answered something that is no GET /gateway/bot answer` };
    const limit = answer.data.session_start_limit;
    return {
      kind: 'ok',
      information: {
        url: answer.data.url,
        shards: answer.data.shards,
        sessionStartLimit: {
          total: limit.total,
          remaining: limit.remaining,
          resetAfterMs: limit.reset_after,
          maxConcurrency: limit.max_concurrency,
        },
      },
    };
  } catch (error) {
    return { kind: 'failed', reason: `${url} could not be reached: ${causeOf(error)}` };
  }
}

function refusal(url: string, response: Response): GatewayInformationResult {
  const seconds = Number(response.headers.get('retry-after'));
  const reason = `${url} answered ${response.status}`;
  return seconds > 0 ? { kind: 'failed', reason, retryAfterMs: seconds * 1000 } : { kind: 'failed', reason };
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // fetch says only "fetch failed"; its cause has the address and the system's word for it.
  const cause = error.cause;
  if (cause instanceof AggregateError && cause.errors.length > 0) return cause.errors.map(String).join('; ');
  return cause instanceof Error ? cause.message : error.message;
}
