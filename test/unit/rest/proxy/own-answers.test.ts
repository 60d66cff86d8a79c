import { describe, expect, it } from 'vitest';
import { REFUSAL_REASONS } from '../../../../src/rest/index.ts';
import { malformed, refusalAnswer } from '../../../../src/rest/proxy/own-answers.ts';

const refusal = (reason: (typeof REFUSAL_REASONS)[number], retryAfterMs?: number) =>
  refusalAnswer({ kind: 'refused', reason, retryAfterMs });

describe('what a refusal is to a worker', () => {
  it.each(REFUSAL_REASONS.map((reason) => [reason]))('has a code and says why: %s', (reason) => {
    expect(refusal(reason, 1_000).body).toMatchObject({
      message: expect.stringContaining('shardmux'),
      code: expect.any(Number),
    });
  });

  it('is a 429 where waiting helps, with the wait in seconds, rounded up in the header', () => {
    expect(refusal('deadline', 1_234)).toEqual({
      status: 429,
      body: {
        message: 'shardmux: its turn would come after its deadline',
        retry_after: 1.234,
        global: false,
        code: 0,
      },
      headers: {
        'retry-after': '2',
        'x-ratelimit-scope': 'shared',
        'x-ratelimit-bucket': expect.stringMatching(/^shardmux-[0-9a-f]{16}$/),
        'x-ratelimit-remaining': '0',
        'x-ratelimit-reset-after': '1.234',
      },
    });
  });

  it('names the bucket as Discord does, where it is known, else one for each route', () => {
    const answer = refusalAnswer({ kind: 'refused', reason: 'deadline', retryAfterMs: 1_000, bucket: 'abc' });
    expect(answer.headers).toMatchObject({ 'x-ratelimit-bucket': 'abc' });
    const [one, other] = ['GET /a', 'GET /b'].map((route) =>
      refusalAnswer({ kind: 'refused', reason: 'deadline', retryAfterMs: 1_000, route }),
    );
    expect(one?.headers).not.toEqual(other?.headers);
  });

  it('never tells to come back at once', () => {
    expect(refusal('queue-full', 0)).toMatchObject({
      body: { retry_after: 0.001 },
      headers: { 'retry-after': '1' },
    });
  });

  it('is a 503 where nobody knows how long', () => {
    expect(refusal('queue-full')).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
  });

  it.each([
    ['method', 405],
    ['path', 404],
    ['unknown-webhook', 404],
    ['token-locked', 503],
    ['closed', 503],
  ] as const)('is what Discord would answer, or a 503: %s', (reason, status) => {
    expect(refusal(reason).status).toBe(status);
  });
});

it('tells a flood of headers and a slow sender from nonsense', () => {
  expect(malformed('HPE_HEADER_OVERFLOW').status).toBe(431);
  expect(malformed('ERR_HTTP_REQUEST_TIMEOUT').status).toBe(408);
  expect(malformed(undefined).status).toBe(400);
});
