import { expect, it } from 'vitest';
import { startSimulator } from '../../../src/simulator/index.ts';
import { spawnNode } from '../../support/node.ts';
import { startRedis } from '../../support/redis.ts';

it('a node that is stopped while it starts leaves no membership behind', async () => {
  await using simulator = await startSimulator({ shards: 2, guilds: 1, eventsPerSecond: 0 });
  await using redis = await startRedis();
  const node = (id: string) =>
    spawnNode({
      discord: simulator,
      env: {
        SHARDMUX_REDIS_HOSTS: `${redis.host}:${redis.port}`,
        SHARDMUX_CLUSTER_NODE_ID: id,
        SHARDMUX_CLUSTER_SECRET: 'a-secret-of-this-test-and-long-enough',
        SHARDMUX_TAIL_STORE: 'redis',
      },
    });
  const members = () => redis.command('HKEYS', 'shardmux:{100000000000000000}:members');
  await using stays = node('node-a');
  await stays.logged('joined');
  for (const moment of ['listening', 'joined']) {
    await using goes = node('node-b');
    await goes.logged(moment);
    expect(await goes.stop()).toBe(0);
    expect(await members()).toEqual(['node-a']);
  }
}, 60_000);
