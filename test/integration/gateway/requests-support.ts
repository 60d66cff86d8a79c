/** A simulator that knows its guilds, a node, and workers that ask it about them. Not a test itself. */
import { expect } from 'vitest';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { type NodeProcess, startNode } from '../../support/node.ts';
import { connectWorker, type Worker } from '../../support/worker.ts';

export type Body = Record<string, unknown>;
export type Guild = Body & { id: string; members: Body[]; presences: Body[] };

export interface Shard extends AsyncDisposable {
  readonly simulator: Simulator;
  readonly node: NodeProcess;
  /** A worker that is live. */
  worker(): Promise<Worker>;
  guild(index?: number): Guild;
}

/** A shard whose guilds the node has, each too large for Discord to send all of its members unasked. */
export async function startShard(
  options: Partial<SimulatorOptions> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<Shard> {
  const stack = new AsyncDisposableStack();
  try {
    const simulator = stack.use(
      await startSimulator({
        shards: 1,
        guilds: 1,
        eventsPerSecond: 0,
        guildState: true,
        guildSize: { channels: 5, roles: 5, members: 80 },
        ...options,
      }),
    );
    const node = stack.use(
      await startNode({ discord: simulator, env: { SHARDMUX_GUILDS_STATE: 'memory', ...env } }),
    );
    await node.ready();
    await eventually(() => simulator.stats().sessions[0]?.pendingGuilds === 0);
    const sent = () => (simulator.stats().sessions[0]?.sequence ?? 0) - 1;
    await eventually(async () => (await node.metric('shardmux_upstream_dispatches_total')) === sent());
    return {
      simulator,
      node,
      worker: async () => {
        const worker = stack.use(await connectWorker(node.workersUrl));
        worker.identify();
        await worker.next('READY');
        return worker;
      },
      guild: (index = 0) => simulator.guild(simulator.guildIds(0)[index] ?? '') as Guild,
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** All members of the guild, whoever asks. */
export function everyone(guild_id: string, more: Body = {}): Body {
  return { guild_id, query: '', limit: 0, ...more };
}

export function chunksOf(worker: Worker, nonce?: string): Body[] {
  return dispatched(worker, 'GUILD_MEMBERS_CHUNK').filter((chunk) => chunk['nonce'] === nonce);
}

export function dispatched(worker: Worker, type: string): Body[] {
  return worker.dispatches.filter(({ t }) => t === type).map(({ d }) => d as Body);
}

/** All chunks of one request, once they are there; in order and with its nonce. */
export async function answered(worker: Worker, nonce: string, deadlineMs = 10_000): Promise<Body[]> {
  // Chunks are large: only those that are of the request are parsed.
  const mark = `"nonce":"${nonce}"`;
  const payloads = await eventually(() => {
    worker.throwIfFailed();
    const found = worker.payloads.filter(
      ({ t, bytes }) => t === 'GUILD_MEMBERS_CHUNK' && bytes.includes(mark),
    );
    const count = Number(/"chunk_count":(\d+)/.exec(found[0]?.text ?? '')?.[1] ?? 1);
    if (found.length < count) throw new Error(`${found.length} chunks for ${nonce}; ${worker.summary}`);
    return found;
  }, deadlineMs);
  const chunks = payloads.map(({ d }) => d as Body);
  expect(chunks.map((chunk) => [chunk['nonce'], chunk['chunk_index']])).toEqual(
    chunks.map((_, index) => [nonce, index]),
  );
  return chunks;
}

export function membersIn(chunks: readonly Body[]): Body[] {
  return chunks.flatMap((chunk) => chunk['members'] as Body[]);
}

export function idsOf(members: readonly Body[]): string[] {
  return members.map((member) => String((member['user'] as Body)['id'])).sort();
}

/** Ops that Discord has been sent. */
export function opsSent(simulator: Simulator): number[] {
  return simulator.received.map(({ op }) => op);
}

/** Numbers never go backwards. */
export function expectOrdered(worker: Worker): void {
  const sequences = worker.dispatches.map(({ s }) => s ?? 0);
  expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
}
