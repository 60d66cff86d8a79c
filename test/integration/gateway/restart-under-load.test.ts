import { expect, it } from 'vitest';
import { type Simulator, startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { type NodeProcess, startNode, stateDirectory } from '../../support/node.ts';
import {
  connectWorker,
  firstDifference,
  receivedLines,
  truthLines,
  type Worker,
} from '../../support/worker.ts';
import { counts, lastDispatch } from './live-shard.ts';

const SHARDS = 3;

/** More than the buffers of both sockets and of the node take, so that a worker that does not read is truly behind. */
const BEHIND_DISPATCHES = 20_000;

async function identified(node: NodeProcess, shard: number): Promise<Worker> {
  const worker = await connectWorker(node.workersUrl, { path: `/shards/${shard}` });
  worker.identify({ shard: [shard, SHARDS] });
  await worker.next('READY');
  return worker;
}

/** Everything that arrived is in the tail. */
async function tailWritten(simulator: Simulator, node: NodeProcess): Promise<void> {
  await eventually(async () => {
    const { dispatched } = simulator.stats();
    const taken = (await node.metric('shardmux_upstream_dispatches_total')) ?? 0;
    // READY is no dispatch to the node.
    if (taken < dispatched - SHARDS) throw new Error(`the node has ${taken} of ${dispatched}`);
    return (await node.metric('shardmux_tail_trailing_seconds')) === 0;
  }, 20_000);
}

async function resumed(node: NodeProcess, old: Worker, shard: number): Promise<Worker> {
  const worker = await connectWorker(node.workersUrl, { path: `/shards/${shard}` });
  worker.resume({ sessionId: old.sessionId, seq: old.lastSequence });
  await worker.next('RESUMED');
  return worker;
}

it.each([
  ['stopped', (node: NodeProcess) => node.stop()],
  ['killed', (node: NodeProcess) => node.kill()],
] as const)(
  'a node that is %s under load RESUMEs every shard, and workers that were live, behind or away go on without a gap',
  async (_, end) => {
    using directory = stateDirectory();
    await using simulator = await startSimulator({
      shards: SHARDS,
      guilds: 150,
      eventsPerSecond: 0,
      maxConcurrency: SHARDS,
    });
    const options = {
      discord: simulator,
      directory: directory.path,
      env: { SHARDMUX_WORKERS_DRAIN_TIMEOUT_MS: '1s' },
    };
    await using node = await startNode(options);
    await node.ready();
    using live = await identified(node, 0);
    using behind = await identified(node, 1);
    using away = await identified(node, 2);
    const workers = [live, behind, away];
    const firsts = workers.map(({ payloads }) => payloads.find(({ t }) => t === 'READY')?.s);
    away.socket.terminate();
    behind.pause();
    await simulator.burst(1, BEHIND_DISPATCHES);
    await simulator.burst(2, 5_000);
    await tailWritten(simulator, node);
    simulator.setRate(600);
    await live.reached(live.lastSequence + 100);
    await end(node);
    behind.unpause();
    await Promise.all(workers.map((worker) => worker.closed()));
    await using second = await startNode(options);
    const successors = await Promise.all(workers.map((worker, shard) => resumed(second, worker, shard)));
    await second.ready();
    const until = await Promise.all(workers.map((_, shard) => lastDispatch(simulator, shard)));
    await Promise.all(successors.map((worker, shard) => worker.reached(until[shard] ?? 0)));
    expect(behind.lastSequence).toBeLessThan(BEHIND_DISPATCHES);
    for (const [shard, worker] of workers.entries()) {
      const truth = truthLines(simulator.truth(shard).sessions[0]?.dispatches ?? [], {
        after: firsts[shard] ?? 0,
      });
      const successor = successors[shard];
      expect(
        worker.payloads.filter(({ op }) => op === 9),
        `INVALID_SESSION on shard ${shard}`,
      ).toEqual([]);
      expect(
        firstDifference(receivedLines(worker, successor ?? []), truth),
        `shard ${shard}`,
      ).toBeUndefined();
      successor?.[Symbol.dispose]();
    }
    expect(counts(simulator.stats())).toEqual({
      identifies: SHARDS,
      resumes: SHARDS,
      resumesRefused: 0,
      violations: {},
    });
  },
  60_000,
);
