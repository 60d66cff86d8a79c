import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';

const MAIN = fileURLToPath(new URL('../../../bench/demo/main.ts', import.meta.url));

/** Far more than the demo takes on a busy machine. */
const TIMEOUT_MS = 180_000;

function startDemo(args: readonly string[]) {
  const directory = mkdtempSync(join(tmpdir(), 'demo-'));
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A demo that is killed leaves its files.
    env: { ...process.env, TMPDIR: directory },
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number, ...output }));
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  });
  return { child, output, ended };
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
}

/** Empty when it has ended. */
function commandLineOf(pid: number): string {
  return existsSync(`/proc/${pid}/cmdline`) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : '';
}

test(
  'loses, doubles and reorders nothing while workers and nodes come, go and are killed',
  async () => {
    const { code, stdout, stderr } = await startDemo(['--seconds', '40', '--json']).ended;
    const verdict = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
    expect(Object.keys(verdict).join()).toBe(
      'shards,identifies,violations,dispatched,delivered,lost,duplicated,reordered,workerRestarts,nodeRestarts,hopP50Us,hopP99Us,' +
        'nodesAdded,nodesDrained,nodesKilled,invalidSessions',
    );
    const expected = { shards: 16, identifies: 16, violations: 0, lost: 0, duplicated: 0, reordered: 0 };
    expect(verdict, stderr).toMatchObject(expected);
    expect(verdict.delivered).toBe(verdict.dispatched);
    expect(verdict.dispatched).toBeGreaterThan(20_000);
    expect(verdict.workerRestarts).toBeGreaterThanOrEqual(2);
    expect(stderr).toMatch(
      /all 4 workers killed .*node-d added .*node-a drained .*node-b killed .*all 4 workers restarted /s,
    );
    const { nodesAdded, nodesDrained, nodesKilled, nodeRestarts, invalidSessions } = verdict;
    expect(Math.min(nodesAdded, nodesDrained, nodesKilled)).toBeGreaterThanOrEqual(1);
    expect(nodeRestarts).toBe(nodesDrained + nodesKilled);
    expect(invalidSessions).toBe(0);
    expect(verdict.hopP50Us).toBeGreaterThan(0);
    expect(verdict.hopP99Us).toBeGreaterThanOrEqual(verdict.hopP50Us);
    expect(code).toBe(0);
  },
  TIMEOUT_MS,
);

test(
  'gives the verdict at Ctrl-C',
  async () => {
    const { child, output, ended } = startDemo([]);
    while (!output.stdout.includes('all caught up')) {
      expect(child.exitCode, output.stdout + output.stderr).toBeNull();
      await sleep(50);
    }
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(stdout).toContain('exactly once, in order and intact');
    expect(code).toBe(0);
  },
  TIMEOUT_MS,
);

test.each([
  ['a worker', 'worker/main.ts', /worker \d ended by itself \(SIGKILL\)/],
  ['a node', 'gateway', /node-\w ended by itself \(SIGKILL\)/],
  ['HAProxy', 'haproxy.cfg', /haproxy-1 ended by itself \(SIGKILL\)/],
  ['Redis', 'redis-server', /Redis ended by itself \(SIGKILL\)/],
])(
  'fails when %s dies that it did not kill, and leaves nothing running',
  async (_part, commandLinePart, complaint) => {
    const { child, output, ended } = startDemo([]);
    while (!/shards 16\/16/.test(output.stdout)) {
      expect(child.exitCode, output.stdout + output.stderr).toBeNull();
      await sleep(20);
    }
    const children = childrenOf(child.pid!);
    const victim = children.find((pid) => commandLineOf(pid).includes(commandLinePart));
    process.kill(victim!, 'SIGKILL');
    const { code, stdout } = await ended;
    expect(stdout).toMatch(complaint);
    expect(code).toBe(1);
    // The simulated Discord, Redis, HAProxy, three nodes, four workers.
    expect(children).toHaveLength(10);
    await eventually(() => children.every((pid) => commandLineOf(pid) === ''));
  },
  TIMEOUT_MS,
);

test(
  'leaves nothing running when it is killed itself',
  async () => {
    const { child, output, ended } = startDemo([]);
    while (!/shards 16\/16/.test(output.stdout)) {
      expect(child.exitCode, output.stdout + output.stderr).toBeNull();
      await sleep(20);
    }
    const children = childrenOf(child.pid!);
    child.kill('SIGKILL');
    await ended;
    await eventually(() => children.every((pid) => commandLineOf(pid) === ''));
  },
  TIMEOUT_MS,
);

test.each([
  [['--seconds', '3'], 'too short'],
  [['--seconds', 'x'], 'must be a number'],
  [['--speed'], '--speed'],
])('refuses %j', async (args, complaint) => {
  const { code, stdout, stderr } = await startDemo(args).ended;
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain(complaint);
});
