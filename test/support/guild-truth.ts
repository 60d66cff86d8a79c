/** What a worker that IDENTIFYs gets of guilds, against what the simulated Discord knows. */
import type { Simulator } from '../../src/simulator/index.ts';
import { eventually } from './eventually.ts';
import { connectWorker, type Worker, type WorkerOptions } from './worker.ts';

/** The simulator's GUILD_CREATE does not carry it, and events do. */
const NOT_IN_GUILD_CREATE = 'voice_start_time';

/** As a set of elements: lists have no order that matters. */
export function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((element) => JSON.stringify(canonical(element))).sort();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== NOT_IN_GUILD_CREATE)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, element]) => [key, canonical(element)]),
  );
}

export interface GuildTruthOptions extends WorkerOptions {
  readonly shard?: number;
  readonly shardCount?: number;
  /** What of a guild a worker should get. */
  readonly expected?: (guild: Readonly<Record<string, unknown>>) => unknown;
}

/**
 * Resolves with how the guilds of a new session differ from the simulator's, `undefined` where they do not. Nothing may happen
 * meanwhile; a session that begins before the node has all there is is no session to compare, and another one begins.
 */
export async function guildDifference(
  url: string,
  simulator: Simulator,
  options: GuildTruthOptions = {},
): Promise<string | undefined> {
  const { shard = 0, shardCount = 1, expected = (guild) => guild } = options;
  return eventually(async () => {
    using worker = await connectWorker(url, { path: `/shards/${shard}`, ...options });
    worker.identify({ shard: [shard, shardCount] });
    const ready = await worker.next('READY');
    const truth = simulator.shardState(shard);
    await worker.reached(truth.sequence);
    const items = itemsOf(worker);
    if ((ready.s ?? 0) + items.size !== truth.sequence)
      throw new Error(`${items.size} guilds from ${ready.s} on, of ${truth.sequence}`);
    const listed = ready.d.guilds.map(({ id }: { id: string }) => id).sort();
    return {
      difference: firstDifference(items, truth.guilds, expected) ?? listDifference(listed, truth.guilds),
    };
  }, 20_000).then(({ difference }) => difference);
}

function itemsOf(worker: Worker): Map<string, { t: string | null; d: Record<string, unknown> }> {
  const items = worker.dispatches.filter(({ t }) => t === 'GUILD_CREATE' || t === 'GUILD_DELETE');
  return new Map(items.map(({ t, d }) => [String(d.id), { t, d }]));
}

type Guilds = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

function listDifference(listed: readonly string[], guilds: Guilds): string | undefined {
  const there = Object.keys(guilds).sort();
  return JSON.stringify(listed) === JSON.stringify(there) ? undefined : `READY lists ${listed}, of ${there}`;
}

function firstDifference(
  items: ReturnType<typeof itemsOf>,
  guilds: Guilds,
  expected: (guild: Readonly<Record<string, unknown>>) => unknown,
): string | undefined {
  for (const [id, guild] of Object.entries(guilds)) {
    const item = items.get(id);
    const t = guild['unavailable'] === true ? 'GUILD_DELETE' : 'GUILD_CREATE';
    if (item?.t !== t) return `guild ${id} came as ${item?.t}, not as ${t}`;
    const [got, wanted] = [canonical(item.d), canonical(expected(guild))].map((body) => JSON.stringify(body));
    if (got !== wanted) return `guild ${id} is ${got}, not ${wanted}`;
  }
  return undefined;
}
