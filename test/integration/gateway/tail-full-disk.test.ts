import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { startNode, stateDirectory } from '../../support/node.ts';
import { connectWorker, firstDifference, receivedLines, truthLines } from '../../support/worker.ts';
import { counts, expectComplete, lastDispatch } from './live-shard.ts';

/** A file system of its own with little room. Linux, as root. */
function smallDisk(size: string): Disposable & { path: string; resize(size: string): void } {
  const directory = stateDirectory();
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory.path]);
  return {
    path: directory.path,
    resize: (to) => execFileSync('mount', ['-o', `remount,size=${to}`, directory.path]),
    [Symbol.dispose]: () => {
      execFileSync('umount', ['-l', directory.path]);
      directory[Symbol.dispose]();
    },
  };
}

const mayMount = process.platform === 'linux' && process.getuid?.() === 0;

it.runIf(mayMount)(
  'events flow on while the disk is full, an alarm says so, and the tail recovers when there is room',
  async () => {
    using disk = smallDisk('128k');
    await using simulator = await startSimulator({ shards: 1, guilds: 50, eventsPerSecond: 0 });
    const options = { discord: simulator, directory: disk.path };
    await using node = await startNode(options);
    await node.ready();
    using worker = await connectWorker(node.workersUrl);
    worker.identify();
    const first = (await worker.next('READY')).s ?? 0;
    expect(await node.metric('shardmux_tail_failing')).toBe(0);
    await simulator.burst(0, 3_000);
    await eventually(async () => (await node.metric('shardmux_tail_failing')) === 1);
    expect(await node.metric('shardmux_tail_errors_total')).toBeGreaterThan(0);
    expect((await node.logged(/tail can not be written/))['reason']).toMatch(/ENOSPC/);
    await simulator.burst(0, 1_000);
    await expectComplete({ simulator, worker, first });
    expect((await node.readyz()).status).toBe(200);

    disk.resize('32m');
    await node.logged('the tail is written again', 15_000);
    await eventually(async () => (await node.metric('shardmux_tail_failing')) === 0);
    await eventually(async () => (await node.metric('shardmux_tail_trailing_seconds')) === 0);

    await node.kill();
    await using second = await startNode(options);
    await second.ready();
    using successor = await connectWorker(second.workersUrl);
    successor.resume({ sessionId: worker.sessionId, seq: worker.lastSequence });
    await successor.reached(await lastDispatch(simulator));
    const truth = truthLines(simulator.truth(0).sessions[0]?.dispatches ?? [], { after: first });
    expect(firstDifference(receivedLines(worker, successor), truth)).toBeUndefined();
    expect(counts(simulator.stats())).toEqual({
      identifies: 1,
      resumes: 1,
      resumesRefused: 0,
      violations: {},
    });
  },
);

it.runIf(mayMount)('a node starts on a disk that has no room at all, and serves', async () => {
  using disk = smallDisk('4k');
  execFileSync('sh', ['-c', `cat /dev/zero > ${disk.path}/full || true`], { stdio: 'ignore' });
  await using simulator = await startSimulator({ shards: 1, guilds: 2, eventsPerSecond: 0 });
  await using node = await startNode({ discord: simulator, directory: disk.path });
  await node.ready();
  using worker = await connectWorker(node.workersUrl);
  worker.identify();
  await expectComplete({ simulator, worker, first: (await worker.next('READY')).s ?? 0 });
  expect(await node.metric('shardmux_tail_failing')).toBe(1);
  expect((await node.logged('identify slots can not be written'))['reason']).toMatch(/ENOSPC/);
});

it('without a tail, a restart costs an IDENTIFY, and workers start over', async () => {
  using directory = stateDirectory();
  await using simulator = await startSimulator({
    shards: 1,
    guilds: 2,
    eventsPerSecond: 0,
    identifyIntervalMs: 100,
  });
  const options = { discord: simulator, directory: directory.path, env: { SHARDMUX_TAIL_STORE: 'off' } };
  await using node = await startNode(options);
  await node.ready();
  using worker = await connectWorker(node.workersUrl);
  worker.identify();
  await worker.next('READY');
  await node.stop();
  await using second = await startNode(options);
  using successor = await connectWorker(second.workersUrl);
  successor.resume({ sessionId: worker.sessionId, seq: worker.lastSequence });
  expect((await successor.next(9, 1, 15_000)).d).toBe(false);
  expect(counts(simulator.stats())).toMatchObject({ identifies: 2, resumes: 0, violations: {} });
});
