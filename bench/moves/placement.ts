/** Where the shards are, as HAProxy knows it; and when they have come to rest. */
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../deployment/catching-up.ts';
import { type Deployment, NODE_NAMES, type NodeName } from '../deployment/deployment.ts';

/** Far above what it takes. */
const SETTLE_TIMEOUT_MS = 60_000;

const LOOK_EVERY_MS = 50;

/** After the last move, for the workers that are still on their way. */
const REST_MS = 2_000;

/** By shard, the number of the node in haproxy.cfg, from 1. */
export type Placement = ReadonlyMap<number, number>;

/** Resolves when these nodes have all shards between them, as evenly as can be. */
export async function settled(deployment: Deployment, present: readonly NodeName[]): Promise<Placement> {
  const shards = deployment.workers.records.length;
  const most = Math.ceil(shards / present.length);
  const numbers = present.map((name) => NODE_NAMES.indexOf(name) + 1);
  let placement: Placement = new Map();
  const isSettled = async () => {
    placement = await deployment.haproxies[0].taughtServers();
    const counts = numbers.map((number) => shardsOn(placement, number).length);
    const total = counts.reduce((sum, count) => sum + count, 0);
    return total === shards && counts.every((count) => count <= most);
  };
  await until(`${present.join(', ')} have the shards`, isSettled, SETTLE_TIMEOUT_MS, LOOK_EVERY_MS);
  await sleep(REST_MS);
  return placement;
}

export function shardsOn(placement: Placement, number: number): number[] {
  return [...placement].filter(([, server]) => server === number).map(([shard]) => shard);
}

/** How many shards are elsewhere. */
export function countMoves(before: Placement, after: Placement): number {
  return [...after].filter(([shard, server]) => before.get(shard) !== server).length;
}
