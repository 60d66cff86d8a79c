/** What it takes to read the guilds of a shard for a worker, by how much is pending. */
import { GuildCompressor, GuildSnapshots, MergeRounds } from '../../src/guilds/index.ts';
import { eventTypeId } from '../../src/protocol/event-types.ts';
import { ALL_INTENTS } from '../../src/protocol/intents.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { GuildSet } from '../../src/simulator/payloads/guilds.ts';
import { BOT_USER_ID, createUsers } from '../../src/simulator/payloads/users.ts';
import { Random } from '../../src/simulator/random.ts';
import { ShardState } from '../../src/simulator/state/shard-state.ts';
import { median } from '../medians.ts';
import { inProcess } from './in-process.ts';

const GUILDS = 500;
const SIZE = { channels: 30, roles: 20, members: 50 };
/** For each guild. */
const EVENTS = [0, 2, 10, 40];
const KIBIBYTE = 1024;

interface Dispatch {
  readonly typeId: number;
  readonly payload: Buffer;
}

/** One list for each of `EVENTS`. Beforehand, because a simulated Discord is a large heap to collect garbage in. */
function generate(): Dispatch[][] {
  const guilds = new GuildSet(0, 1, GUILDS);
  const users = createUsers(new Random(1));
  const state = new ShardState({ shard: 0, seed: 1, guilds, size: SIZE, users });
  let sequence = 1;
  let dispatches: Dispatch[] = [];
  const dispatch = (t: string, d: string) => {
    sequence += 1;
    const payload = Buffer.from(`{"t":"${t}","s":${sequence},"op":0,"d":${d}}`);
    dispatches.push({ typeId: eventTypeId(Buffer.from(t), 0, t.length), payload });
    return sequence;
  };
  const listener = { intents: ALL_INTENTS, largeThreshold: SIZE.members, dispatch };
  return EVENTS.map((events) => {
    dispatches = [];
    if (events === 0) for (const guild of guilds.all()) state.introduce(guild, listener);
    for (let left = events * GUILDS; left > 0; left -= 1) state.happen(listener);
    return dispatches;
  });
}

export interface GuildReadingTimes {
  readonly what: string;
  readonly guildKib: number;
  /** For a guild. */
  readonly medianMs: number;
  readonly meanMs: number;
  readonly mostMs: number;
  /** Before the first. */
  readonly begunMs: number;
}

export function measureReadings(signal: AbortSignal): Promise<GuildReadingTimes[]> {
  return inProcess({ file: import.meta.filename, signal });
}

function main(): void {
  const phases = generate();
  using compressor = new GuildCompressor();
  using rounds = new MergeRounds({ clock: systemClock });
  using snapshots = new GuildSnapshots({
    options: { ownUserId: BOT_USER_ID, off: new Set(), lastMessageIds: false },
    clock: systemClock,
    compressor,
    rounds,
    maxPendingBytesPerGuild: 16 * KIBIBYTE,
    maxPendingBytes: 64 * KIBIBYTE * KIBIBYTE,
    maxBytes: 256 * KIBIBYTE * KIBIBYTE,
  });
  const readings: GuildReadingTimes[] = [];
  for (const [phase, dispatches] of phases.entries()) {
    for (const { typeId, payload } of dispatches) snapshots.apply(snapshots.sequence + 1, typeId, payload);
    while (snapshots.mergeSome(1_000));
    for (const round of ['first', 'next'])
      readings.push({ what: `${EVENTS[phase]} events later, ${round} reading`, ...measure(snapshots) });
  }
  console.log(JSON.stringify(readings));
}

function measure(snapshots: GuildSnapshots): Omit<GuildReadingTimes, 'what'> {
  const startedAt = performance.now();
  using reading = snapshots.read();
  const begunMs = performance.now() - startedAt;
  const times: number[] = [];
  let bytes = 0;
  for (;;) {
    const itemAt = performance.now();
    const item = reading.next();
    if (!item) break;
    bytes += item.d.length;
    times.push(performance.now() - itemAt);
  }
  return {
    guildKib: bytes / reading.count / KIBIBYTE,
    medianMs: median(times),
    meanMs: times.reduce((sum, time) => sum + time, 0) / times.length,
    mostMs: Math.max(...times),
    begunMs,
  };
}

if (import.meta.main) main();
