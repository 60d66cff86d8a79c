import { describe, expect, test } from 'vitest';
import { allowedBy, allowedGlobally, fairParts } from '../../bench/soak/allowance.ts';
import { Book } from '../../bench/soak/book.ts';
import { type Place, placesFor } from '../../bench/soak/kinds.ts';
import { bucketsOf, CALLERS_PER_BUCKET, callersOf } from '../../bench/soak/load.ts';
import { parseOptions } from '../../bench/soak/options.ts';
import { problemsOf, verdictOf } from '../../bench/soak/report.ts';
import { type BucketRule, bucketOf } from '../../src/simulator/rest/rules/bucket.ts';
import { SlidingLimit } from '../../src/simulator/rest/rules/sliding-limit.ts';

const STEP_MS = 1;

/** How many of those that ask at each step get a place. */
function taken(limit: { take(nowMs: number): number }, ms: number): number {
  let count = 0;
  for (let nowMs = 0; nowMs < ms; nowMs += STEP_MS) while (limit.take(nowMs) === 0) count += 1;
  return count;
}

describe('what is allowed', () => {
  test.each<[string, BucketRule, number]>([
    ['a leaky bucket', { kind: 'leaky', limit: 5, windowMs: 5_000 }, 12_000],
    ['a leaky bucket in less than an interval', { kind: 'leaky', limit: 5, windowMs: 5_000 }, 900],
    ['a fixed window', { kind: 'fixed', limit: 3, windowMs: 1_000 }, 4_000],
    ['a fixed window that does not end in time', { kind: 'fixed', limit: 3, windowMs: 1_000 }, 4_001],
  ])('by %s is what the simulated Discord lets one take who asks all the time', (_what, rule, ms) => {
    expect(allowedBy(rule, ms)).toBe(taken(bucketOf(rule), ms));
  });

  test('globally is what the simulated Discord lets one take who asks all the time', () => {
    expect(allowedGlobally(50, 3_500)).toBe(taken(new SlidingLimit(50, 1_000), 3_500));
  });

  test('is divided evenly, and what some can not have is for the others', () => {
    expect(fairParts([100, 2, 100], 20)).toEqual([9, 2, 9]);
    expect(fairParts([5, 5], 20)).toEqual([5, 5]);
  });
});

const PLACES: Place[] = Array.from({ length: placesFor(500) }, (_, at) => ({
  ...{ guildId: `1${at}`, channelId: `2${at}`, messageId: `3${at}`, botId: '4' },
}));

describe('the load', () => {
  test('has no bucket twice, and every kind', () => {
    const buckets = bucketsOf(500, PLACES);
    expect(new Set(buckets.map(({ kind, place }) => `${kind.method} ${kind.path(place)}`)).size).toBe(500);
    expect(new Set(buckets.map(({ kind }) => kind.limit)).size).toBe(10);
  });

  test('gives each bucket callers of different workers, and each worker as many', () => {
    const callers = callersOf(500, 20, 7);
    expect(new Set(callers.map(({ bucket, worker }) => `${bucket} ${worker}`)).size).toBe(
      500 * CALLERS_PER_BUCKET,
    );
    const perWorker = Array.from(
      { length: 20 },
      (_, worker) => callers.filter((one) => one.worker === worker).length,
    );
    expect(new Set(perWorker)).toEqual(new Set([50]));
  });

  test('is dealt by the seed', () => {
    expect(callersOf(50, 5, 1)).toEqual(callersOf(50, 5, 1));
    expect(callersOf(50, 5, 1)).not.toEqual(callersOf(50, 5, 2));
  });
});

const NAMES = bucketsOf(10, PLACES).map(({ name }) => name);

/** Ten buckets for ten seconds under a global limit of ten: each gets ten requests. */
function perfectBook(): Book {
  const book = new Book(NAMES, 0);
  for (let round = 0; round < 10; round += 1) {
    for (let bucket = 0; bucket < 10; bucket += 1)
      book.answered(bucket, 'done', { atMs: round * 1_000 + bucket, tookMs: 900 });
  }
  book.end(10_000);
  return book;
}

function verdict(changes: {
  book?: Book;
  violations?: object;
  outage?: { fromMs: number; untilMs: number };
}) {
  return verdictOf({
    ...{ globalLimit: 10, seconds: 10, nodes: 2, workers: 20, buckets: bucketsOf(10, PLACES) },
    book: changes.book ?? perfectBook(),
    stats: { violations: { ...changes.violations }, notes: {} },
    outage: changes.outage,
    broken: [],
  });
}

/** A book in which one more thing happened, or one bucket less got something. */
function book(happens: (book: Book) => void): Book {
  const changed = perfectBook();
  happens(changed);
  return changed;
}

describe('the verdict', () => {
  test('is good where all was done that was allowed', () => {
    expect(verdict({})).toMatchObject({ allowed: 100, done: 100, ratio: 1, starved: 0, avoidable: 0 });
    expect(problemsOf(verdict({}))).toEqual([]);
  });

  test.each<[string, Parameters<typeof verdict>[0]]>([
    ['an avoidable 429', { violations: { 'rest-avoidable-429': 1 } }],
    ['a request over the global limit', { violations: { 'rest-global-limit': 1 } }],
    ['a leaked token', { violations: { 'rest-token-leak': 1 } }],
    [
      'an answer that is none of Discord',
      { book: book((one) => one.answered(0, 'wrong', { atMs: 1, tookMs: 1 })) },
    ],
    [
      'a request that failed while no node was down',
      {
        book: book((one) => one.answered(0, 'broken', { atMs: 1, tookMs: 1 })),
        outage: { fromMs: 2, untilMs: 3 },
      },
    ],
    [
      'a bucket that got less than half of its part',
      {
        book: book(({ named }) => {
          const [first] = named.values();
          if (first) first.done = 2;
        }),
      },
    ],
    [
      'a bucket that was silent for long',
      {
        book: book(({ named }) => {
          const [first] = named.values();
          if (first) first.longestSilenceMs = 60_000;
        }),
      },
    ],
  ])('is a failure with %s', (_what, changes) => {
    expect(problemsOf(verdict(changes))).toHaveLength(1);
  });

  test('is a failure where less was done than 95 % of what was allowed', () => {
    const lazy = new Book(NAMES, 0);
    for (let at = 0; at < 94; at += 1) lazy.answered(at % 10, 'done', { atMs: at * 100, tookMs: 1 });
    expect(problemsOf(verdict({ book: lazy }))).toEqual(['94.0 % of what the limits allowed']);
  });

  test('forgives requests that failed while a node was down', () => {
    const failed = book((one) => one.answered(0, 'broken', { atMs: 2, tookMs: 1 }));
    expect(problemsOf(verdict({ book: failed, outage: { fromMs: 1, untilMs: 3 } }))).toEqual([]);
  });
});

test.each([
  [['--seconds', '3'], '--seconds 3: must be'],
  [['--nodes', '9'], '--nodes 9: must be'],
  [['--global', '0'], '--global 0: must be'],
  [['--kill', '--nodes', '1'], '--kill needs --nodes 2 or more'],
  [['--speed'], '--speed'],
])('%j is refused', (args, complaint) => {
  expect(parseOptions(args)).toMatchObject({
    kind: 'wrong',
    problem: expect.stringContaining(complaint) as string,
  });
});
