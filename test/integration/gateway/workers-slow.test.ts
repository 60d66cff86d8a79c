import { expect, test } from 'vitest';
import { startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { type NodeProcess, startNode } from '../../support/node.ts';
import {
  connectWorker,
  firstDifference,
  receivedLines,
  truthLines,
  type Worker,
} from '../../support/worker.ts';

const MIB = 1024 * 1024;

async function liveWorker(node: NodeProcess): Promise<Worker> {
  const worker = await connectWorker(node.workersUrl);
  worker.identify();
  await worker.next('READY');
  return worker;
}

test('a worker that stops reading disturbs nobody, costs bounded memory, and is told when it has missed something', async () => {
  await using simulator = await startSimulator({ shards: 1, guilds: 2, eventsPerSecond: 0 });
  await using node = await startNode({
    discord: simulator,
    env: {
      SHARDMUX_EVENT_LOG_MAX_BYTES_PER_SHARD: '4MiB',
      SHARDMUX_WORKERS_MAX_UNSENT_BYTES: '256KiB',
      SHARDMUX_WORKERS_HEARTBEAT_INTERVAL_MS: '60s',
    },
  });
  await node.ready();
  using quick = await liveWorker(node);
  using slow = await liveWorker(node);
  const after = slow.lastSequence;
  slow.pause();
  // What the kernel and the log take together is below this.
  const rounds = 15;
  await simulator.burst(0, 2_000);
  await quick.reached(after + 2_000);
  const before = await node.metric('process_resident_memory_bytes');
  for (let round = 1; round < rounds; round++) {
    await simulator.burst(0, 2_000);
    await quick.reached(after + 2_000 * (round + 1));
    expect(await node.metric('shardmux_workers_unsent_bytes')).toBeLessThan(MIB);
    expect(await node.metric('shardmux_log_bytes')).toBeLessThanOrEqual(4 * MIB);
  }
  const grown = ((await node.metric('process_resident_memory_bytes')) ?? 0) - (before ?? 0);
  expect(grown).toBeLessThan(150 * MIB);
  const truth = truthLines(simulator.truth(0).sessions[0]?.dispatches ?? [], { after });
  expect(truth).toHaveLength(2_000 * rounds);
  expect(firstDifference(receivedLines(quick), truth)).toBeUndefined();

  await eventually(async () => (await node.metric('shardmux_workers_lost_total')) === 1);
  slow.unpause();
  await slow.next(9);
  const received = receivedLines(slow);
  expect(received.length).toBeLessThan(truth.length);
  expect(firstDifference(received, truth.slice(0, received.length))).toBeUndefined();
  slow.identify();
  await slow.next('READY', 2);
  const last = simulator.dispatch(0, 'TYPING_START', {});
  await slow.reached(last);
}, 60_000);

test('a worker that pauses again and again within the window gets everything once and in order', async () => {
  await using simulator = await startSimulator({ shards: 1, guilds: 2, eventsPerSecond: 0 });
  await using node = await startNode({ discord: simulator });
  await node.ready();
  using worker = await liveWorker(node);
  const after = worker.lastSequence;
  for (let round = 1; round <= 5; round++) {
    worker.pause();
    await simulator.burst(0, 4_000);
    await eventually(
      async () => (await node.metric('shardmux_upstream_dispatches_total')) === after - 1 + 4_000 * round,
    );
    worker.unpause();
    await worker.reached(after + 4_000 * round - 1_000);
  }
  await worker.reached(after + 20_000);
  const truth = truthLines(simulator.truth(0).sessions[0]?.dispatches ?? [], { after });
  expect(firstDifference(receivedLines(worker), truth)).toBeUndefined();
  expect(await node.metric('shardmux_workers_lost_total')).toBe(0);
}, 60_000);

test('a RESUME from before the log’s window gets INVALID_SESSION, one from its oldest sequence all of it', async () => {
  await using simulator = await startSimulator({ shards: 1, guilds: 2, eventsPerSecond: 0 });
  await using node = await startNode({
    discord: simulator,
    env: { SHARDMUX_EVENT_LOG_MAX_BYTES_PER_SHARD: '1MiB' },
  });
  await node.ready();
  const gone = await liveWorker(node);
  const { sessionId } = gone;
  gone[Symbol.dispose]();
  await simulator.burst(0, 3_000);
  const head = simulator.stats().sessions[0]?.sequence ?? 0;
  await eventually(async () => (await node.metric('shardmux_upstream_dispatches_total')) === head - 1);
  const answer = async (seq: number) => {
    using worker = await connectWorker(node.workersUrl);
    worker.resume({ sessionId, seq });
    return await eventually(() => {
      const found = worker.payloads.find(({ op, t }) => op === 9 || t === 'RESUMED');
      if (!found) throw new Error(`no answer to RESUME from ${seq}: ${worker.summary}`);
      return found.op;
    });
  };
  let [refused, granted] = [1, head];
  while (granted - refused > 1) {
    const middle = Math.floor((refused + granted) / 2);
    if ((await answer(middle)) === 9) refused = middle;
    else granted = middle;
  }
  expect(granted).toBeLessThan(head);
  using worker = await connectWorker(node.workersUrl);
  worker.resume({ sessionId, seq: granted });
  await worker.next('RESUMED');
  const truth = truthLines(simulator.truth(0).sessions[0]?.dispatches ?? [], { after: granted });
  expect(firstDifference(receivedLines(worker), truth)).toBeUndefined();
});
