/** What the headers and the body of an answer say of limits. https://discord.com/developers/docs/topics/rate-limits#header-format */
import type { Answer } from './answers.ts';
import type { Excess, VisibleBucket } from './limiter.ts';

/** Times are rounded up to the millisecond: who waits as told is never early. */
export function bucketHeaders(bucket: VisibleBucket, epochMs: number): Record<string, string> {
  return {
    'x-ratelimit-limit': String(bucket.limit),
    'x-ratelimit-remaining': String(bucket.remaining),
    'x-ratelimit-reset': seconds(epochMs + bucket.resetAfterMs),
    'x-ratelimit-reset-after': seconds(bucket.resetAfterMs),
    'x-ratelimit-bucket': bucket.hash,
  };
}

/** `visible` is left out of a global 429, as at Discord. */
export function excessAnswer(excess: Excess, visible: VisibleBucket | undefined, epochMs: number): Answer {
  const message =
    excess.scope === 'shared' ? 'The resource is being rate limited.' : 'You are being rate limited.';
  const isGlobal = excess.scope === 'global';
  return {
    status: 429,
    headers: {
      ...(visible && !isGlobal ? bucketHeaders(visible, epochMs) : {}),
      'retry-after': String(Math.ceil(excess.retryAfterMs / 1_000)),
      'x-ratelimit-scope': excess.scope,
      ...(isGlobal ? { 'x-ratelimit-global': 'true' } : {}),
    },
    body: {
      message,
      retry_after: Number(seconds(excess.retryAfterMs)),
      global: isGlobal,
      ...(excess.code === undefined ? {} : { code: excess.code }),
    },
  };
}

function seconds(ms: number): string {
  return (Math.ceil(Number(ms.toFixed(6))) / 1_000).toFixed(3);
}
