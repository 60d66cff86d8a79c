import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Verdict } from '../../bench/soak/report.ts';
import { runToEnd } from '../support/run-to-end.ts';

const MAIN = fileURLToPath(new URL('../../bench/soak/main.ts', import.meta.url));

/** Start and end of all processes on a busy machine, besides the run itself. */
const TIMEOUT_MS = 120_000;

/**
 * On a machine that is busy with other tests as well, what is left to do takes its time: how much is done is a matter of the command
 * (docs/soak.md). Half of it is always done where nothing is stuck.
 */
const LEAST_RATIO = 0.5;

const runSoak = (args: readonly string[]) => runToEnd(MAIN, args);

test(
  'two nodes keep the limits of every bucket while workers ask for all they can, and over the death of one of them',
  async () => {
    const args = ['--seconds', '16', '--buckets', '100', '--global', '2000', '--kill', '--json'];
    const { stdout, stderr } = await runSoak(args);
    const { runs } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as { runs: Verdict[] };
    expect(runs, stderr).toMatchObject([{ killed: true, avoidable: 0, globalViolations: 0, broken: [] }]);
    const [verdict] = runs;
    expect(verdict?.violations, stderr).toEqual({});
    expect(verdict?.outcomes.wrong, stderr).toBe(0);
    expect(verdict?.ratio, stderr).toBeGreaterThan(LEAST_RATIO);
    expect(verdict?.leastOfFair, stderr).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

test('a wrong flag exits with 2', async () => {
  const { code, stdout, stderr } = await runSoak(['--buckets', 'x']);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain('--buckets x');
});
