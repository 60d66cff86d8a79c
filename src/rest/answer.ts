/** What an answer of Discord says about limits. Pure. https://discord.com/developers/docs/topics/rate-limits */

/** An answer as the proxy has it: headers by lower-case name, and the body where it is needed (`needsBody`). */
export interface Answer {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  readonly body?: string | undefined;
}

/** What the limit headers of an answer say, as of the moment that Discord counted the request. */
export interface LimitHeaders {
  readonly hash: string;
  readonly limit: number;
  readonly remaining: number;
  readonly resetAfterMs: number;
}

/** There is a limit, but what is said of it can't be. */
export interface SenselessHeaders {
  /** For so long nothing is left of it, if that much can be believed. */
  readonly waitMs: number;
}

export type Refusal429 =
  /** This bucket, or a limit of this route that its headers don't show. */
  | { readonly scope: 'user'; readonly retryAfterMs: number }
  /** Used up by others too: it does not count as invalid. */
  | { readonly scope: 'shared'; readonly retryAfterMs: number }
  | { readonly scope: 'global'; readonly retryAfterMs: number }
  /** Not from Discord's API but from what stands before it: the address is shut out. */
  | { readonly scope: 'address'; readonly retryAfterMs: number };

/** Discord's JSON error codes that mean something here. https://discord.com/developers/docs/topics/opcodes-and-status-codes#json */
export const UNKNOWN_WEBHOOK = 10_015;

/** Where a 429 does not say for how long. */
const DEFAULT_RETRY_AFTER_MS = 1_000;
/** Where Cloudflare does not say for how long. */
const DEFAULT_ADDRESS_RETRY_AFTER_MS = 60_000;
/** No limit of Discord's is longer than a day: what says so is not believed further. */
const MAX_WAIT_MS = 24 * 3_600_000;

/** Discord's have 32 characters. */
const MAX_HASH = 128;

/** Whether the limiter reads the body of an answer with this status: the proxy keeps it then (it is small). */
export function needsBody(status: number): boolean {
  return status === 429 || status === 404;
}

/** `undefined` where there are none. */
export function limitHeadersOf({ header }: Answer): LimitHeaders | SenselessHeaders | undefined {
  const hash = header('x-ratelimit-bucket');
  const limitText = header('x-ratelimit-limit');
  const remainingText = header('x-ratelimit-remaining');
  const resetText = header('x-ratelimit-reset-after');
  if ((hash ?? limitText ?? remainingText ?? resetText) === undefined) return undefined;
  const limit = count(limitText);
  const remaining = count(remainingText);
  const resetAfterMs = milliseconds(resetText);
  const isLimit = hash && hash.length <= MAX_HASH && limit !== undefined && limit >= 1;
  const isUse = remaining !== undefined && resetAfterMs !== undefined && resetAfterMs < MAX_WAIT_MS;
  if (isLimit && isUse && remaining <= limit) return { hash, limit, remaining, resetAfterMs };
  return { waitMs: isUse && remaining === 0 ? resetAfterMs : 0 };
}

export function refusalOf(answer: Answer): Refusal429 {
  const { header } = answer;
  const json = jsonOf(answer.body);
  const inBody = json === undefined ? undefined : json['retry_after'];
  const bodyMs =
    typeof inBody === 'number' && inBody >= 0 ? Math.min(MAX_WAIT_MS, inBody * 1_000) : undefined;
  const headerMs = milliseconds(header('retry-after'));
  if (json === undefined || bodyMs === undefined || header('via') === undefined) {
    // Discord's own 429 has both. A body that did not arrive whole is not taken for a ban as long as the headers speak.
    const scope = scopeIn(header('x-ratelimit-scope'));
    if (scope === undefined) {
      return { scope: 'address', retryAfterMs: headerMs ?? DEFAULT_ADDRESS_RETRY_AFTER_MS };
    }
    return { scope, retryAfterMs: headerMs ?? bodyMs ?? DEFAULT_RETRY_AFTER_MS };
  }
  // The longer of the two: they have been seen to differ. https://github.com/discord/discord-api-docs/issues/7394
  const retryAfterMs = Math.max(bodyMs, isRounded(headerMs, bodyMs) ? 0 : (headerMs ?? 0));
  if (json['global'] === true || header('x-ratelimit-global') === 'true')
    return { scope: 'global', retryAfterMs };
  return { scope: scopeIn(header('x-ratelimit-scope')) ?? 'user', retryAfterMs };
}

/** The `code` of a JSON error. */
export function errorCodeOf(body: string | undefined): number | undefined {
  const code = jsonOf(body)?.['code'];
  return typeof code === 'number' ? code : undefined;
}

/** `Retry-After` is in whole seconds, rounded up. */
function isRounded(headerMs: number | undefined, bodyMs: number): boolean {
  return headerMs !== undefined && headerMs - bodyMs >= 0 && headerMs - bodyMs < 1_000;
}

function scopeIn(text: string | undefined): 'user' | 'shared' | 'global' | undefined {
  return text === 'user' || text === 'shared' || text === 'global' ? text : undefined;
}

function jsonOf(body: string | undefined): Record<string, unknown> | undefined {
  if (!body?.trimStart().startsWith('{')) return undefined;
  try {
    // The reason for the cast: it begins with `{`, so it is an object.
    return JSON.parse(body) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

function milliseconds(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,9}(?:\.\d{1,9})?$/.test(text)) return undefined;
  return Math.min(MAX_WAIT_MS, Number(text) * 1_000);
}
