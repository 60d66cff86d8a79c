/** What HAProxy does with workers while no node is up, as while the only one restarts. */
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import type { Haproxy } from '../../support/haproxy.ts';
import { nodesUp, startCluster } from './cluster.ts';
import { connectWorker, startFakeNode } from './fake-node.ts';

const PATHS = ['/shards/3', '/shards/4', '/', '/apps/42/shards/1'];

/** HAProxy in front of some nodes, with shard 3 taught to the last. */
async function start(nodeCount: number) {
  const cluster = await startCluster({ nodeCount });
  const [haproxy] = cluster.haproxys;
  await haproxy.command(`set table gateway key 3 data.server_id ${nodeCount}`);
  return { haproxy, nodes: cluster.nodes, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
}

/** Which nodes workers that connect now reach, each path once. */
async function connectAll({ workersUrl }: Haproxy): Promise<string[]> {
  return Promise.all(
    PATHS.map(async (path) => {
      await using worker = await connectWorker(workersUrl + path);
      return worker.answer.node;
    }),
  );
}

/** Attempts after the first, of all connections to the back end so far. */
async function retries(haproxy: Haproxy): Promise<number> {
  const [names = '', ...rows] = (await haproxy.command('show stat')).split('\n');
  const column = names.split(',').indexOf('wretr');
  return Number(rows.find((row) => row.startsWith('gateway,BACKEND,'))?.split(',')[column]);
}

function toBeDown(haproxy: Haproxy): Promise<boolean> {
  return eventually(async () => (await nodesUp(haproxy)) === 0);
}

describe('while no node is up, HAProxy', () => {
  it('refuses nobody, and connects all as soon as the node is back', async () => {
    await using cluster = await start(1);
    const { haproxy, nodes } = cluster;
    await nodes[0]?.kill();
    await toBeDown(haproxy);
    const connecting = connectAll(haproxy);
    // They wait inside HAProxy: all are there as sessions of the front end, none has an answer.
    await eventually(async () => /^CurrConns: [4-9]/m.test(await haproxy.command('show info')));
    await using _node = await startFakeNode('second', nodes[0]?.port);
    expect(await connecting).toEqual(PATHS.map(() => 'second'));
  });

  it('refuses nobody who came before a health check failed either', async () => {
    await using cluster = await start(1);
    const { haproxy, nodes } = cluster;
    const killed = nodes[0]?.kill();
    const connecting = connectAll(haproxy);
    connecting.catch(() => {}); // looked at below
    await killed;
    // Two checks have to fail, 200 ms apart: the workers above were there before.
    expect(await nodesUp(haproxy)).toBe(1);
    await toBeDown(haproxy);
    // A second attempt follows a moment after the first one; it is the one that once found no server at all.
    await eventually(async () => (await retries(haproxy)) >= 2 * PATHS.length);
    await using _node = await startFakeNode('second', nodes[0]?.port);
    expect(await connecting).toEqual(PATHS.map(() => 'second'));
  });

  it('takes them to whichever of several nodes is back first', async () => {
    await using cluster = await start(2);
    const { haproxy, nodes } = cluster;
    for (const node of nodes) await node.kill();
    await toBeDown(haproxy);
    for (const index of [1, 0]) {
      const connecting = connectAll(haproxy);
      await eventually(async () => /^CurrConns: [4-9]/m.test(await haproxy.command('show info')));
      await using _node = await startFakeNode('back', nodes[index]?.port);
      expect(await connecting).toEqual(PATHS.map(() => 'back'));
      await _node.kill();
      await toBeDown(haproxy);
    }
  });

  it('still turns away what is no path of a worker', async () => {
    await using cluster = await start(1);
    await cluster.nodes[0]?.kill();
    await toBeDown(cluster.haproxy);
    const { hostname, port } = new URL(cluster.haproxy.workersUrl);
    const socket = connect(Number(port), hostname);
    socket.write('GET /elsewhere HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += chunk;
    expect(text).toMatch(/^HTTP\/1.1 404 /);
  });

  it('shows so in its metrics', async () => {
    await using cluster = await start(1);
    const { haproxy, nodes } = cluster;
    const metrics = async () => (await fetch(`${haproxy.observabilityUrl}/metrics`)).text();
    expect(await metrics()).toContain('haproxy_backend_backup_servers{proxy="gateway"} 2\n');
    await nodes[0]?.kill();
    await toBeDown(haproxy);
    const without = await metrics();
    expect(without).toContain('haproxy_backend_backup_servers{proxy="gateway"} 1\n'); // "nobody"
    expect(without).toContain('haproxy_server_status{proxy="gateway",server="node-a",state="DOWN"} 1\n');
  });
});

describe('while another node is up, HAProxy', () => {
  it('takes the workers of one that just died there within a second', async () => {
    await using cluster = await start(2);
    const { haproxy, nodes } = cluster;
    const killed = nodes[1]?.kill();
    const startedAt = performance.now();
    expect(await connectAll(haproxy)).toEqual(PATHS.map(() => 'node-a'));
    expect(performance.now() - startedAt).toBeLessThan(900);
    await killed;
    await eventually(async () => (await nodesUp(haproxy)) === 1);
    expect(await connectAll(haproxy)).toEqual(PATHS.map(() => 'node-a'));
  });
});
