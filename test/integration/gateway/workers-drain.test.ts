import { expect, test } from 'vitest';
import { startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { startNode, stateDirectory } from '../../support/node.ts';
import { connectWorker, firstDifference, receivedLines, truthLines } from '../../support/worker.ts';

test('a node that stops sends op 7, closes those that stay with 1012, and every worker resumes at the next, with nothing missed', async () => {
  await using simulator = await startSimulator({ shards: 1, guilds: 40, eventsPerSecond: 500 });
  using directory = stateDirectory();
  await using node = await startNode({ discord: simulator, directory: directory.path });
  await node.ready();
  using worker = await connectWorker(node.workersUrl);
  worker.identify();
  const after = (await worker.next('READY')).s ?? 0;
  using echoing = await connectWorker(node.workersUrl);
  echoing.identify();
  await echoing.next('READY');
  await worker.reached(after + 100);

  // A library that closes with 1000 itself when it reads op 7.
  echoing.socket.on('message', () => {
    if (echoing.payloads.at(-1)?.op === 7) echoing.socket.close(1000);
  });
  expect(await node.stop()).toBe(0);
  expect(await worker.closed()).toBe(1012);
  expect(worker.closeReason).toBe('shardmux restarts; RESUME');
  expect(worker.payloads.at(-1)?.text).toBe('{"t":null,"s":null,"op":7,"d":null}');
  expect(await echoing.closed()).toBe(1000);
  expect(echoing.payloads.at(-1)?.op).toBe(7);

  await using next = await startNode({ discord: simulator, directory: directory.path });
  await next.ready();
  simulator.setRate(0);
  const head = simulator.stats().sessions[0]?.sequence ?? 0;
  using second = await connectWorker(next.workersUrl);
  second.resume({ sessionId: worker.sessionId, seq: worker.lastSequence });
  await second.next('RESUMED');
  using echoed = await connectWorker(next.workersUrl);
  echoed.resume({ sessionId: echoing.sessionId, seq: echoing.lastSequence });
  await echoed.next('RESUMED');
  const last = simulator.dispatch(0, 'TYPING_START', {});
  expect(last).toBeGreaterThan(head);
  await Promise.all([second.reached(last), echoed.reached(last)]);

  const truth = truthLines(simulator.truth(0).sessions[0]?.dispatches ?? [], { after });
  expect(firstDifference(receivedLines(worker, second), truth)).toBeUndefined();
  const { identifies, violations } = simulator.stats();
  expect({ identifies, violations }).toEqual({ identifies: 1, violations: {} });
});

test('a worker that does not answer the close holds up the end no longer than the drain time', async () => {
  await using simulator = await startSimulator({ shards: 1, guilds: 1, eventsPerSecond: 0 });
  await using node = await startNode({
    discord: simulator,
    env: { SHARDMUX_WORKERS_DRAIN_TIMEOUT_MS: '300ms' },
  });
  await node.ready();
  using worker = await connectWorker(node.workersUrl);
  worker.identify();
  await worker.next('READY');
  worker.pause();
  const startedAt = performance.now();
  expect(await node.stop()).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(4_000);
  worker.unpause();
  await eventually(() => worker.closeCode);
});
