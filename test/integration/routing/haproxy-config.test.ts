import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { describe, expect, it } from 'vitest';

import { type GatewayConfig, loadConfig } from '../../../src/config/index.ts';
import { haproxyProgram } from '../../support/haproxy.ts';

const CONFIG = new URL('../../../haproxy/haproxy.cfg', import.meta.url);
const EGRESS = new URL('../../../haproxy/egress.cfg', import.meta.url);
const README = new URL('../../../haproxy/README.md', import.meta.url);

/** What `haproxy -c` prints, without the lines that only name its version. Rejects when the file is not valid. */
async function check(environment: Record<string, string>, config = CONFIG): Promise<string> {
  const program = await promisify(execFile)(haproxyProgram(), ['-c', '-f', fileURLToPath(config)], {
    env: { PATH: process.env['PATH'], ...environment },
  });
  const lines = (program.stdout + program.stderr).split('\n');
  return lines
    .filter((line) => !line.startsWith('[NOTICE]') && line !== 'Configuration file is valid')
    .join('\n');
}

describe('haproxy.cfg', () => {
  it('is valid without any variable, and without a warning', async () => {
    expect(await check({})).toBe('');
  });

  it('is valid with every optional part, and without a warning', async () => {
    const optional = {
      HAPROXY_SOCKET_GROUP: 'root',
      HAPROXY_SOCKET_BIND: 'ipv4@127.0.0.1:9999',
      HAPROXY_USER: 'nobody',
      HAPROXY_DNS: '127.0.0.1:53',
      HAPROXY_NODE_A: 'node-a.internal:7777',
      HAPROXY_NODE_B: 'node-b.internal:7777',
      HAPROXY_NODE_C: '[2001:db8::1]:7777',
      HAPROXY_NODE_D: '10.0.0.4:7777',
      HAPROXY_NODE_E: '10.0.0.5:7777',
      HAPROXY_NODE_F: '10.0.0.6:7777',
      HAPROXY_NODE_G: '10.0.0.7:7777',
      HAPROXY_NODE_H: '10.0.0.8:7777',
      ...Object.fromEntries(
        [...'ABCDEFGH'].map((letter) => [`HAPROXY_REST_${letter}`, `rest-${letter}:7780`]),
      ),
      HAPROXY_PEERS: '127.0.0.1:8406',
    };
    expect(await check(optional)).toBe('');
  });

  it('waits for a REST node longer than that waits itself', async () => {
    const config = await readFile(CONFIG, 'utf8');
    const seconds = (pattern: RegExp) => {
      const [, count, unit] = pattern.exec(config) ?? [];
      return Number(count) * (unit === 'm' ? 60 : 1);
    };
    const { maxDeadlineMs, upstreamTimeoutMs, stallTimeoutMs } = restDefaults();
    expect(seconds(/HAPROXY_REST_TIMEOUT-(\d+)(m|s)/)).toBeGreaterThan(
      (maxDeadlineMs + upstreamTimeoutMs) / 1_000,
    );
    expect(seconds(/timeout client (\d+)(s)/)).toBeGreaterThan(stallTimeoutMs / 1_000);
  });

  it('has each of its variables, with its default, in the README’s table', async () => {
    expect(await checkVariables(CONFIG)).toBeGreaterThan(10);
  });
});

describe('egress.cfg', () => {
  it('is valid without any variable, and without a warning', async () => {
    expect(await check({}, EGRESS)).toBe('');
  });

  it('is valid with every optional part, and without a warning', async () => {
    const optional = { HAPROXY_USER: 'nobody', HAPROXY_DNS: '127.0.0.1:53' };
    expect(await check(optional, EGRESS)).toBe('');
  });

  it('waits for Discord longer than a node does', async () => {
    const [, seconds] = /HAPROXY_EGRESS_TIMEOUT-(\d+)s/.exec(await readFile(EGRESS, 'utf8')) ?? [];
    const { upstreamTimeoutMs, stallTimeoutMs } = restDefaults();
    expect(Number(seconds) * 1_000).toBeGreaterThan(Math.max(upstreamTimeoutMs, stallTimeoutMs));
  });

  it('has each of its variables, with its default, in the README’s table', async () => {
    expect(await checkVariables(EGRESS)).toBeGreaterThan(7);
  });
});

function restDefaults(): GatewayConfig['rest'] {
  const result = loadConfig({ env: { SHARDMUX_DISCORD_TOKEN: 'MTAw.x.y' }, readFile: () => '' });
  if (!result.ok) throw new Error('the defaults are not valid');
  return result.config.rest;
}

/** How many there are. */
async function checkVariables(url: URL): Promise<number> {
  const config = await readFile(url, 'utf8');
  const readme = await readFile(README, 'utf8');
  const variables = [...config.matchAll(/\$\{(HAPROXY_\w+)-([^}]*)\}/g)];
  const optional = new Set([...config.matchAll(/\.if defined\((\w+)\)/g)].map(([, name]) => name));
  for (const [, name = '', fallback = ''] of variables) {
    if (optional.has(name)) expect(readme).toMatch(new RegExp(`${name}|_${name.at(-1)}\``));
    else expect(readme).toMatch(new RegExp(`\`${name}\`.*\`${fallback.replaceAll('/', '\\/')}\``));
  }
  return variables.length;
}
