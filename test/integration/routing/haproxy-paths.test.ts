import { once } from 'node:events';
import { request } from 'node:http';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { routingKey } from '../../../src/routing/shard-path.ts';
import { type Haproxy, startHaproxy } from '../../support/haproxy.ts';
import {
  ANY_SHARD_PATHS,
  GATEWAY_INFORMATION_PATHS,
  INVALID_PATHS,
  OTHER_API_PATHS,
  SHARD_PATHS,
} from '../../unit/routing/request-paths.ts';
import { type Answer, connectWorker, type FakeNode, startFakeNode } from './fake-node.ts';

let nodeA: FakeNode;
let nodeB: FakeNode;
let haproxy: Haproxy;

beforeAll(async () => {
  nodeA = await startFakeNode('node-a');
  nodeB = await startFakeNode('node-b');
  haproxy = await startHaproxy({
    nodeHost: nodeA.host,
    nodePort: nodeA.port,
    moreNodes: [`${nodeB.host}:${nodeB.port}`],
  });
});

afterAll(async () => {
  await haproxy[Symbol.asyncDispose]();
  await nodeA[Symbol.asyncDispose]();
  await nodeB[Symbol.asyncDispose]();
});

describe('HAProxy', () => {
  it.each(SHARD_PATHS)('takes $target to the node taught for it', async ({
    target,
    shardId = 0,
    applicationId,
  }) => {
    const key = routingKey(shardId, applicationId);
    // Both ways, so that neither can be the hash's choice.
    await haproxy.command(`set table gateway key ${key} data.server_id 1`);
    expect((await get(target)).answer?.node).toBe('node-a');
    await haproxy.command(`set table gateway key ${key} data.server_id 2`);
    expect((await get(target)).answer?.node).toBe('node-b');
  });

  it.each([...ANY_SHARD_PATHS, ...GATEWAY_INFORMATION_PATHS])('takes $target to any node', async ({
    target,
  }) => {
    const nodes = new Set<string | undefined>();
    for (let request = 0; request < 24; request += 1) nodes.add((await get(target)).answer?.node);
    expect(nodes).toEqual(new Set(['node-a', 'node-b']));
  });

  it.each(INVALID_PATHS)('answers 404 to $target and says which paths there are', async ({ target }) => {
    const { status, body } = await get(target);
    expect(status).toBe(404);
    expect(JSON.parse(body)).toEqual({ message: expect.stringContaining('/shards/<shard id>') });
  });

  it.each(OTHER_API_PATHS)('answers 404 to $target and says that no REST node is set up', async ({
    target,
  }) => {
    const { status, body } = await get(target);
    expect([status, JSON.parse(body)]).toMatchObject([
      404,
      { message: expect.stringContaining('HAPROXY_REST_A') },
    ]);
  });

  it('upgrades to a WebSocket and passes text and binary messages both ways', async () => {
    await using worker = await connectWorker(`${haproxy.workersUrl}/shards/3/?v=10&encoding=json`);
    expect(worker.answer.path).toBe('/shards/3/?v=10&encoding=json');
    const payload = Buffer.alloc(100_000, 0xd8);
    worker.socket.send('{"op":1,"d":null}');
    const [text] = (await once(worker.socket, 'message')) as [Buffer];
    expect(text.toString()).toBe('{"op":1,"d":null}');
    worker.socket.send(payload);
    const [binary] = (await once(worker.socket, 'message')) as [Buffer];
    expect(binary.equals(payload)).toBe(true);
  });

  it('tells the node the worker’s Host, address and scheme, and drops what the worker claims', async () => {
    const { answer } = await get('/shards/3', {
      Host: 'gateway.example:1234',
      'X-Forwarded-For': '203.0.113.9',
      'X-Forwarded-Proto': 'https',
    });
    expect(answer?.headers).toMatchObject({
      host: 'gateway.example:1234',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
    });
  });

  it('drops what only nodes may say to each other', async () => {
    const { answer } = await get('/shards/3', {
      'X-Shardmux-Relay': 'v1.0.a.b',
      'x-shardmux-node': 'node-b',
    });
    expect(answer?.headers).not.toHaveProperty('x-shardmux-relay');
    expect(answer?.headers).not.toHaveProperty('x-shardmux-node');
  });

  it('shows its health and its Prometheus metrics on an address of their own', async () => {
    expect((await fetch(`${haproxy.observabilityUrl}/healthz`)).status).toBe(200);
    const metrics = await (await fetch(`${haproxy.observabilityUrl}/metrics`)).text();
    expect(metrics).toContain('haproxy_server_status{proxy="gateway",server="node-b",state="UP"} 1');
  });
});

interface Reply {
  readonly status: number | undefined;
  readonly body: string;
  /** The body, where a node answered. */
  readonly answer: Answer | undefined;
}

/** A plain GET with the request target exactly as given; `fetch` would normalise it. */
async function get(target: string, headers: Record<string, string> = {}): Promise<Reply> {
  const { hostname, port } = new URL(haproxy.workersUrl);
  const sent = request({ hostname, port, path: target, headers, agent: false }).end();
  const [response] = await once(sent, 'response');
  const body = Buffer.concat(await response.toArray()).toString();
  return {
    status: response.statusCode,
    body,
    answer: response.statusCode === 200 ? (JSON.parse(body) as Answer) : undefined,
  };
}
