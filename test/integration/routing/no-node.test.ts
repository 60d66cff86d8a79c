/** What HAProxy does with workers while no node is up, as while the only one restarts. */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { type Haproxy, startHaproxy } from '../../support/haproxy.ts';
import { connectWorker, startFakeNode } from './fake-node.ts';

let haproxy: Haproxy;
let port: number;

beforeAll(async () => {
  const node = await startFakeNode('first');
  port = node.port;
  haproxy = await startHaproxy({ nodeHost: node.host, nodePort: port });
  await haproxy.command('set table gateway key 3 data.server_id 1');
  await node.kill();
  await eventually(async () =>
    (await haproxy.command('show servers state gateway')).includes('node-a 127.0.0.1 0'),
  );
});

afterAll(() => haproxy[Symbol.asyncDispose]());

describe('while no node is up, HAProxy', () => {
  it('refuses nobody, and connects all as soon as the node is back', async () => {
    const paths = ['/shards/3', '/shards/4', '/', '/apps/42/shards/1'];
    const connecting = paths.map((path) => connectWorker(haproxy.workersUrl + path));
    // They wait inside HAProxy: all are there as sessions of the front end, none has an answer.
    await eventually(async () => /^CurrConns: [4-9]/m.test(await haproxy.command('show info')));
    await using _node = await startFakeNode('second', port);
    const workers = await Promise.all(connecting);
    expect(workers.map(({ answer }) => answer.node)).toEqual(paths.map(() => 'second'));
    for (const worker of workers) await worker[Symbol.asyncDispose]();
  });

  it('still turns away what is no path of a worker', async () => {
    const { hostname, port: haproxyPort } = new URL(haproxy.workersUrl);
    const socket = connect(Number(haproxyPort), hostname);
    socket.write('GET /elsewhere HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += chunk;
    expect(text).toMatch(/^HTTP\/1.1 404 /);
  });
});
