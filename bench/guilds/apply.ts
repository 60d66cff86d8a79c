/**
 * What guild state costs on the hot path: `GuildSnapshots.apply` over the simulator's default mix of events, and apart from it what is
 * done later, when there is time.
 */
import { GuildCompressor, GuildSnapshots, MergeRounds } from '../../src/guilds/index.ts';
import { eventTypeId } from '../../src/protocol/event-types.ts';
import { ALL_INTENTS } from '../../src/protocol/intents.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { EventTemplates } from '../../src/simulator/payloads/events.ts';
import { GuildSet, renderGuildCreate } from '../../src/simulator/payloads/guilds.ts';
import { BOT_USER_ID, createUsers } from '../../src/simulator/payloads/users.ts';
import { Random } from '../../src/simulator/random.ts';
import { median } from '../medians.ts';
import { inProcess } from './in-process.ts';

const EVENTS = 50_000;
const GUILDS = 500;
const RUNS = 9;
/** As many come in one read of a busy socket. */
const EVENTS_PER_READ = 100;

interface Events {
  readonly bytes: Buffer;
  readonly ends: Uint32Array;
  readonly typeIds: Uint16Array;
}

const random = new Random(1);
const users = createUsers(random);
const guilds = new GuildSet(0, 1, GUILDS);

function typeIdOf(t: string): number {
  return eventTypeId(Buffer.from(t), 0, t.length);
}

function makeEvents(): Events {
  const templates = new EventTemplates(random, users);
  const payloads: Buffer[] = [];
  const ends = new Uint32Array(EVENTS);
  const typeIds = new Uint16Array(EVENTS);
  let end = 0;
  for (let index = 0; index < EVENTS; index += 1) {
    const event = templates.next(guilds.pick(random), ALL_INTENTS, random);
    if (!event) throw new Error('nothing is asked for');
    const payload = Buffer.from(`{"t":"${event.t}","s":${index + 2},"op":0,"d":${event.d}}`);
    payloads.push(payload);
    end += payload.length;
    ends[index] = end;
    typeIds[index] = typeIdOf(event.t);
  }
  return { bytes: Buffer.concat(payloads), ends, typeIds };
}

function newSnapshots(compressor: GuildCompressor, rounds: MergeRounds): GuildSnapshots {
  const snapshots = new GuildSnapshots({
    options: { ownUserId: BOT_USER_ID, off: new Set(), lastMessageIds: false },
    clock: systemClock,
    compressor,
    rounds,
    maxPendingBytesPerGuild: 16 * 1024,
    maxPendingBytes: 8 * 1024 * 1024,
    maxBytes: 256 * 1024 * 1024,
  });
  snapshots.reset([], 1);
  for (const guild of guilds.all()) {
    const payload = `{"t":"GUILD_CREATE","s":1,"op":0,"d":${renderGuildCreate(guild, users, true)}}`;
    snapshots.apply(1, typeIdOf('GUILD_CREATE'), Buffer.from(payload));
  }
  while (snapshots.mergeSome(1_000));
  return snapshots;
}

/** Microseconds an event: on the hot path, and later. */
function run({ bytes, ends, typeIds }: Events, apply: GuildSnapshots['apply'], later: () => void): number[] {
  let applyNs = 0n;
  let laterNs = 0n;
  let start = 0;
  for (let index = 0; index < EVENTS; ) {
    const until = Math.min(EVENTS, index + EVENTS_PER_READ);
    const startedAt = process.hrtime.bigint();
    for (; index < until; index += 1) {
      const end = ends[index] ?? 0;
      apply(index + 2, typeIds[index] ?? 0, bytes, start, end);
      start = end;
    }
    const appliedAt = process.hrtime.bigint();
    later();
    applyNs += appliedAt - startedAt;
    laterNs += process.hrtime.bigint() - appliedAt;
  }
  return [Number(applyNs) / 1_000 / EVENTS, Number(laterNs) / 1_000 / EVENTS];
}

/** Microseconds an event. */
export interface ApplyTimes {
  /** On the hot path. */
  readonly applyUs: number;
  /** When there is time. */
  readonly laterUs: number;
}

export function measureApply(signal: AbortSignal): Promise<ApplyTimes> {
  return inProcess({ file: import.meta.filename, signal });
}

function main(): void {
  const events = makeEvents();
  using compressor = new GuildCompressor();
  using rounds = new MergeRounds({ clock: systemClock });
  const applied: number[] = [];
  const later: number[] = [];
  for (let count = 0; count < RUNS; count += 1) {
    using snapshots = newSnapshots(compressor, rounds);
    const [applyUs = 0, laterUs = 0] = run(events, snapshots.apply.bind(snapshots), () => {
      snapshots.mergeSome(1_000);
    });
    applied.push(applyUs);
    later.push(laterUs);
  }
  const times: ApplyTimes = { applyUs: median(applied), laterUs: median(later) };
  console.log(JSON.stringify(times));
}

if (import.meta.main) main();
