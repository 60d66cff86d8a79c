/** What a node learns of its HAProxys before it starts: which are wrong, and which only have to be waited for. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { isMisconfigured } from '../../../src/routing/index.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { startHaproxy } from '../../support/haproxy.ts';
import { startCluster, taughtId } from './cluster.ts';
import { startFakeNode } from './fake-node.ts';
import { startTeacher } from './teaching.ts';

/** Answers every connection with the same text, or never. */
async function startAnswering(text: string | undefined) {
  const directory = await mkdtemp(join(tmpdir(), 'shardmux-start-'));
  const path = join(directory, 'stats.sock');
  const server = createServer((socket) => {
    socket.on('error', () => {});
    if (text !== undefined) socket.once('data', () => socket.end(text));
  }).listen(path);
  await once(server, 'listening');
  const stop = async () => {
    await once(server.close(), 'close');
    await rm(directory, { recursive: true });
  };
  return { path, [Symbol.asyncDispose]: stop };
}

describe('the first look', () => {
  it('ends when each HAProxy was tried once, those that are down or hang too', async () => {
    await using cluster = await startCluster({ nodeCount: 1, haproxyCount: 3 });
    const [, down, hung] = cluster.haproxys;
    await down?.kill();
    hung?.pause();
    const server = { name: 'node-a' };
    await using teacher = startTeacher({
      sockets: cluster.sockets,
      server,
      clock: systemClock,
      timeoutMs: 100,
    });
    const states = await teacher.firstLook();
    expect(states.map(({ socket }) => socket)).toEqual(cluster.sockets);
    expect(states).toMatchObject([
      { status: 'taught', server: { id: 1 } },
      { status: 'failing', problem: 'not-listening' },
      { status: 'failing', problem: 'timed-out' },
    ]);
    expect(states.filter(isMisconfigured)).toEqual([]);
  });

  it('ends when the teacher stops', async () => {
    await using silent = await startAnswering(undefined);
    const teacher = startTeacher({ sockets: [silent.path], server: { name: 'node-a' } });
    const look = teacher.firstLook();
    await teacher[Symbol.asyncDispose]();
    expect(await look).toEqual([{ socket: silent.path, status: 'untried' }]);
  });
});

describe('a node waits for', () => {
  it('an HAProxy that is killed while it answers', async () => {
    await using killed = await startAnswering('Name: HAProxy\nPid: 7\nStart_time_sec: 1\nTas');
    await using teacher = startTeacher({ sockets: [killed.path], server: { name: 'node-a' } });
    const [state] = await teacher.firstLook();
    expect(state).toMatchObject({ problem: 'cut-off', reason: expect.stringContaining('in the middle') });
    expect(state !== undefined && isMisconfigured(state)).toBe(false);
  });

  it('DNS, where its server line has a name without an address yet', async () => {
    await using nodeA = await startFakeNode('node-a');
    await using haproxy = await startHaproxy({
      nodeHost: nodeA.host,
      nodePort: nodeA.port,
      moreNodes: ['node-b.invalid:7777'],
      environment: { HAPROXY_DNS: '127.0.0.1:1' },
    });
    const server = { hosts: ['10.0.0.2'], port: 7777 };
    await using teacher = startTeacher({ sockets: [haproxy.socketPath], server });
    const [state] = await teacher.firstLook();
    expect(state).toMatchObject({
      problem: 'server-unresolved',
      reason: expect.stringMatching(/No address yet: node-b node-b\.invalid:7777\. .*haproxy\.serverName/),
    });
    expect(state !== undefined && isMisconfigured(state)).toBe(false);
  });
});

describe('a node refuses', () => {
  it('an HAProxy that has its address twice, and says which name to give', async () => {
    await using node = await startFakeNode('node-a');
    const { host, port } = node;
    await using haproxy = await startHaproxy({
      nodeHost: host,
      nodePort: port,
      moreNodes: [`${host}:${port}`],
    });
    await using byAddress = startTeacher({ sockets: [haproxy.socketPath], server: node });
    const [state] = await byAddress.firstLook();
    expect(state).toMatchObject({
      problem: 'ambiguous-server',
      reason: expect.stringMatching(/node-a .*, node-b .*Set haproxy\.serverName/),
    });
    expect(state !== undefined && isMisconfigured(state)).toBe(true);
    await using byName = startTeacher({ sockets: [haproxy.socketPath], server: { name: 'node-b' } });
    expect(await byName.firstLook()).toMatchObject([{ status: 'taught', server: { id: 2 } }]);
  });
});

describe('a node on another machine', () => {
  it('teaches over TCP where HAPROXY_SOCKET_BIND says so', async () => {
    await using was = await startFakeNode('holds a free port');
    await was.kill();
    const environment = { HAPROXY_SOCKET_BIND: `ipv4@127.0.0.1:${was.port}` };
    await using cluster = await startCluster({ nodeCount: 2, environment });
    await using teacher = startTeacher({
      sockets: [`tcp@127.0.0.1:${was.port}`],
      server: { name: 'node-b' },
    });
    teacher.setKeys(new Set(['3']));
    await teacher.settled();
    expect(await taughtId(cluster.haproxys[0], '3')).toBe(2);
    await cluster.haproxys[0].reload();
    teacher.setKeys(new Set(['3', '4']));
    await teacher.settled();
    expect(await taughtId(cluster.haproxys[0], '4')).toBe(2);
  });
});
