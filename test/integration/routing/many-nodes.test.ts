/** Three nodes that teach two HAProxys: what goes wrong at one HAProxy or with one shard stays there. */
import { describe, expect, it } from 'vitest';

import type { Teacher } from '../../../src/routing/index.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { eventually } from '../../support/eventually.ts';
import type { Haproxy } from '../../support/haproxy.ts';
import { type Cluster, type ClusterOptions, startCluster, taughtId } from './cluster.ts';
import { startFakeNode } from './fake-node.ts';
import { startTeacher } from './teaching.ts';
import { startTraffic } from './traffic.ts';

const NONE: ReadonlySet<string> = new Set();

interface Taught extends AsyncDisposable {
  readonly cluster: Cluster;
  /** Of node-a, node-b and node-c, who have the shards 0, 1 and 2. */
  readonly teachers: readonly [Teacher, Teacher, Teacher];
}

async function startThree(options: Partial<ClusterOptions> = {}): Promise<Taught> {
  await using stack = new AsyncDisposableStack();
  const cluster = stack.use(await startCluster({ nodeCount: 3, haproxyCount: 2, ...options }));
  const start = (letter: string) => {
    const server = { name: `node-${letter}` };
    const times = { clock: systemClock, watchIntervalMs: 20, intervalMs: 200 };
    return stack.use(startTeacher({ sockets: cluster.sockets, server, ...times }));
  };
  const teachers = [start('a'), start('b'), start('c')] as const;
  for (const [shardId, teacher] of teachers.entries()) teacher.setKeys(new Set([`${shardId}`]));
  await Promise.all(teachers.map((teacher) => teacher.settled()));
  const running = stack.move();
  return { cluster, teachers, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

function becomes(haproxy: Haproxy | undefined, ids: Record<string, number>): Promise<boolean> {
  return eventually(async () => {
    if (haproxy === undefined) throw new Error('no such HAProxy');
    for (const [key, id] of Object.entries(ids)) expect(await taughtId(haproxy, key)).toBe(id);
    return true;
  });
}

/** Hands a shard over as nodes do: the former owner stops teaching, the next one teaches, the former one forgets. */
async function handOver(key: string, from: Teacher, to: Teacher): Promise<void> {
  from.setKeys(NONE, { leaving: new Set([key]) });
  await from.settled();
  to.setKeys(new Set([key]));
  await to.settled();
  from.setKeys(NONE);
}

describe('of two HAProxys, each taught by three nodes, one that', () => {
  it.each<[string, (haproxy: Haproxy) => Promise<void>]>([
    ['is killed and comes back empty', (haproxy) => haproxy.restart()],
    ['is reloaded', (haproxy) => haproxy.reload()],
  ])('%s is taught by all again, and disturbs nobody at the other', async (_, disturb) => {
    await using three = await startThree();
    const [disturbed, other] = three.cluster.haproxys;
    const urls = [0, 1, 2].map((shardId) => `${other?.workersUrl}/shards/${shardId}`);
    await using traffic = startTraffic(urls);
    await eventually(() => traffic.landings.length > 30);

    await disturb(disturbed);

    await becomes(disturbed, { 0: 1, 1: 2, 2: 3 });
    await traffic.stop();
    expect(traffic.refusals).toEqual([]);
    expect(await three.cluster.nodesAt('/shards/2')).toEqual(['node-c', 'node-c']);
    for (const teacher of three.teachers) expect(teacher.status[1]).toMatchObject({ failuresTotal: 0 });
  });

  it('hangs holds up no shard that moves at the other, and learns of it when it wakes up', async () => {
    await using three = await startThree();
    const [hung, other] = three.cluster.haproxys;
    const [a, , c] = three.teachers;
    await using traffic = startTraffic([`${other?.workersUrl}/shards/0`, `${other?.workersUrl}/shards/1`]);
    hung.pause();
    // Caught in the middle: what the former owner says again and again waits in the socket of the one that hangs.
    await eventually(() => three.teachers.every(({ status }) => status[0]?.state.status === 'failing'));

    await handOver('0', a, c);

    await becomes(other, { 0: 3, 1: 2 });
    hung.resume();
    await becomes(hung, { 0: 3, 1: 2 });
    await Promise.all(three.teachers.map((teacher) => teacher.settled()));
    await becomes(hung, { 0: 3, 1: 2 });
    await traffic.stop();
    expect(traffic.refusals).toEqual([]);
  });
});

describe('a shard that moves from node to node while workers connect', () => {
  it('refuses nobody, and leads to the former owner only while it moves', async () => {
    await using three = await startThree();
    let owner = 'node-a';
    let step = 0;
    const urls = three.cluster.haproxys.flatMap(({ workersUrl }) => Array(3).fill(`${workersUrl}/shards/0`));
    await using traffic = startTraffic(urls, () => `${step} ${owner}`);
    for (let move = 0; move < 30; move += 1) {
      const landed = traffic.landings.length;
      await eventually(() => traffic.landings.length >= landed + 2 * urls.length);
      const next = (move + 1) % 3;
      step += 1;
      owner = 'moving';
      await handOver('0', teacherAt(three, move % 3), teacherAt(three, next));
      step += 1;
      owner = `node-${'abc'[next]}`;
    }
    await traffic.stop();
    expect(traffic.refusals).toEqual([]);
    // Begun and ended between the same two moves: nobody else than the owner will do.
    const settled = traffic.landings.filter(
      ({ before, after }) => before === after && !before.endsWith('moving'),
    );
    expect(settled.length).toBeGreaterThan(200);
    expect(settled.filter(({ before, node }) => !before.endsWith(node))).toEqual([]);
  });
});

describe('a node that comes for the first time', () => {
  it('is used without a reload, whether it knows its name or its address', async () => {
    await using was = await startFakeNode('holds a free port');
    await was.kill();
    await using three = await startThree({ absentNodes: [`127.0.0.1:${was.port}`] });
    const { cluster } = three;
    const pids = cluster.haproxys.map(({ pid }) => pid);

    await using node = await startFakeNode('node-d', was.port);
    await using byName = startTeacher({ sockets: cluster.sockets, server: { name: 'node-d' } });
    await using byAddress = startTeacher({ sockets: cluster.sockets, server: node });
    byName.setKeys(new Set(['6']));
    byAddress.setKeys(new Set(['7']));
    await Promise.all([byName.settled(), byAddress.settled()]);

    for (const path of ['/shards/6', '/shards/7'])
      await eventually(async () => (await cluster.nodesAt(path)).every((reached) => reached === 'node-d'));
    expect(await cluster.nodesAt('/shards/0')).toEqual(['node-a', 'node-a']);
    expect(cluster.haproxys.map(({ pid }) => pid)).toEqual(pids);
  });
});

function teacherAt({ teachers }: Taught, index: number): Teacher {
  const teacher = teachers[index];
  if (teacher === undefined) throw new RangeError(`no teacher ${index}`);
  return teacher;
}
