import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parseOptions } from '../../bench/chaos/options.ts';
import { problemsOf, verdictOf } from '../../bench/chaos/report.ts';
import { runToEnd } from '../support/run-to-end.ts';

const MAIN = fileURLToPath(new URL('../../bench/chaos/main.ts', import.meta.url));

/** A minute of faults, start, healing and comparison, on a busy machine. */
const TIMEOUT_MS = 240_000;

const runChaos = (args: readonly string[]) => runToEnd(MAIN, args);

test.each([1, 2])(
  'a minute of faults loses, doubles and reorders nothing, and costs no IDENTIFY (seed %i)',
  async (seed) => {
    const { code, stdout, stderr } = await runChaos(['--seconds', '60', '--seed', `${seed}`, '--json']);
    const verdict = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
    expect(verdict, stderr).toMatchObject({
      ...{ seed, identifies: 16, identifiesExpected: 16, violations: 0 },
      ...{ lost: 0, duplicated: 0, reordered: 0, invalidSessions: 0, guildsWrong: 0 },
    });
    expect(verdict.delivered).toBe(verdict.dispatched);
    expect(verdict.dispatched).toBeGreaterThan(50_000);
    expect(verdict.guilds).toBeGreaterThan(700);
    expect(Object.keys(verdict.faults).length).toBeGreaterThan(4);
    expect(verdict.worstGapMs).toBeGreaterThanOrEqual(verdict.p99GapMs);
    expect(code, stderr).toBe(0);
  },
  TIMEOUT_MS,
);

const shard = {
  ...{ dispatched: 5, delivered: 5, lost: 0, duplicated: 0, reordered: 0, corrupted: 0 },
  ...{ examples: [], hopsUs: [], sentUs: new Float64Array() },
};
const counted = {
  ...({ seed: 3, kinds: ['redis-slow', 'node-kill', 'redis-slow'], identifies: 2 } as const),
  ...{
    violations: 0,
    invalidSessions: 0,
    guilds: { guilds: 20, wrong: 0 },
    gaps: [{ fromUs: 0, untilUs: 9_000, lengthUs: 7_000 }],
  },
};

test('the verdict is a line with its fields in order', () => {
  const verdict = verdictOf([shard, shard], counted);
  expect(JSON.stringify(verdict)).toBe(
    '{"seed":3,"faults":{"node-kill":1,"redis-slow":2},"identifies":2,"identifiesExpected":2,"violations":0,"dispatched":10,' +
      '"delivered":10,"lost":0,"duplicated":0,"reordered":0,"invalidSessions":0,"guilds":20,"guildsWrong":0,"worstGapMs":7,"p99GapMs":7}',
  );
  expect(problemsOf(verdict, [])).toEqual([]);
});

test.each([
  ['a lost one', { ...shard, delivered: 4, lost: 1 }, counted, []],
  ['a doubled one', { ...shard, duplicated: 1 }, counted, []],
  ['a reordered one', { ...shard, reordered: 1 }, counted, []],
  ['one that is neither delivered nor lost', { ...shard, delivered: 4 }, counted, []],
  ['a broken rule', shard, { ...counted, violations: 1 }, []],
  ['an IDENTIFY too many', shard, { ...counted, identifies: 3 }, []],
  ['an INVALID_SESSION', shard, { ...counted, invalidSessions: 1 }, []],
  ['a guild that is not as it is', shard, { ...counted, guilds: { guilds: 20, wrong: 1 } }, []],
  ['no guilds', shard, { ...counted, guilds: { guilds: 0, wrong: 0 } }, []],
  ['a part that broke by itself', shard, counted, ['node-a ended by itself']],
])('the verdict is a failure with %s', (_what, one, counts, broken) => {
  expect(problemsOf(verdictOf([shard, one], counts), broken)).toHaveLength(1);
});

test.each([
  [['--seconds', '3'], '--seconds 3: must be'],
  [['--seed', 'x'], '--seed x: must be'],
  [['--shards', '0'], '--shards 0: must be'],
  [['--only', 'node-kill,fire'], 'there is no "fire"'],
  [['--speed'], '--speed'],
])('%j is refused', (args, complaint) => {
  expect(parseOptions(args)).toMatchObject({
    kind: 'wrong',
    problem: expect.stringContaining(complaint) as string,
  });
});

test('a wrong flag exits with 2', async () => {
  const { code, stdout, stderr } = await runChaos(['--seed', 'x']);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain('--seed x');
});
