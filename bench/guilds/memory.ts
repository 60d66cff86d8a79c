/**
 * What a thousand typical guilds take: as they are kept, and as parsed objects.
 * Each way has processes of its own, a small and a large one: what the large one has more is the guilds', and what both have is the
 * heap that parsing and this generator of guilds leave behind, which a process does not give back.
 */
import { GuildCompressor, GuildSnapshots, type JsonObject, MergeRounds } from '../../src/guilds/index.ts';
import { eventTypeId } from '../../src/protocol/event-types.ts';
import { ALL_INTENTS } from '../../src/protocol/intents.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { GuildSet } from '../../src/simulator/payloads/guilds.ts';
import { BOT_USER_ID, createUsers } from '../../src/simulator/payloads/users.ts';
import { Random } from '../../src/simulator/random.ts';
import { ShardState } from '../../src/simulator/state/shard-state.ts';
import { inProcess } from './in-process.ts';

const FEW_GUILDS = 2_000;
const MANY_GUILDS = 8_000;
const SIZE = { channels: 30, roles: 20, members: 50 };
/** A simulated guild takes memory itself; so few exist at a time. */
const GUILDS_AT_A_TIME = 50;
/** Of pending bytes, for each guild. */
const MAX_PENDING_BYTES_EACH = 4 * 1024;
/** Small, so that both processes have touched all of it. */
const YOUNG_HEAP = '--max-semi-space-size=4';
const MEBIBYTE = 1024 * 1024;
/** What has happened in each guild: little, and so much that pending bytes have been at their bound. */
const FEW_EVENTS = 20;
const MANY_EVENTS = 100;

/** Where a dispatch is received, time and again. */
const received = Buffer.allocUnsafe(MEBIBYTE);

type Take = (t: string, payload: Buffer, sequence: number) => void;

/** Dispatches of guilds that differ in all: each batch of them has its own seed and ids. */
function generate(count: number, events: number, take: Take): void {
  let sequence = 1;
  const users = createUsers(new Random(1));
  for (let batch = 0; batch * GUILDS_AT_A_TIME < count; batch += 1) {
    const guilds = new GuildSet(batch, MANY_GUILDS / GUILDS_AT_A_TIME, GUILDS_AT_A_TIME);
    const state = new ShardState({ shard: batch, seed: batch, guilds, size: SIZE, users });
    const dispatch = (t: string, d: string) => {
      sequence += 1;
      const length = received.write(`{"t":"${t}","s":${sequence},"op":0,"d":${d}}`);
      take(t, received.subarray(0, length), sequence);
      return sequence;
    };
    const listener = { intents: ALL_INTENTS, largeThreshold: SIZE.members, dispatch };
    for (const guild of guilds.all()) state.introduce(guild, listener);
    for (let left = events * GUILDS_AT_A_TIME; left > 0; left -= 1) state.happen(listener);
  }
}

function settledRss(): number {
  for (let count = 0; count < 4; count += 1) globalThis.gc?.();
  return process.memoryUsage().rss;
}

function keep(count: number, events: number): unknown {
  const compressor = new GuildCompressor();
  const snapshots = new GuildSnapshots({
    options: { ownUserId: BOT_USER_ID, off: new Set(), lastMessageIds: false },
    clock: systemClock,
    compressor,
    rounds: new MergeRounds({ clock: systemClock }),
    maxPendingBytesPerGuild: 16 * 1024,
    maxPendingBytes: count * MAX_PENDING_BYTES_EACH,
    maxBytes: 256 * MEBIBYTE,
  });
  generate(count, events, (t, payload, sequence) => {
    snapshots.apply(sequence, eventTypeId(Buffer.from(t), 0, t.length), payload);
    while (snapshots.mergeSome(1_000));
  });
  return snapshots;
}

function parse(count: number): unknown {
  const bodies: JsonObject[] = [];
  generate(count, 0, (_, payload) => bodies.push((JSON.parse(payload.toString()) as { d: JsonObject }).d));
  return bodies;
}

const WAYS: Readonly<Record<string, (guilds: number) => unknown>> = {
  'parsed objects': parse,
  'kept, at rest': (guilds) => keep(guilds, 0),
  [`kept, after ${FEW_EVENTS} events each`]: (guilds) => keep(guilds, FEW_EVENTS),
  [`kept, after ${MANY_EVENTS} events each`]: (guilds) => keep(guilds, MANY_EVENTS),
};

/** For a thousand guilds. */
export interface GuildMemory {
  readonly way: string;
  readonly rssMib: number;
  /** Of it, what the store itself knows of; `null` of parsed objects. */
  readonly bodiesMib: number | null;
  readonly pendingMib: number | null;
}

interface Measurement {
  readonly rss: number;
  readonly bodyBytes?: number;
  readonly pendingBytes?: number;
}

/** Each way, the first of which is not ours. */
export async function measureGuildMemory(signal: AbortSignal): Promise<GuildMemory[]> {
  const results: GuildMemory[] = [];
  for (const way of Object.keys(WAYS)) {
    const [few, many] = [await measured(way, FEW_GUILDS, signal), await measured(way, MANY_GUILDS, signal)];
    const mib = (large: number, small = 0) =>
      (large - small) / ((MANY_GUILDS - FEW_GUILDS) / 1_000) / MEBIBYTE;
    const { bodyBytes, pendingBytes } = many;
    results.push({
      way,
      rssMib: mib(many.rss, few.rss),
      bodiesMib: bodyBytes === undefined ? null : mib(bodyBytes, few.bodyBytes),
      pendingMib: pendingBytes === undefined ? null : mib(pendingBytes, few.pendingBytes),
    });
  }
  return results;
}

function measured(way: string, guilds: number, signal: AbortSignal): Promise<Measurement> {
  const file = import.meta.filename;
  return inProcess({ file, nodeOptions: ['--expose-gc', YOUNG_HEAP], args: [way, String(guilds)], signal });
}

/** In a process of its own. */
function measure(way: string, guilds: number): void {
  const kept = WAYS[way]?.(guilds);
  const rss = settledRss();
  console.log(JSON.stringify(kept instanceof GuildSnapshots ? { rss, ...kept.counts } : { rss }));
  // Not before: the guilds would be collected.
  if (kept === undefined) throw new Error(`nothing is called ${way}`);
}

if (import.meta.main) {
  const [way = '', guilds] = process.argv.slice(2);
  measure(way, Number(guilds));
}
