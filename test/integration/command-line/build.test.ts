/** What `npm run build` makes, as the image has it. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { startSimulator } from '../../../src/simulator/index.ts';
import { startRedis } from '../../support/redis.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

it('the built program runs as a node of a cluster: its Redis scripts are with it', async () => {
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'pipe' });
  await using simulator = await startSimulator({ shards: 1, guilds: 1, eventsPerSecond: 0 });
  await using redis = await startRedis();
  const child = spawn(process.execPath, ['dist/main.js', 'gateway'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      SHARDMUX_DISCORD_TOKEN: simulator.options.token,
      SHARDMUX_DISCORD_API_URL: `${simulator.url}/api/v10`,
      SHARDMUX_REDIS_HOSTS: `${redis.host}:${redis.port}`,
      SHARDMUX_CLUSTER_SECRET: 'a-secret-of-this-test-and-long-enough',
      SHARDMUX_WORKERS_PORT: '0',
      SHARDMUX_STATUS_PORT: '0',
    },
  });
  const exited = once(child, 'exit');
  try {
    let output = '';
    for await (const chunk of child.stdout) {
      output += chunk;
      if (output.includes('"msg":"joined"') || output.includes('can not start')) break;
    }
    expect(output).toContain('"msg":"joined"');
  } finally {
    child.kill('SIGKILL');
    await exited;
  }
}, 60_000);
