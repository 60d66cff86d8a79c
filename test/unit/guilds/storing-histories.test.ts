/** What is stored at any moments, by processes that crash at any moments, and the dispatches since: always the simulator's own guilds. */
import { describe, expect, it } from 'vitest';
import { GUILD_KINDS, type GuildKind, type GuildOptions, stripGuild } from '../../../src/guilds/index.ts';
import { Random } from '../../../src/simulator/random.ts';
import { MemoryGuildStore } from '../../support/memory-guild-store.ts';
import { comparable, type Dispatch, OPTIONS, SimulatedShard } from './simulated-shard.ts';
import { bodiesIn, readAll, Store } from './snapshot-store.ts';
import { EPOCH, loaded, storeAll } from './stored-guilds.ts';

const GUILDS = 5;
const PROCESSES = 8;
const ROUNDS = 6;

/** A shard whose snapshots go from one process to the next. */
class Succession {
  readonly random: Random;
  readonly kept = new MemoryGuildStore();
  readonly shard: SimulatedShard;
  readonly #history: Dispatch[] = [];
  readonly #options: GuildOptions;
  store: Store;

  constructor(seed: number, off: readonly GuildKind[] = []) {
    this.random = new Random(seed);
    this.#options = { ...OPTIONS, off: new Set(off) };
    this.store = new Store({ options: this.#options });
    this.shard = new SimulatedShard(seed, GUILDS, (dispatch) => {
      this.#history.push(dispatch);
      this.store.apply(dispatch);
    });
    this.store.snapshots.reset(this.shard.readyGuilds, 1);
  }

  async begin(): Promise<void> {
    const guildIds = this.shard.guildIds;
    await this.kept.begin({ epoch: EPOCH, sequence: 1, guildIds, ownUser: undefined });
    this.kept.before = () => this.happen(3);
    this.shard.introduce();
  }

  happen(most: number): void {
    this.shard.happen(this.random.below(most));
    if (this.random.next() < 0.3) this.store.snapshots.mergeSome(1);
    if (this.random.next() < 0.1) readAll(this.store.snapshots);
  }

  async write(): Promise<void> {
    for (let round = this.random.below(ROUNDS); round > 0; round -= 1) {
      this.happen(120);
      const mayCrash = round === 1 && this.random.next() < 0.7;
      await storeAll(this.store.snapshots, this.kept, () => !mayCrash || this.random.next() < 0.5);
    }
    this.happen(60);
  }

  /** The next process has what is stored, and what the tail has. */
  async next(): Promise<void> {
    const store = await loaded(this.kept, { options: this.#options });
    const after = this.kept.checkpoint?.sequence ?? 0;
    this.store[Symbol.dispose]();
    this.store = store;
    for (const dispatch of this.#history) {
      if (dispatch.sequence > after) this.store.apply(dispatch);
      if (this.random.next() < 0.01) this.store.snapshots.mergeSome(1);
    }
  }

  /** The simulator's guilds, as far as they are kept. */
  truth(): object {
    const all = Object.entries(this.shard.truth());
    return Object.fromEntries(all.map(([id, body]) => [id, this.#stripped(body)]));
  }

  #stripped(body: Readonly<Record<string, unknown>>): object {
    // Lists are pairs of a key and an element there.
    const lists = Object.entries(body).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.map(([, element]) => element) : value,
    ]);
    return comparable(stripGuild(Object.fromEntries(lists), this.#options));
  }

  read(): object {
    using reading = this.store.snapshots.read();
    return bodiesIn(reading);
  }
}

async function run(succession: Succession): Promise<void> {
  await succession.begin();
  for (let process = 0; process < PROCESSES; process += 1) {
    await succession.write();
    await succession.next();
    expect(succession.read()).toEqual(succession.truth());
  }
  expect(succession.store.snapshots.counts).toMatchObject({ unreadable: 0, awaitedGuilds: 0 });
  succession.store[Symbol.dispose]();
}

describe('over random histories, with rounds cut at any point', () => {
  it.each(
    Array.from({ length: 20 }, (_, index) => index + 1),
  )("what the next process loads comes to the simulator's own guilds (seed %i)", async (seed) =>
    run(new Succession(seed)));

  it.each(GUILD_KINDS)('… without %s, where that is switched off', async (kind) =>
    run(new Succession(GUILD_KINDS.indexOf(kind) + 100, [kind])));

  it('… with nothing but what is always kept', async () => run(new Succession(200, GUILD_KINDS)));
});
