/** The snapshot store against the simulator's own guilds, over random histories, whatever is done with it meanwhile. */
import { describe, expect, it } from 'vitest';
import type { GuildReading, JsonObject } from '../../../src/guilds/index.ts';
import { Random } from '../../../src/simulator/random.ts';
import { type Dispatch, SimulatedShard } from './simulated-shard.ts';
import { bodiesIn, readAll, Store } from './snapshot-store.ts';

const SEEDS = [1, 2, 3, 4, 5, 6];
const ROUNDS = 60;
const GUILDS = 5;

interface Held {
  readonly reading: GuildReading;
  readonly truth: Record<string, JsonObject>;
  readonly sequence: number;
  readonly seen: Record<string, JsonObject>;
}

function start(seed: number, store: Store, onDispatch?: (dispatch: Dispatch) => void): SimulatedShard {
  const shard = new SimulatedShard(seed, GUILDS, (dispatch) => {
    store.apply(dispatch);
    onDispatch?.(dispatch);
  });
  store.snapshots.reset(shard.readyGuilds, 1);
  shard.introduce();
  return shard;
}

function hold(store: Store, shard: SimulatedShard): Held {
  const reading = store.snapshots.read();
  return { reading, truth: shard.truth(), sequence: shard.sequence, seen: {} };
}

function readOne({ reading, seen }: Held): boolean {
  const item = reading.next();
  if (item) seen[String(JSON.parse(item.d.toString()).id)] = JSON.parse(item.d.toString());
  return item !== undefined;
}

describe('over random histories', () => {
  it.each(SEEDS)("a reading is the simulator's own guilds at each moment (seed %i)", (seed) => {
    using store = new Store();
    const shard = start(seed, store);
    const random = new Random(seed);
    for (let round = 0; round < ROUNDS; round += 1) {
      shard.happen(random.below(60));
      if (random.next() < 0.5) store.snapshots.mergeSome(1);
      if (random.next() < 0.3) store.clock.advance(30);
      expect(store.snapshots.isComplete).toBe(true);
      expect(readAll(store.snapshots)).toEqual(shard.truth());
    }
    expect(store.snapshots.counts.merges).toBeGreaterThan(GUILDS);
    expect(store.snapshots.counts).toMatchObject({ unreadable: 0, droppedGuilds: 0, openReadings: 0 });
  });

  it.each(SEEDS)('readings that stay open go on with the guilds of their moment (seed %i)', (seed) => {
    using store = new Store();
    const shard = start(seed, store);
    const random = new Random(seed);
    let open: Held[] = [];
    for (let round = 0; round < ROUNDS * 2; round += 1) {
      if (random.next() < 0.3) open.push(hold(store, shard));
      shard.happen(random.below(40));
      if (random.next() < 0.5) store.snapshots.mergeSome(1);
      for (const held of open) if (random.next() < 0.3) readOne(held);
      open = open.filter((held) => random.next() < 0.8 || !isFinished(held));
    }
    for (const held of open) isFinished(held);
    expect(store.snapshots.counts.openReadings).toBe(0);
  });

  /** Reads what is left, and looks at all of it. */
  function isFinished(held: Held): true {
    while (readOne(held));
    held.reading[Symbol.dispose]();
    expect(held.reading.sequence).toBe(held.sequence);
    expect(held.reading.count).toBe(Object.keys(held.truth).length);
    expect([...held.reading.guildIds].sort()).toEqual(Object.keys(held.truth).sort());
    expect(comparableAll(held.seen)).toEqual(held.truth);
    return true;
  }
});

function comparableAll(seen: Record<string, JsonObject>): Record<string, JsonObject> {
  const items = Object.values(seen).map((body) => ({
    t: body['unavailable'] === true ? ('GUILD_DELETE' as const) : ('GUILD_CREATE' as const),
    d: Buffer.from(JSON.stringify(body)),
  }));
  return bodiesIn({ next: () => items.pop() });
}
