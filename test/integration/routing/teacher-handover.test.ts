/** Keys that pass from one node to another, and keys that are taught again because somebody noticed. */
import { describe, expect, it } from 'vitest';

import type { Teacher } from '../../../src/routing/index.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { type Cluster, startCluster, taughtId } from './cluster.ts';
import { startGate } from './gate.ts';
import { startTeacher } from './teaching.ts';

const NONE: ReadonlySet<string> = new Set();
const THREE: ReadonlySet<string> = new Set(['3']);

interface Node extends AsyncDisposable {
  readonly teacher: Teacher;
  /** Moves this node's time on, until it has taught everything again. */
  teachEverything(): Promise<void>;
}

function startNode(cluster: Cluster, name: string): Node {
  const clock = new ManualClock();
  const teacher = startTeacher({ sockets: cluster.sockets, server: { name }, clock, intervalMs: 5_000 });
  const teachEverything = async () => {
    await teacher.settled();
    clock.advance(5_000);
    await teacher.settled();
  };
  return { teacher, teachEverything, [Symbol.asyncDispose]: () => teacher[Symbol.asyncDispose]() };
}

/** Two nodes behind two HAProxys; the first has taught shard 3. */
async function startHandover() {
  await using stack = new AsyncDisposableStack();
  const cluster = stack.use(await startCluster({ nodeCount: 2, haproxyCount: 2 }));
  const former = stack.use(startNode(cluster, 'node-a'));
  const next = stack.use(startNode(cluster, 'node-b'));
  former.teacher.setKeys(THREE);
  await former.teacher.settled();
  const running = stack.move();
  const taught = (key = '3') => Promise.all(cluster.haproxys.map((haproxy) => taughtId(haproxy, key)));
  return { cluster, former, next, taught, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

describe('a shard that is handed over', () => {
  it('leads to the former owner until the next one has taught it, and to nobody else afterwards', async () => {
    await using handover = await startHandover();
    const { former, next, taught } = handover;
    former.teacher.setKeys(NONE, { leaving: THREE });
    await former.teacher.settled();
    expect(await taught()).toEqual([1, 1]);

    next.teacher.setKeys(THREE);
    await next.teacher.settled();
    await former.teachEverything();
    expect(await taught()).toEqual([2, 2]);

    former.teacher.setKeys(NONE);
    await former.teachEverything();
    expect(await taught()).toEqual([2, 2]);
  });

  it('is forgotten by its former owner when nobody has taken it', async () => {
    await using handover = await startHandover();
    const { former, taught } = handover;
    former.teacher.setKeys(NONE, { leaving: THREE });
    await former.teacher.settled();
    former.teacher.setKeys(NONE);
    await former.teacher.settled();
    expect(await taught()).toEqual([undefined, undefined]);
  });

  it('is not taught by its former owner to an HAProxy that comes back empty', async () => {
    await using handover = await startHandover();
    const { cluster, former, next, taught } = handover;
    former.teacher.setKeys(NONE, { leaving: THREE });
    await former.teacher.settled();
    await cluster.haproxys[0].restart();
    await former.teachEverything();
    expect(await taught()).toEqual([undefined, 1]);
    next.teacher.setKeys(THREE);
    await next.teacher.settled();
    expect(await taught()).toEqual([2, 2]);
  });

  it('and comes back, is taught again', async () => {
    await using handover = await startHandover();
    const { former, next, taught } = handover;
    former.teacher.setKeys(NONE, { leaving: THREE });
    next.teacher.setKeys(THREE);
    await next.teacher.settled();
    next.teacher.setKeys(NONE, { leaving: THREE });
    await next.teacher.settled();
    former.teacher.setKeys(THREE);
    await former.teacher.settled();
    expect(await taught()).toEqual([1, 1]);
    expect(former.teacher.status[0]).toMatchObject({ taughtKeys: 1 });
    expect(next.teacher.status[0]).toMatchObject({ taughtKeys: 0 });
  });

  it('is not taught even while it is still among the keys', async () => {
    await using handover = await startHandover();
    const { next, taught } = handover;
    next.teacher.setKeys(new Set(['3', '4']), { leaving: THREE });
    await next.teacher.settled();
    expect(await taught('4')).toEqual([2, 2]);
    expect(await taught('3')).toEqual([1, 1]);
  });

  it('is taught no more even where a teaching of many shards had begun', async () => {
    await using cluster = await startCluster({ nodeCount: 1 });
    const keys = new Set(Array.from({ length: 2_000 }, (_, shardId) => `${shardId}`));
    const isTeaching = (line: string) => line.includes(';set table');
    await using gate = await startGate(cluster.haproxys[0], (line) => {
      if (isTeaching(line)) teacher.setKeys(NONE, { leaving: keys });
    });
    await using teacher = startTeacher({ sockets: [gate.path], server: { name: 'node-a' } });
    teacher.setKeys(keys);
    await teacher.settled();
    expect(gate.lines.filter(isTeaching)).toHaveLength(1);
  });
});

describe('a shard that two nodes believe to own', () => {
  it('ends with the later owner, as soon as the former one knows', async () => {
    await using handover = await startHandover();
    const { former, next, taught } = handover;
    next.teacher.setKeys(THREE);
    await next.teacher.settled();
    await former.teachEverything(); // as a node does that was stopped for a while
    expect(await taught()).toEqual([1, 1]);

    former.teacher.setKeys(NONE);
    await former.teacher.settled();
    await next.teachEverything();
    await former.teachEverything();
    expect(await taught()).toEqual([2, 2]);
  });
});

describe('a shard of ours that another node had to relay', () => {
  it('is taught again at once', async () => {
    await using handover = await startHandover();
    const { cluster, former, taught } = handover;
    for (const haproxy of cluster.haproxys) await haproxy.command('set table gateway key 3 data.server_id 2');
    former.teacher.teachAgain(['3', '4']);
    await former.teacher.settled();
    expect(await taught('3')).toEqual([1, 1]);
    expect(await taught('4')).toEqual([undefined, undefined]); // none of ours
  });

  it('is not taught while it is handed over', async () => {
    await using handover = await startHandover();
    const { cluster, former, taught } = handover;
    former.teacher.setKeys(NONE, { leaving: THREE });
    for (const haproxy of cluster.haproxys) await haproxy.command('set table gateway key 3 data.server_id 2');
    former.teacher.teachAgain(['3']);
    await former.teacher.settled();
    expect(await taught()).toEqual([2, 2]);
  });

  it('is taught once in a watch interval, however many connections came', async () => {
    await using cluster = await startCluster({ nodeCount: 1 });
    await using gate = await startGate(cluster.haproxys[0]);
    const clock = new ManualClock();
    const server = { name: 'node-a' };
    await using teacher = startTeacher({ sockets: [gate.path], server, clock, watchIntervalMs: 250 });
    teacher.setKeys(THREE);
    await teacher.settled();
    const before = gate.lines.length;
    for (let connection = 1; connection <= 1_000; connection += 1) teacher.teachAgain(['3']);
    await teacher.settled();
    for (let connection = 1; connection <= 1_000; connection += 1) teacher.teachAgain(['3']);
    await teacher.settled();
    expect(gate.lines.slice(before).filter((line) => line.includes('show servers'))).toHaveLength(1);
    expect(gate.lines.slice(before).filter((line) => line.includes(';set table'))).toHaveLength(1);
    clock.advance(250);
    await teacher.settled();
    expect(gate.lines.slice(before).filter((line) => line.includes(';set table'))).toHaveLength(2);
  });
});
