import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { expect, it, onTestFinished } from 'vitest';

const MAIN = new URL('../../../src/main.ts', import.meta.url).pathname;

type Ended = { code: number | null; stdout: string; stderr: string };

/** A real process; killed at the end of the test if it still runs. */
function start(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const ended = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, ...output })));
  return { child, ended };
}

function end(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return start(args, env).ended;
}

function firstLine(stream: Readable): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    stream.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
    });
    stream.once('close', () => reject(new Error('ended without a line')));
  });
}

it.each([
  ['--help'],
  ['-h'],
  ['help'],
])('shows with %s the commands, and the shortest way to run a bot', async (flag) => {
  const { code, stdout } = await end([flag]);
  expect(code).toBe(0);
  expect(stdout).toContain('SHARDMUX_DISCORD_TOKEN=… shardmux gateway\n');
  expect(stdout).toContain('shardmux simulate');
  expect(stdout).toContain('docs/configuration.md');
});

it.each(['gateway', 'simulate'])('shows help for %s without starting it', async (command) => {
  const { code, stdout } = await end([command, '--help'], { SHARDMUX_NONSENSE: '1' });
  expect(code).toBe(0);
  expect(stdout).toContain(`shardmux ${command}: `);
  expect(stdout).toMatch(/^ {2}--help/m);
  expect(stdout.split('\n').filter((line) => line.length > 130)).toEqual([]);
});

it('shows its version', async () => {
  const { code, stdout } = await end(['--version']);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^\d+\.\d+\.\d+\n$/)]);
});

it.each([
  [[], 'shardmux holds the gateway shards'],
  [['gatewya'], 'There is no command gatewya.\nDid you mean shardmux gateway?\n'],
  [['--verison'], 'Did you mean shardmux --version?\n'],
  [['toString'], 'There is no command toString.\n'],
  [
    ['gateway', '--confg', 'x'],
    'There is no flag --confg.\nDid you mean --config?\nSee: shardmux gateway --help\n',
  ],
  [['gateway', '--config'], '--config needs a value.\n'],
  [['gateway', 'now'], 'There is nothing to do with "now".\n'],
  [['simulate', '--shards', '0'], '--shards is out of range: "0".\n'],
  [['simulate', '--shards=two'], '--shards is not a whole number: "two".\n'],
  [['simulate', '--port', '--seed', '1'], '--port needs a value.\n'],
  [['simulate', '--seed', '1', '--seed', '2'], '--seed is given twice.\n'],
])('refuses %j with exit code 2 and says why', async (args, message) => {
  const { code, stdout, stderr } = await end(args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(message);
});

it('lists every problem with the configuration on stderr and exits with 2', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'shardmux-')), 'shardmux.yaml');
  writeFileSync(file, 'workers:\n  prot: 1\n');
  const { code, stdout, stderr } = await end(['gateway', '--config', file], {
    SHARDMUX_LOGGING_LEVEL: 'loud',
  });
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain('There are 3 problems');
  expect(stderr).toContain('SHARDMUX_DISCORD_TOKEN is not set');
  expect(stderr).toContain(`workers.prot (${file}:2) is not a setting.\n    Did you mean workers.port?`);
  expect(stderr).toContain('SHARDMUX_LOGGING_LEVEL is not one of its values: "loud"');
});

it('says where a file of settings is missing', async () => {
  const { code, stderr } = await end(['gateway', '--config', '/nonexistent.yaml']);
  expect(code).toBe(2);
  expect(stderr).toContain("--config names a file that can't be read: /nonexistent.yaml (ENOENT)");
});

it('simulates a Discord, says where, and stops at the first signal', async () => {
  const { child, ended } = start(['simulate', '--shards', '2', '--guilds=3', '--events-per-second', '0']);
  const { msg, url, gatewayUrl } = JSON.parse(await firstLine(child.stdout));
  expect(msg).toBe('simulator listening');
  expect(gatewayUrl).toMatch(/^ws:\/\/127\.0\.0\.1:\d+/);
  expect((await fetch(`${url}/api/v10/gateway`)).status).toBe(200);
  child.kill('SIGTERM');
  expect((await ended).code).toBe(0);
});

it.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)('ends at once with a second %s, where the graceful end takes its time', async (second, exitCode) => {
  const neverCloses = `import { Server } from 'node:http'; Server.prototype.close = () => console.error('closing');`;
  const options = `--import=data:text/javascript,${encodeURIComponent(neverCloses)}`;
  const { child, ended } = start(['simulate'], { NODE_OPTIONS: options });
  await firstLine(child.stdout);
  child.kill('SIGTERM');
  expect(await firstLine(child.stderr)).toBe('closing');
  child.kill(second);
  expect((await ended).code).toBe(exitCode);
});

it('reports a rejection that nobody handles as one fatal JSON line and exits with 1', async () => {
  const rejects = `setTimeout(() => Promise.reject(new Error('forgotten')), 1_000);`;
  const options = `--import=data:text/javascript,${encodeURIComponent(rejects)}`;
  const { code, stdout } = await end(['simulate'], { NODE_OPTIONS: options });
  expect(code).toBe(1);
  const [, line = ''] = stdout.trim().split('\n');
  expect(JSON.parse(line)).toMatchObject({ level: 'fatal', msg: 'forgotten' });
});

it('writes one fatal JSON line and exits with 1 where something breaks', async () => {
  const busy = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => busy.once('listening', resolve));
  onTestFinished(() => void busy.close());
  const { port } = busy.address() as AddressInfo;
  const { code, stdout } = await end(['simulate', '--port', String(port)]);
  expect(code).toBe(1);
  const lines = stdout.trim().split('\n');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    level: 'fatal',
    msg: expect.stringContaining('EADDRINUSE'),
  });
});
