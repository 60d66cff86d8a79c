/** Several nodes die in the same moment, all of them believed to be up for another half second. */
import { describe, expect, it } from 'vitest';

import { eventually } from '../../support/eventually.ts';
import { nodesUp, startCluster } from './cluster.ts';
import { nodeAt, startFakeNode } from './fake-node.ts';

const SHARDS = 12;

/** Three nodes, each taught a third of the shards. */
async function start() {
  const cluster = await startCluster({ nodeCount: 3 });
  const [haproxy] = cluster.haproxys;
  for (let shardId = 0; shardId < SHARDS; shardId += 1)
    await haproxy.command(`set table gateway key ${shardId} data.server_id ${1 + (shardId % 3)}`);
  return { haproxy, nodes: cluster.nodes, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
}

/** Connects a worker for every shard now: the nodes they reach, or why they don't. */
function connectAll(workersUrl: string): Promise<string>[] {
  return Array.from({ length: SHARDS }, (_, shardId) =>
    nodeAt(`${workersUrl}/shards/${shardId}`).catch(String),
  );
}

/**
 * Connects all workers in the moment of the deaths, and again and again until HAProxy knows of them. A connection that is being opened in
 * the moment a node is marked down is closed with all others of that node; in a storm like this one that is none or a few of hundreds, and was once 15 % (HAProxy 3.4). None gets a 503.
 */
async function connectUntil(isKnown: () => Promise<boolean>, workersUrl: string): Promise<Promise<string>[]> {
  const connections: Promise<string>[] = connectAll(workersUrl);
  await eventually(async () => {
    connections.push(...connectAll(workersUrl));
    return isKnown();
  });
  return connections;
}

function expectAllAt(node: string, answers: readonly string[]): void {
  expect(answers.filter((answer) => answer.includes('503'))).toEqual([]);
  expect(answers.filter((answer) => answer === node).length).toBeGreaterThan(answers.length * 0.75);
}

describe('when nodes die in the same moment, HAProxy', () => {
  it('takes the workers of two of three to the one that is left, and answers nobody with 503', async () => {
    await using three = await start();
    const { haproxy, nodes } = three;
    const killed = Promise.all(nodes.slice(1).map((node) => node.kill()));
    const connections = await connectUntil(async () => (await nodesUp(haproxy)) === 1, haproxy.workersUrl);
    expectAllAt('node-a', await Promise.all(connections));
    await killed;
  });

  it('keeps the workers of all three until a node is back, and answers nobody with 503', async () => {
    await using three = await start();
    const { haproxy, nodes } = three;
    const killed = Promise.all(nodes.map((node) => node.kill()));
    const connections = await connectUntil(async () => (await nodesUp(haproxy)) === 0, haproxy.workersUrl);
    await killed;
    // Two seconds and more: four attempts a second by each.
    await eventually(async () => (await retries(haproxy)) > 10 * connections.length);
    await using _back = await startFakeNode('back', nodes[1]?.port);
    expectAllAt('back', await Promise.all(connections));
  });
});

/** Attempts after the first, of all connections so far. */
async function retries(haproxy: { command(line: string): Promise<string> }): Promise<number> {
  const [names = '', ...rows] = (await haproxy.command('show stat')).split('\n');
  const column = names.split(',').indexOf('wretr');
  return Number(rows.find((row) => row.startsWith('gateway,BACKEND,'))?.split(',')[column]);
}
