import { expect, it } from 'vitest';
import { LEASE_TTL_MS, startCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { startSentinelSetup } from '../../support/redis-groups.ts';
import { stays } from '../../support/stays.ts';
import { expectUnharmed } from './checks.ts';

const SHARDS = 6;

const LEASES = `shardmux:{100000000000000000}:${SHARDS}:leases`;

it('a Redis that fails over and forgets what was moved last changes nothing: the higher epoch wins, nobody IDENTIFYs', async () => {
  await using sentinel = await startSentinelSetup();
  await using cluster = await startCluster({
    shards: SHARDS,
    nodes: 2,
    redis: {
      server: sentinel.master,
      env: {
        SHARDMUX_REDIS_HOSTS: sentinel.addresses.map(({ host, port }) => `${host}:${port}`).join(','),
        SHARDMUX_REDIS_MODE: 'sentinel',
        SHARDMUX_REDIS_SENTINEL_NAME: sentinel.name,
      },
    },
  });
  await sentinel.master.command('SET', 'last-to-be-replicated', 'yes');
  await eventually(async () => (await sentinel.replica.command('GET', 'last-to-be-replicated')) === 'yes');
  const { resumes } = cluster.simulator.stats();
  // The replica hears nothing of what is written from now on, and can not ask for it.
  sentinel.replica.pause();
  await sentinel.master.command('CLIENT', 'KILL', 'TYPE', 'replica');
  await cluster.start('node-c');
  await cluster.settled({ 'node-a': 2, 'node-b': 2, 'node-c': 2 });
  const moved = cluster.shardsOf('node-c');
  await sentinel.master.kill();
  sentinel.replica.resume();
  const isAtNodeC = async () => {
    const leases = (await sentinel.replica.command('HGETALL', LEASES)) as string[];
    return moved.every((shard) => leases[leases.indexOf(String(shard)) + 1]?.endsWith(' node-c'));
  };
  expect(await isAtNodeC()).toBe(false);
  await sentinel.failOver();
  await eventually(isAtNodeC, 10_000);
  await stays(() => true, LEASE_TTL_MS + 1_000);
  await cluster.settled({ 'node-a': 2, 'node-b': 2, 'node-c': 2 });
  expect(cluster.shardsOf('node-c')).toEqual(moved);
  // Nobody tried to go on with what it has passed on.
  expect(cluster.simulator.stats().resumes - resumes).toBe(moved.length);
  await expectUnharmed(cluster);
});
