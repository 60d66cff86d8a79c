/** Asks Discord how to connect: `GET /gateway/bot`. https://discord.com/developers/docs/events/gateway#get-gateway-bot */
import { Client } from 'undici';
import * as z from 'zod';
import { wayOut } from '../runtime/way-out.ts';

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

/** Where Discord's REST API is, and the way there. */
export interface DiscordApi {
  readonly apiUrl: string;
  /** `http://host:port` to connect to in place of the API's own origin. */
  readonly egressUrl?: string | undefined;
  /** PEM; in place of the authorities that Node comes with. */
  readonly ca?: string | undefined;
}

export type GatewayInformationResult =
  | { readonly kind: 'ok'; readonly information: GatewayInformation }
  /** Discord does not know this token: asking again can only count as invalid requests. */
  | { readonly kind: 'unauthorized' }
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs?: number };

/** Never rejects. */
export type FetchGatewayInformation = (
  api: DiscordApi,
  token: string,
  signal: AbortSignal,
) => Promise<GatewayInformationResult>;

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

/** An answer as it came, for whoever keeps limits. */
export interface RawAnswer {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  readonly body: string;
}

/** One request. Never throws; `reason` never holds the token. */
export async function fetchGatewayInformation(
  api: DiscordApi,
  token: string,
  signal: AbortSignal,
  onAnswer?: (answer: RawAnswer) => void,
): Promise<GatewayInformationResult> {
  const url = `${api.apiUrl.replace(/\/+$/, '')}/gateway/bot`;
  try {
    const ended = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
    const got = await get(api, url, token, ended);
    onAnswer?.(got);
    const { status } = got;
    if (status === 401) return { kind: 'unauthorized' };
    if (status !== 200) return refusal(url, status, Number(got.header('retry-after')));
    const answer = Answer.safeParse(JSON.parse(got.body));
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
    const by =
      api.egressUrl === undefined ? '' : ` by way of discord.egressUrl (${new URL(api.egressUrl).origin})`;
    return { kind: 'failed', reason: `${url} could not be reached${by}: ${causeOf(error)}` };
  }
}

/** Over a connection of its own: the next time is hours away. */
async function get(
  { egressUrl, ca }: DiscordApi,
  url: string,
  token: string,
  signal: AbortSignal,
): Promise<RawAnswer> {
  const { origin, host, connect } = wayOut({
    url,
    egressUrl,
    ca,
    connectTimeoutMs: REQUEST_TIMEOUT_MS,
    allowHttp2: false,
  });
  const client = new Client(origin, { connect });
  try {
    const { statusCode, headers, body } = await client.request({
      method: 'GET',
      path: new URL(url).pathname,
      headers: {
        host,
        authorization: `Bot ${token}`,
        'user-agent': 'DiscordBot (https://github.com/shardmux/shardmux, 0.1)',
      },
      signal,
    });
    const header = (name: string) => {
      const value = headers[name];
      return Array.isArray(value) ? value[0] : value;
    };
    return { status: statusCode, header, body: await body.text() };
  } finally {
    await client.destroy();
  }
}

function refusal(url: string, status: number, seconds: number): GatewayInformationResult {
  const reason = `${url} answered ${status}`;
  return seconds > 0 ? { kind: 'failed', reason, retryAfterMs: seconds * 1000 } : { kind: 'failed', reason };
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Where a connection failed, the cause has the address and the system's word for it; several addresses fail each for itself.
  const cause = error.cause instanceof Error ? error.cause : error;
  return cause instanceof AggregateError && cause.errors.length > 0
    ? cause.errors.map(String).join('; ')
    : cause.message;
}
