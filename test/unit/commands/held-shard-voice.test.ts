/** Whose the bot's voice is, from one process to the next: what a shard makes of a stored tail is what the other one had. */
import { expect, it } from 'vitest';
import type { StoredPart } from '../../../src/cluster/index.ts';
import { HeldShard } from '../../../src/commands/gateway/held-shard.ts';
import {
  EVERYTHING,
  EventLog,
  LogMemory,
  type TailBase,
  type TailChunk,
  TailCompressor,
  type TailStore,
} from '../../../src/log/index.ts';
import { EventTypeId } from '../../../src/protocol/event-types.ts';
import { Random } from '../../../src/simulator/random.ts';
import { eventually } from '../../support/eventually.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { WITHOUT_GUILDS } from './guild-states.ts';

const BOT = '1';
const GUILDS = ['100000000000000010', '100000000000000011', '100000000000000012'] as const;
const TAGS = ['A', 'B', 'C'] as const;
const CHANNELS = ['20', '21', null] as const;

/** Keeps parts as files are, each begun by a base; new ones begin and old ones go at random. */
class RandomStore implements TailStore {
  parts: { base: TailBase; chunks: TailChunk[] }[] = [];
  isBroken = false;
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  async begin(base: TailBase): Promise<void> {
    if (this.isBroken) throw new Error('ENOSPC');
    this.parts = [{ base: structuredClone(base), chunks: [] }];
  }

  async append(chunk: TailChunk, base: () => TailBase): Promise<void> {
    if (this.isBroken) throw new Error('ENOSPC');
    if (this.#random.below(6) === 0) this.parts.push({ base: structuredClone(base()), chunks: [] });
    this.parts.at(-1)?.chunks.push(chunk);
    if (this.parts.length > 2 + this.#random.below(4)) this.parts.shift();
  }

  get lastSequence(): number {
    const part = this.parts.at(-1);
    return part?.chunks.at(-1)?.lastSequence ?? part?.base.sequence ?? 0;
  }

  /** As in Redis: one base, the newest, before chunks that are older than it. */
  get withOneBase(): StoredPart[] {
    const chunks = this.parts.flatMap((part) => part.chunks);
    const { state, sequence } = this.parts.at(-1)?.base ?? { state: {}, sequence: 0 };
    return [{ base: { state, sequence: chunks[0]?.afterSequence ?? sequence }, chunks }];
  }
}

function newShard(clock: ManualClock, warnings: string[] = []): HeldShard {
  const note = () => undefined;
  const warn = (_fields: object, message: string) => void warnings.push(message);
  return new HeldShard({
    shardId: 0,
    shardCount: 1,
    log: new EventLog({ maxBytes: 1 << 22, maxAgeMs: 1e9, memory: new LogMemory(1 << 22) }),
    tailFlush: { intervalMs: 100, bytes: 1 << 20 },
    tailCompressor: new TailCompressor(),
    clock,
    logger: { info: note, warn, debug: note },
    voiceMode: 'owner',
    guildState: WITHOUT_GUILDS,
    loadGuilds: async () => undefined,
    onServingChanged: note,
  });
}

/** A shard on which things happen. */
class LiveShard {
  readonly clock = new ManualClock();
  readonly shard = newShard(this.clock);
  readonly store: RandomStore;
  readonly #random: Random;
  #sequence = 0;
  #sessions = 0;

  constructor(random: Random) {
    this.#random = random;
    this.store = new RandomStore(random);
    const { store } = this;
    this.shard.tail.open({
      begin: (base) => store.begin(base),
      append: (chunk, base) => store.append(chunk, base),
      bytes: 0,
      [Symbol.asyncDispose]: async () => undefined,
    });
    this.beginSession();
    // Connected, so that none of them is given up for being away.
    for (const tag of TAGS) this.shard.voice.connect(tag, { onVoiceServer: () => true });
  }

  beginSession(): void {
    this.#sequence = 1;
    const sessionId = `session-${++this.#sessions}`;
    const ready = { user: { id: BOT }, guilds: GUILDS.map((id) => ({ id })) };
    this.shard.sessionStarted({ sessionId, resumeUrl: 'ws://127.0.0.1' }, 1, ready);
  }

  dispatch(t: string, typeId: number, d: object): void {
    const sequence = ++this.#sequence;
    this.shard.dispatch(sequence, typeId, Buffer.from(JSON.stringify({ t, s: sequence, op: 0, d })));
  }

  happen(): void {
    const random = this.#random;
    const guild_id = random.pick(GUILDS);
    const tag = random.pick(TAGS);
    const { voice } = this.shard;
    const choice = random.below(100);
    if (choice < 15)
      voice.commanded({ tag, startSequence: 1 }, { guild_id, channel_id: random.pick(CHANNELS) });
    else if (choice < 30)
      this.dispatch('VOICE_STATE_UPDATE', EventTypeId.VoiceStateUpdate, {
        user_id: BOT,
        guild_id,
        channel_id: random.pick(CHANNELS),
      });
    else if (choice < 40)
      this.dispatch('VOICE_SERVER_UPDATE', EventTypeId.VoiceServerUpdate, {
        token: `t${this.#sequence}`,
        guild_id,
        endpoint: 'a:443',
      });
    else if (choice < 43) voice.end(tag);
    else if (choice < 44) this.dispatch('GUILD_DELETE', EventTypeId.GuildDelete, { id: guild_id });
    else if (choice < 46) this.dispatch('GUILD_CREATE', EventTypeId.GuildCreate, { id: guild_id });
    else if (choice < 48) this.store.isBroken = !this.store.isBroken;
    else if (choice < 49) this.beginSession();
    else this.dispatch('X', EventTypeId.Other, { pad: 'x'.repeat(random.below(3_000)) });
  }

  /** Resolves when the store has all of it; something has to follow a change that is no dispatch. */
  async written(): Promise<void> {
    this.store.isBroken = false;
    await eventually(() => {
      if (this.shard.voice.table.read()) this.dispatch('X', EventTypeId.Other, {});
      this.clock.advance(1_000);
      return this.store.lastSequence === this.shard.head && !this.shard.voice.table.read();
    });
  }
}

async function restored(parts: readonly StoredPart[]): Promise<HeldShard> {
  const warnings: string[] = [];
  const shard = newShard(new ManualClock(), warnings);
  const position = { generation: '1', sequence: parts.at(-1)?.chunks.at(-1)?.lastSequence ?? 0 };
  await shard.restore({ position, isContinuation: false, parts });
  expect(warnings).toEqual([]);
  return shard;
}

const asStored = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

function framesFor(shard: HeldShard, after: number, reader: (typeof TAGS)[number] | undefined): Buffer {
  const cursor = shard.log.cursorAfter(after, reader);
  const runs: Buffer[] = [];
  for (let run = cursor?.read(1 << 20); run; run = cursor?.read(1 << 20)) runs.push(run);
  return Buffer.concat(runs);
}

it('whatever happens, the next process has the same owners, and the same dispatches for each', async () => {
  const random = new Random(11);
  const live = new LiveShard(random);
  let addressed = 0;
  let owners = 0;
  for (let round = 0; round < 60; round++) {
    for (let step = random.below(60); step > 0; step--) {
      live.happen();
      if (random.below(4) > 0) continue;
      live.clock.advance(random.below(150));
      await new Promise(setImmediate);
    }
    await live.written();
    const { shard, store } = live;
    for (const parts of [store.parts, store.withOneBase]) {
      using next = await restored(parts);
      expect(next.head).toBe(shard.head);
      expect(asStored(next.voice.table.state)).toEqual(asStored(shard.voice.table.state));
      const after = Math.max(next.log.floor, shard.log.floor);
      for (const reader of [...TAGS, undefined])
        expect(framesFor(next, after, reader).equals(framesFor(shard, after, reader))).toBe(true);
      expect(next.log.cursorAfter(after, EVERYTHING)?.isLost).toBe(false);
      addressed += next.log.addressedRecords;
      owners += next.voice.table.owners;
    }
  }
  expect(Math.min(addressed, owners)).toBeGreaterThan(50);
  await live.shard.tail.close();
  live.shard[Symbol.dispose]();
  expect(live.clock.pendingTimers).toBe(0);
});
