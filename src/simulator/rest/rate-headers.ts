/** What the headers and the body of an answer say of limits. https://discord.com/developers/docs/topics/rate-limits#header-format */
import type { Answer } from './answers.ts';
import type { Excess, VisibleBucket } from './limiter.ts';

/** When an answer is sent, and how long ago its request was counted: what is left to wait has become less since. */
export interface SentAt {
  epochMs: number;
  sinceMs: number;
}

/** Times are rounded up to the millisecond: who waits as told is never early. */
export function bucketHeaders(bucket: VisibleBucket, { epochMs, sinceMs }: SentAt): Record<string, string> {
  const resetAfterMs = Math.max(0, bucket.resetAfterMs - sinceMs);
  return {
    'x-ratelimit-limit': String(bucket.limit),
    'x-ratelimit-remaining': String(bucket.remaining),
    'x-ratelimit-reset': seconds(epochMs + resetAfterMs),
    'x-ratelimit-reset-after': seconds(resetAfterMs),
    'x-ratelimit-bucket': bucket.hash,
  };
}

/** The headers of a bucket are no part of it. */
export function excessAnswer({ scope, code, retryAfterMs }: Excess, { sinceMs }: SentAt): Answer {
  const waitMs = Math.max(1, retryAfterMs - sinceMs);
  const isGlobal = scope === 'global';
  return {
    status: 429,
    headers: {
      'retry-after': String(Math.ceil(waitMs / 1_000)),
      'x-ratelimit-scope': scope,
      ...(isGlobal ? { 'x-ratelimit-global': 'true' } : {}),
    },
    body: {
      message: scope === 'shared' ? 'The resource is being rate limited.' : 'You are being rate limited.',
      retry_after: Number(seconds(waitMs)),
      global: isGlobal,
      ...(code === undefined ? {} : { code }),
    },
  };
}

function seconds(ms: number): string {
  return (Math.ceil(Number(ms.toFixed(6))) / 1_000).toFixed(3);
}
