import { describe, expect, it } from 'vitest';

import type { TeachingState } from '../../../src/routing/index.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { eventually } from '../../support/eventually.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { startCluster } from './cluster.ts';
import { startTeacher } from './teaching.ts';

const startTwoByTwo = () => startCluster({ nodeCount: 2, haproxyCount: 2 });

describe('a node', () => {
  it('teaches every HAProxy its shards, and then they reach it whatever the hash says', async () => {
    await using cluster = await startTwoByTwo();
    await using teacherA = startTeacher({ sockets: cluster.sockets, server: { name: 'node-a' } });
    await using teacherB = startTeacher({ sockets: cluster.sockets, server: { name: 'node-b' } });
    teacherA.setKeys(new Set(['0', '2', '42/0']));
    teacherB.setKeys(new Set(['1', '3', '42/1']));
    await Promise.all([teacherA.settled(), teacherB.settled()]);

    for (const path of ['/shards/0', '/shards/2', '/apps/42/shards/0']) {
      expect(await cluster.nodesAt(path)).toEqual(['node-a', 'node-a']);
    }
    for (const path of ['/shards/1', '/shards/3', '/apps/42/shards/1']) {
      expect(await cluster.nodesAt(path)).toEqual(['node-b', 'node-b']);
    }
  });

  it('that looks itself up by its address finds its own server line', async () => {
    await using cluster = await startTwoByTwo();
    for (const [index, node] of cluster.nodes.entries()) {
      const states: TeachingState[] = [];
      await using teacher = startTeacher({
        sockets: cluster.sockets,
        server: node,
        onState: (state) => states.push(state),
      });
      teacher.setKeys(new Set(['3']));
      await teacher.settled();
      const server = { id: index + 1, name: `node-${'ab'[index]}`, port: node.port };
      expect(states.filter(({ status }) => status === 'taught')).toMatchObject([{ server }, { server }]);
      for (const haproxy of cluster.haproxys) {
        expect(await haproxy.command('show table gateway key 3')).toMatch(
          new RegExp(`server_id=${server.id}\\b`),
        );
      }
    }
  });

  it('takes a shard over by teaching it, and the former owner leaves the entry alone when it lets go', async () => {
    await using cluster = await startTwoByTwo();
    await using teacherA = startTeacher({ sockets: cluster.sockets, server: { name: 'node-a' } });
    await using teacherB = startTeacher({ sockets: cluster.sockets, server: { name: 'node-b' } });
    teacherA.setKeys(new Set(['3']));
    await teacherA.settled();
    expect(await cluster.nodesAt('/shards/3')).toEqual(['node-a', 'node-a']);

    teacherB.setKeys(new Set(['3']));
    await teacherB.settled();
    expect(await cluster.nodesAt('/shards/3')).toEqual(['node-b', 'node-b']);

    teacherA.setKeys(new Set());
    await teacherA.settled();
    expect(await cluster.nodesAt('/shards/3')).toEqual(['node-b', 'node-b']);
    for (const haproxy of cluster.haproxys) {
      expect(await haproxy.command('show table gateway key 3')).toContain('server_id=2');
    }
  });

  it('clears the entry of a shard that it gives up and nobody took', async () => {
    await using cluster = await startTwoByTwo();
    await using teacher = startTeacher({ sockets: cluster.sockets, server: { name: 'node-a' } });
    teacher.setKeys(new Set(['3', '4']));
    teacher.setKeys(new Set(['4']));
    await teacher.settled();
    for (const haproxy of cluster.haproxys) {
      const table = await haproxy.command('show table gateway');
      expect(table).toContain('key=4 ');
      expect(table).not.toContain('key=3 ');
    }
    expect(teacher.status.map(({ taughtKeys }) => taughtKeys)).toEqual([1, 1]);
  });

  it('teaches 5,000 shards', async () => {
    await using cluster = await startTwoByTwo();
    await using teacher = startTeacher({ sockets: cluster.sockets, server: { name: 'node-a' } });
    teacher.setKeys(new Set(Array.from({ length: 5_000 }, (_, shardId) => `80351110224678912/${shardId}`)));
    await teacher.settled();
    for (const haproxy of cluster.haproxys) {
      expect(await haproxy.command('show table')).toMatch(/^# table: gateway,.* used:5000$/m);
    }
    expect(teacher.status[0]).toMatchObject({ taughtKeysTotal: 5_000, failuresTotal: 0 });
  });

  it('teaches a restarted, empty HAProxy as soon as it sees the new process, and says so', async () => {
    await using cluster = await startTwoByTwo();
    const states: TeachingState[] = [];
    await using teacher = startTeacher({
      sockets: cluster.sockets,
      server: { name: 'node-a' },
      onState: (state) => states.push(state),
      clock: systemClock,
      watchIntervalMs: 20,
    });
    teacher.setKeys(new Set(['3']));
    await teacher.settled();
    const [first] = cluster.haproxys;

    await first?.restart();

    await eventually(async () => {
      expect(await first?.command('show table gateway key 3')).toContain('server_id=1');
      return true;
    });
    await teacher.settled();
    expect(states.at(-1)).toMatchObject({
      socket: first?.socketPath,
      status: 'taught',
      process: { pid: first?.pid },
      server: { id: 1, name: 'node-a' },
    });
  });

  it('teaches the new process of a reload', async () => {
    await using cluster = await startTwoByTwo();
    await using teacher = startTeacher({
      sockets: cluster.sockets,
      server: { name: 'node-a' },
      clock: systemClock,
      watchIntervalMs: 20,
    });
    teacher.setKeys(new Set(['3']));
    await teacher.settled();
    const [first] = cluster.haproxys;
    await first?.reload();
    await eventually(async () => {
      expect(await first?.command('show table gateway key 3')).toContain('server_id=1');
      return true;
    });
  });

  it('teaches everything again when the interval has passed, and not before', async () => {
    await using cluster = await startTwoByTwo();
    const clock = new ManualClock();
    await using teacher = startTeacher({
      sockets: cluster.sockets,
      server: { name: 'node-a' },
      clock,
      intervalMs: 5_000,
      watchIntervalMs: 1_000,
    });
    teacher.setKeys(new Set(['3']));
    await teacher.settled();
    const [first] = cluster.haproxys;
    await first?.command('clear table gateway');

    clock.advance(1_000);
    await teacher.settled();
    expect(await first?.command('show table gateway key 3')).not.toContain('server_id=1');

    clock.advance(4_000);
    await teacher.settled();
    expect(await first?.command('show table gateway key 3')).toContain('server_id=1');
    expect(teacher.status[0]).toMatchObject({ taughtKeysTotal: 2, lastSuccessMs: 5_000 });
  });

  it('leaves what it taught when it stops, and keeps no timer', async () => {
    await using cluster = await startTwoByTwo();
    const clock = new ManualClock();
    const teacher = startTeacher({ sockets: cluster.sockets, server: { name: 'node-a' }, clock });
    teacher.setKeys(new Set(['3']));
    await teacher.settled();
    await teacher[Symbol.asyncDispose]();
    expect(clock.pendingTimers).toBe(0);
    expect(await cluster.haproxys[0]?.command('show table gateway key 3')).toContain('server_id=1');
  });
});
