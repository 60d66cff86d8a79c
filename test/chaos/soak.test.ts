import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { Verdict } from '../../bench/soak/report.ts';

const MAIN = fileURLToPath(new URL('../../bench/soak/main.ts', import.meta.url));

/** Start and end of all processes on a busy machine, besides the run itself. */
const TIMEOUT_MS = 120_000;

/**
 * On a machine that is busy with other tests as well, what is left to do takes its time: how much is done is a matter of the command
 * (docs/soak.md). Half of it is always done where nothing is stuck.
 */
const LEAST_RATIO = 0.5;

async function runSoak(args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const ended = once(child, 'close').then(([code]) => code as number);
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  return { code: await ended, ...output };
}

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
