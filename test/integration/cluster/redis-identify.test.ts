import { expect, it } from 'vitest';
import { startCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { stays } from '../../support/stays.ts';

/** Discord wants 1 to 5 s between an INVALID_SESSION and the IDENTIFY after it. */
const BEYOND_PAUSE_MS = 6_000;

it('a shard that has to IDENTIFY waits while Redis is away, also for its turn when that comes back empty', async () => {
  await using cluster = await startCluster({ shards: 1, nodes: 2 });
  const { simulator, redis } = cluster;
  await redis.kill();
  simulator.inject({ kind: 'invalid-session', shard: 0, resumable: false });
  await stays(() => simulator.stats().identifies === 1, BEYOND_PAUSE_MS);
  await redis.start({ empty: true });
  await eventually(() => simulator.stats().identifies === 2, 15_000);
  await cluster.settled();
  await eventually(() => cluster.workers[0]?.invalidSessions === 1 && cluster.workers[0].first !== undefined);
  await cluster.complete();
  expect(simulator.stats()).toMatchObject({ identifies: 2, violations: {} });
}, 90_000);
