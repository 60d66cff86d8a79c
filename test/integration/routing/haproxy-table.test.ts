import { once } from 'node:events';

import { describe, expect, it } from 'vitest';

import { eventually } from '../../support/eventually.ts';
import { startHaproxy } from '../../support/haproxy.ts';
import { connectWorker, nodeAt, startFakeNode } from './fake-node.ts';

/** Two nodes behind one HAProxy. */
async function startPair(environment: Record<string, string> = {}) {
  const stack = new AsyncDisposableStack();
  const nodeA = stack.use(await startFakeNode('node-a'));
  const nodeB = stack.use(await startFakeNode('node-b'));
  const haproxy = stack.use(
    await startHaproxy({
      nodeHost: nodeA.host,
      nodePort: nodeA.port,
      moreNodes: [`${nodeB.host}:${nodeB.port}`],
      environment,
    }),
  );
  return { nodeA, nodeB, haproxy, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

describe('the shard table', () => {
  it('is only read by connections: an untaught shard leaves no entry', async () => {
    await using pair = await startPair();
    await nodeAt(`${pair.haproxy.workersUrl}/shards/3`);
    expect(await pair.haproxy.command('show table gateway')).toContain('used:0');
  });

  it('untaught, sends a shard to the same node every time, and shards to both nodes', async () => {
    await using pair = await startPair();
    const first = await nodesOfShards(pair.haproxy.workersUrl);
    expect(await nodesOfShards(pair.haproxy.workersUrl)).toEqual(first);
    expect(new Set(first)).toEqual(new Set(['node-a', 'node-b']));
  });

  it('that points at a server id HAProxy does not know falls back to the hash', async () => {
    await using pair = await startPair();
    const untaught = await nodeAt(`${pair.haproxy.workersUrl}/shards/3`);
    await pair.haproxy.command('set table gateway key 3 data.server_id 99');
    expect(await nodeAt(`${pair.haproxy.workersUrl}/shards/3`)).toBe(untaught);
  });

  it('survives a reload, and so do the connections that exist', async () => {
    await using pair = await startPair();
    const { haproxy } = pair;
    const url = `${haproxy.workersUrl}/shards/3`;
    const other = (await nodeAt(url)) === 'node-a' ? { name: 'node-b', id: 2 } : { name: 'node-a', id: 1 };
    await haproxy.command(`set table gateway key 3 data.server_id ${other.id}`);
    await using worker = await connectWorker(url);
    // A process that started cold hands its table on only after it has waited 5 s for somebody to teach it.
    await eventually(async () => {
      expect(await haproxy.command('show peers')).toContain('resync_timeout=<PAST>');
      return true;
    }, 10_000);
    const pidBefore = haproxy.pid;

    await haproxy.reload();

    expect(haproxy.pid).not.toBe(pidBefore);
    await eventually(async () => {
      expect(await nodeAt(url)).toBe(other.name);
      return true;
    });
    worker.socket.send('still here');
    expect(String((await once(worker.socket, 'message'))[0])).toBe('still here');
  });
});

describe('when a node dies', () => {
  it('its connections close, and the same path leads to another node at once', async () => {
    await using pair = await startPair();
    const { haproxy, nodeA } = pair;
    await haproxy.command('set table gateway key 3 data.server_id 1');
    await using worker = await connectWorker(`${haproxy.workersUrl}/shards/3`);
    expect(worker.answer.node).toBe('node-a');
    const closed = once(worker.socket, 'close');

    await nodeA.kill();

    await closed;
    expect(await nodeAt(`${haproxy.workersUrl}/shards/3`)).toBe('node-b');
  });

  it('and none is left, workers get a 503 that says so', async () => {
    await using pair = await startPair();
    await pair.nodeA.kill();
    await pair.nodeB.kill();
    const reply = await eventually(async () => {
      const response = await fetch(`${pair.haproxy.workersUrl.replace('ws:', 'http:')}/shards/3`);
      expect(await pair.haproxy.command('show stat')).not.toMatch(/^gateway,node-[ab],.*,UP/m);
      return response;
    });
    expect(reply.status).toBe(503);
    expect(await reply.json()).toMatchObject({ message: expect.stringContaining('No shardmux node is up') });
  });
});

describe('the limits per source address', () => {
  it('answer 429 above the connections at a time, and say what to do', async () => {
    await using pair = await startPair({ HAPROXY_SOURCE_CONNECTIONS: '2' });
    const url = `${pair.haproxy.workersUrl}/shards/3`;
    await using _first = await connectWorker(url);
    await using second = await connectWorker(url);

    const refused = await fetch(url.replace('ws:', 'http:'));
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('10');
    expect(await refused.json()).toEqual({
      message: expect.stringContaining('HAPROXY_SOURCE_CONNECTIONS'),
      retry_after: 10,
    });
    await expect(connectWorker(url)).rejects.toThrow('429');

    second.socket.terminate();
    await eventually(() => nodeAt(url));
  });

  it('answer 429 above the new connections in 10 s', async () => {
    await using pair = await startPair({ HAPROXY_SOURCE_CONNECTIONS_PER_10S: '3' });
    const url = `${pair.haproxy.workersUrl}/shards/3`;
    for (let connection = 1; connection <= 3; connection += 1) await nodeAt(url);
    await expect(nodeAt(url)).rejects.toThrow('429');
  });

  it('answer late, so that a library that tries again at once comes back below the limit', async () => {
    await using pair = await startPair({ HAPROXY_SOURCE_CONNECTIONS_PER_10S: '10' });
    const url = `${pair.haproxy.workersUrl}/shards/3`;
    for (let connection = 1; connection <= 10; connection += 1) await nodeAt(url);
    const startedAt = performance.now();
    await expect(nodeAt(url)).rejects.toThrow('429');
    expect(performance.now() - startedAt).toBeGreaterThan(1_900);
    await eventually(() => nodeAt(url), 20_000); // without a pause of its own
  });
});

async function nodesOfShards(workersUrl: string): Promise<string[]> {
  const nodes: string[] = [];
  for (let shardId = 0; shardId < 16; shardId += 1)
    nodes.push(await nodeAt(`${workersUrl}/shards/${shardId}`));
  return nodes;
}
