/** A simulator, a node and a live worker on one shard, and the check that nothing was lost, doubled or reordered. Not a test itself. */
import { expect } from 'vitest';
import {
  type Simulator,
  type SimulatorOptions,
  type SimulatorStats,
  startSimulator,
} from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { type NodeProcess, startNode } from '../../support/node.ts';
import {
  connectWorker,
  firstDifference,
  receivedLines,
  truthLines,
  type Worker,
} from '../../support/worker.ts';

export interface LiveShard extends AsyncDisposable {
  readonly simulator: Simulator;
  readonly node: NodeProcess;
  readonly worker: Worker;
  /** Sequence of the worker's READY: what it is owed comes after. */
  readonly first: number;
}

export async function liveShard(
  options: Partial<SimulatorOptions> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<LiveShard> {
  const stack = new AsyncDisposableStack();
  try {
    const simulator = stack.use(
      await startSimulator({ shards: 1, guilds: 50, eventsPerSecond: 500, ...options }),
    );
    const node = stack.use(await startNode({ discord: simulator, env }));
    await node.ready();
    const worker = stack.use(await connectWorker(node.workersUrl));
    worker.identify();
    const first = (await worker.next('READY')).s ?? 0;
    return { simulator, node, worker, first, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** Ends the flow with a dispatch of its own and returns its sequence: whoever has it has all. */
export async function lastDispatch(simulator: Simulator, shard = 0): Promise<number> {
  simulator.setRate(0);
  // The GUILD_CREATEs of a session that has just begun come at a pace of their own.
  await eventually(() => simulator.stats().sessions[shard]?.pendingGuilds === 0);
  return simulator.dispatch(shard, 'TYPING_START', { channel_id: '1', user_id: '2', timestamp: 3 });
}

/** The worker has everything after its READY, in order, as it was sent. */
export async function expectComplete(live: Pick<LiveShard, 'simulator' | 'worker' | 'first'>): Promise<void> {
  const { simulator, worker, first } = live;
  await worker.reached(await lastDispatch(simulator));
  const truth = truthLines(simulator.truth(0).sessions.at(-1)?.dispatches ?? [], { after: first });
  expect(truth.length).toBeGreaterThan(0);
  expect(firstDifference(receivedLines(worker), truth)).toBeUndefined();
}

export function counts({ identifies, resumes, resumesRefused, violations }: SimulatorStats) {
  return { identifies, resumes, resumesRefused, violations };
}
