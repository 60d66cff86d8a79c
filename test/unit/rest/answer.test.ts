import { describe, expect, it } from 'vitest';
import { type Answer, limitHeadersOf, refusalOf } from '../../../src/rest/answer.ts';

function answer(headers: Record<string, string | undefined>, body?: unknown): Answer {
  const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
  return { status: 429, header: (name) => headers[name], body: text };
}

const VIA = { via: '1.1 google' };

describe('limit headers', () => {
  const whole = {
    'x-ratelimit-bucket': 'abc',
    'x-ratelimit-limit': '5',
    'x-ratelimit-remaining': '4',
    'x-ratelimit-reset-after': '1.250',
  };

  it('are read in milliseconds', () => {
    expect(limitHeadersOf(answer(whole))).toEqual({
      hash: 'abc',
      limit: 5,
      remaining: 4,
      resetAfterMs: 1_250,
    });
  });

  it.each([
    ['x-ratelimit-limit', '0'],
    ['x-ratelimit-limit', 'many'],
    ['x-ratelimit-limit', '3'],
    ['x-ratelimit-limit', undefined],
    ['x-ratelimit-remaining', '-1'],
    ['x-ratelimit-remaining', undefined],
    ['x-ratelimit-reset-after', 'NaN'],
    ['x-ratelimit-reset-after', '-1'],
    ['x-ratelimit-reset-after', '1e9'],
    ['x-ratelimit-reset-after', '99999999'],
    ['x-ratelimit-reset-after', undefined],
    ['x-ratelimit-bucket', 'x'.repeat(200)],
    ['x-ratelimit-bucket', ''],
    ['x-ratelimit-bucket', undefined],
  ])('make no sense where %s is %j, which is not the same as none', (name, value) => {
    expect(limitHeadersOf(answer({ ...whole, [name]: value }))).toEqual({ waitMs: 0 });
    expect(limitHeadersOf(answer({}))).toBeUndefined();
  });

  it('that make no sense are believed that nothing is left', () => {
    const used = { ...whole, 'x-ratelimit-remaining': '0', 'x-ratelimit-bucket': undefined };
    expect(limitHeadersOf(answer(used))).toEqual({ waitMs: 1_250 });
  });
});

describe('a 429', () => {
  it('is of the scope that its header names', () => {
    const body = { retry_after: 0.65, global: false };
    expect(refusalOf(answer({ ...VIA, 'x-ratelimit-scope': 'shared' }, body))).toEqual({
      scope: 'shared',
      retryAfterMs: 650,
    });
    expect(refusalOf(answer({ ...VIA, 'retry-after': '1' }, body))).toEqual({
      scope: 'user',
      retryAfterMs: 650,
    });
  });

  it('is global where its body or its header says so', () => {
    expect(refusalOf(answer(VIA, { retry_after: 2, global: true }))).toMatchObject({ scope: 'global' });
    expect(
      refusalOf(answer({ ...VIA, 'x-ratelimit-global': 'true' }, { retry_after: 2, global: false })),
    ).toMatchObject({ scope: 'global' });
  });

  it('waits for the longer of header and body where they differ by more than rounding', () => {
    expect(refusalOf(answer({ ...VIA, 'retry-after': '40' }, { retry_after: 0.3 }))).toMatchObject({
      retryAfterMs: 40_000,
    });
  });

  it('without JSON or without Via is of what stands before Discord', () => {
    expect(refusalOf(answer({ 'retry-after': '600' }, '<html>'))).toEqual({
      scope: 'address',
      retryAfterMs: 600_000,
    });
    expect(refusalOf(answer({}, { retry_after: 3 }))).toMatchObject({ scope: 'address' });
  });

  it('whose body did not arrive whole is believed by its scope', () => {
    expect(refusalOf(answer({ ...VIA, 'x-ratelimit-scope': 'user', 'retry-after': '3' }, '{"retry'))).toEqual(
      {
        scope: 'user',
        retryAfterMs: 3_000,
      },
    );
  });
});
