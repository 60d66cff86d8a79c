/** A snapshot store under test: small bounds, time by hand. */
import {
  GuildCompressor,
  type GuildReading,
  GuildSnapshots,
  type GuildSnapshotsOptions,
  type JsonObject,
  MergeRounds,
} from '../../../src/guilds/index.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { comparable, type Dispatch, dispatchOf, OPTIONS } from './simulated-shard.ts';

const MEBIBYTE = 1024 * 1024;

export class Store implements Disposable {
  readonly clock = new ManualClock();
  readonly compressor = new GuildCompressor();
  readonly rounds = new MergeRounds({ clock: this.clock });
  readonly snapshots: GuildSnapshots;
  #sequence = 1;
  /** The newest of those that were made here. */
  last: Dispatch = dispatchOf(1, 'READY', {});

  constructor(options: Partial<GuildSnapshotsOptions> = {}) {
    this.snapshots = new GuildSnapshots({
      options: OPTIONS,
      clock: this.clock,
      compressor: this.compressor,
      rounds: this.rounds,
      maxPendingBytesPerGuild: 4 * 1024,
      maxPendingBytes: MEBIBYTE,
      maxBytes: 64 * MEBIBYTE,
      ...options,
    });
  }

  apply({ sequence, typeId, payload }: Dispatch): void {
    // In the midst of something else, as it comes from a socket.
    const bytes = Buffer.concat([Buffer.from('..'), payload, Buffer.from('"guild_id":"1"')]);
    this.snapshots.apply(sequence, typeId, bytes, 2, 2 + payload.length);
    bytes.fill(0);
  }

  dispatch(t: string, d: unknown): void {
    this.#sequence += 1;
    this.last = dispatchOf(this.#sequence, t, d);
    this.apply(this.last);
  }

  /** `d` as text, which need not be JSON. */
  dispatchText(t: string, d: string): void {
    this.#sequence += 1;
    this.apply(dispatchOf(this.#sequence, t, d));
  }

  typeId(t: string): number {
    return dispatchOf(1, t, {}).typeId;
  }

  [Symbol.dispose](): void {
    this.snapshots[Symbol.dispose]();
    this.rounds[Symbol.dispose]();
    this.compressor[Symbol.dispose]();
  }
}

/** Everything that is left in a reading, by guild, comparable. */
export function bodiesIn(reading: Pick<GuildReading, 'next'>): Record<string, JsonObject> {
  const bodies: Record<string, JsonObject> = {};
  for (let item = reading.next(); item; item = reading.next()) {
    const body = JSON.parse(item.d.toString()) as JsonObject;
    if ((item.t === 'GUILD_DELETE') !== (body['unavailable'] === true)) throw new Error(`${item.t} is wrong`);
    if (item.t === 'GUILD_DELETE' && Object.keys(body).length !== 2) throw new Error('it says too much');
    bodies[String(body['id'])] = comparable(body);
  }
  return bodies;
}

export function readAll(snapshots: GuildSnapshots): Record<string, JsonObject> {
  using reading = snapshots.read();
  return bodiesIn(reading);
}
