/** Whether the guilds of a shard are known, and what becomes of them where the shard goes. */
import { describe, expect, it } from 'vitest';
import { StoreUnreachableError } from '../../../src/cluster/index.ts';
import type { GuildState } from '../../../src/commands/gateway/guild-state.ts';
import { type GuildSession, HeldGuilds } from '../../../src/commands/gateway/held-guilds.ts';
import { EventLog, LogMemory } from '../../../src/log/index.ts';
import { yieldToEvents } from '../../../src/runtime/yield-to-events.ts';
import type { GuildReading } from '../../../src/workers/index.ts';
import { eventually } from '../../support/eventually.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryGuildStore } from '../../support/memory-guild-store.ts';
import { guild, member, role } from '../guilds/guild.ts';
import { dispatchOf } from '../guilds/simulated-shard.ts';
import { guildState, WITHOUT_GUILDS } from './guild-states.ts';

const IDS = ['1000', '2000'];
const READY = { sequence: 1, guildIds: IDS };
const SESSION: GuildSession = { epoch: 'session-1', ownUser: { id: '7' } };

interface Options {
  readonly clock?: ManualClock;
  readonly state?: GuildState;
  readonly maxLogBytes?: number;
}

/** The guilds of a shard whose tail is written at once. */
class Held implements Disposable {
  readonly clock: ManualClock;
  readonly log: EventLog;
  readonly guilds: HeldGuilds;
  readonly said: string[] = [];
  changes = 0;
  readonly #state: GuildState;

  constructor({ clock = new ManualClock(), state = guildState(clock), maxLogBytes = 1 << 20 }: Options = {}) {
    this.clock = clock;
    this.#state = state;
    this.log = new EventLog({ maxBytes: maxLogBytes, maxAgeMs: 60_000, memory: new LogMemory(1 << 24) });
    const note = (fields: object, message: string) =>
      void this.said.push(`${message} ${JSON.stringify(fields)}`);
    const { log } = this;
    const tail = {
      get writtenSequence() {
        return log.head;
      },
      baseSequence: 0,
      writtenBytes: 0,
    };
    const options = { guildState: state, log, clock, logger: { info: note, warn: note, debug: note } };
    this.guilds = new HeldGuilds(options, tail, () => this.changes++);
  }

  begin(): this {
    this.log.reset(READY.sequence);
    this.guilds.begin({ ...SESSION, beginning: READY });
    return this;
  }

  dispatch(t: string, d: object): void {
    const { sequence, typeId, payload } = dispatchOf(this.log.head + 1, t, d);
    this.log.append(sequence, typeId, payload, this.clock.now());
    this.guilds.apply(sequence, typeId, payload, 0, payload.length);
    this.guilds.onTailWritten();
  }

  introduce(): this {
    for (const id of IDS) this.dispatch('GUILD_CREATE', guild({ id, members: [member('7')] }));
    return this;
  }

  /** While a worker waits for them. */
  load(...args: Parameters<HeldGuilds['load']>): void {
    this.guilds.load(...args);
    this.guilds.want();
  }

  role(id: string): void {
    this.dispatch('GUILD_ROLE_CREATE', { guild_id: '1000', role: role(id) });
  }

  /** Another process' log goes on here, as a tail does. */
  continue(other: Held, after: number): this {
    this.log.reset(after);
    const cursor = other.log.cursorAfter(after);
    for (let sequence = after + 1; sequence <= other.log.head; sequence += 1) {
      const frame = cursor?.read(1);
      if (!frame) throw new Error('the log does not have it');
      const payload = frame.subarray(frame.indexOf('{"t"'));
      const { typeId } = dispatchOf(sequence, JSON.parse(payload.toString()).t, {});
      this.log.append(sequence, typeId, payload, this.clock.now());
    }
    return this;
  }

  items(): string[] {
    using reading = this.guilds.read(IDS);
    return reading ? itemsIn(reading) : ['nothing'];
  }

  async turns(): Promise<void> {
    for (let turn = 0; turn < 10; turn += 1) {
      await yieldToEvents();
      this.clock.advance(30);
    }
  }

  [Symbol.dispose](): void {
    this.guilds.abandon();
    this.guilds[Symbol.dispose]();
    this.log[Symbol.dispose]();
    if (this.#state !== WITHOUT_GUILDS) this.#state[Symbol.dispose]();
  }
}

function itemsIn(reading: GuildReading): string[] {
  const items: string[] = [];
  for (let item = reading.next(); item; item = reading.next()) {
    const d = JSON.parse(item.d.toString());
    items.push(`${item.t} ${d.id}${d.roles ? ` of ${d.roles.length} roles` : ''}`);
  }
  return items;
}

/** What a process has left: guilds as of sequence 3, and dispatches up to 4. */
async function left(): Promise<{ held: Held; kept: MemoryGuildStore }> {
  const held = new Held().begin();
  const kept = new MemoryGuildStore();
  held.guilds.open(kept);
  await held.turns();
  held.introduce();
  await held.turns();
  expect(kept.checkpoint?.sequence).toBe(3);
  held.role('60');
  return { held, kept };
}

const BEFORE = ['GUILD_CREATE 1000 of 4 roles', 'GUILD_CREATE 2000 of 3 roles'];
const UNKNOWN = ['GUILD_DELETE 1000', 'GUILD_DELETE 2000'];

describe('guilds', () => {
  it('of a session that began here are known from READY on', () => {
    using held = new Held();
    expect(held.guilds.kind).toBe('waiting');
    held.begin();
    expect(held.items()).toEqual([]);
    held.introduce();
    expect(held.items()).toHaveLength(2);
  });

  it('are not kept where that is off', () => {
    using held = new Held({ state: WITHOUT_GUILDS });
    held.begin().introduce();
    expect([held.guilds.kind, held.items()]).toEqual(['off', ['nothing']]);
    held.guilds.load(SESSION, async () => undefined);
    expect(held.guilds.kind).toBe('off');
  });

  it('of another process are loaded half a second later where no worker waits for them', async () => {
    const { held, kept } = await left();
    using _ = held;
    using next = new Held().continue(held, 2);
    let loads = 0;
    next.guilds.load(SESSION, async () => {
      loads++;
      return kept.load();
    });
    next.clock.advance(499);
    await yieldToEvents();
    expect([next.guilds.kind, loads]).toEqual(['loading', 0]);
    next.clock.advance(1);
    await eventually(() => next.guilds.kind === 'kept');
    expect(loads).toBe(1);
  });

  it('of another process are loaded and brought to the head of the log', async () => {
    const { held, kept } = await left();
    using _ = held;
    expect(held.items()).toEqual(BEFORE);
    using next = new Held().continue(held, 2);
    next.load(SESSION, async () => kept.load());
    expect([next.guilds.kind, next.items()]).toEqual(['loading', ['nothing']]);
    await eventually(() => next.guilds.kind === 'kept');
    expect(next.items()).toEqual(BEFORE);
    expect(next.changes).toBe(1);
    next.role('61');
    expect(next.items()[0]).toBe('GUILD_CREATE 1000 of 5 roles');
  });

  it('that were loaded are gone on with where they are stored', async () => {
    const { held, kept } = await left();
    using _ = held;
    using next = new Held().continue(held, 2);
    next.guilds.open(kept);
    next.load(SESSION, async () => kept.load());
    await eventually(() => next.guilds.kind === 'kept');
    kept.calls.length = 0;
    next.guilds.onTailWritten();
    await next.turns();
    expect(kept.calls).toEqual(['put 1 guilds', 'commit 4']);
  });

  it('go on with what happens while they are loaded', async () => {
    const { held, kept } = await left();
    using _ = held;
    using next = new Held().continue(held, 2);
    const answer = Promise.withResolvers<void>();
    next.load(SESSION, async () => {
      await answer.promise;
      return kept.load();
    });
    next.role('61');
    answer.resolve();
    await eventually(() => next.guilds.kind === 'kept');
    expect(next.items()[0]).toBe('GUILD_CREATE 1000 of 5 roles');
  });

  it('are asked for again where the store does not answer', async () => {
    const { held, kept } = await left();
    using _ = held;
    using next = new Held().continue(held, 2);
    let attempts = 0;
    next.load(SESSION, async () => {
      if (++attempts < 3) throw new StoreUnreachableError('away');
      return kept.load();
    });
    await eventually(() => {
      next.clock.advance(250);
      return next.guilds.kind === 'kept';
    });
    expect(next.items()).toEqual(BEFORE);
    expect(next.said.filter((line) => line.includes('trying again'))).toHaveLength(1);
  });

  it('are known without being stored where the log goes back to READY', async () => {
    using held = new Held().begin().introduce();
    const kept = new MemoryGuildStore();
    using next = new Held().continue(held, 1);
    next.guilds.open(kept);
    next.load({ ...SESSION, beginning: READY }, async () => undefined);
    await eventually(() => next.guilds.kind === 'kept');
    expect(next.items()).toEqual(held.items());
    await next.turns();
    next.guilds.onTailWritten();
    await next.turns();
    expect(kept.calls[0]).toBe('begin 1');
    expect(kept.checkpoint?.sequence).toBe(3);
  });

  it('are known by a log that goes back to READY also where what is stored is lost while it is read', async () => {
    using held = new Held().begin().introduce();
    using next = new Held().continue(held, 1);
    async function* lost() {
      yield [];
      throw new Error('begun anew meanwhile');
    }
    const checkpoint = { ...SESSION, ...READY };
    next.load({ ...SESSION, beginning: READY }, async () => ({ checkpoint, guilds: lost() }));
    await eventually(() => next.guilds.kind !== 'loading');
    expect(next.items()).toEqual(held.items());
  });

  it('that are ahead of the log are known once Discord has sent again what is in them', async () => {
    const { held, kept } = await left();
    using _ = held;
    held.guilds.onTailWritten();
    held.clock.advance(100_000);
    held.role('61');
    await held.turns();
    expect(kept.guilds.get('1000')?.sequence).toBe(5);
    if (kept.checkpoint) kept.checkpoint = { ...kept.checkpoint, sequence: 3 };
    using next = new Held();
    next.log.reset(3);
    next.load(SESSION, async () => kept.load());
    await next.turns();
    expect(next.guilds.kind).toBe('loading');
    next.role('60');
    await next.turns();
    expect(next.guilds.kind).toBe('loading');
    next.role('61');
    await next.turns();
    expect(next.guilds.kind).toBe('kept');
    expect(next.items()).toEqual(held.items());
  });
});

describe('guilds are not known, and come as unavailable,', () => {
  async function unknown(after: number, source: (kept: MemoryGuildStore) => void): Promise<string> {
    const { held, kept } = await left();
    using _ = held;
    source(kept);
    using next = new Held().continue(held, after);
    next.load(SESSION, async () => kept.load());
    await eventually(() => next.guilds.kind === 'unknown');
    expect(next.items()).toEqual(UNKNOWN);
    expect(next.changes).toBe(1);
    next.begin();
    next.introduce();
    expect(next.items()).toHaveLength(2);
    return next.said[0] ?? '';
  }

  it('where nothing is stored', async () => {
    expect(await unknown(2, (kept) => kept.lose())).toMatch(/nothing is stored/);
  });

  it('where what is stored is of another session', async () => {
    const change = (kept: MemoryGuildStore) => {
      if (kept.checkpoint) kept.checkpoint = { ...kept.checkpoint, epoch: 'session-0' };
    };
    expect(await unknown(2, change)).toMatch(/another upstream session/);
  });

  it('where the tail does not go back to what is stored', async () => {
    expect(await unknown(4, () => undefined)).toMatch(/older than the tail/);
  });

  it('where what is stored can not be understood', async () => {
    using next = new Held().begin().introduce();
    next.load(SESSION, async () => {
      throw new SyntaxError('no JSON');
    });
    await eventually(() => next.guilds.kind === 'unknown');
    expect(next.said[0]).toMatch(/no JSON/);
  });
});

describe('a shard that goes', () => {
  it('stops what was being loaded when a new session begins', async () => {
    const { held, kept } = await left();
    using _ = held;
    using next = new Held().continue(held, 2);
    next.load(SESSION, async () => kept.load());
    next.begin();
    await next.turns();
    expect([next.guilds.kind, next.items()]).toEqual(['kept', []]);
    expect(next.changes).toBe(0);
  });

  it('and stays after all goes on writing where it was', async () => {
    const { held, kept } = await left();
    using _ = held;
    await held.guilds.close(Promise.resolve());
    expect(kept.isOpen).toBe(false);
    kept.calls.length = 0;
    held.guilds.open(kept);
    held.guilds.onTailWritten();
    await held.turns();
    expect(kept.calls).toEqual(['put 1 guilds', 'commit 4']);
  });

  it('where no tail is kept has its guilds stored behind the checkpoint', async () => {
    const clock = new ManualClock();
    const state = guildState(clock, { tail: { store: 'off' } });
    using held = new Held({ clock, state }).begin();
    const kept = new MemoryGuildStore();
    held.guilds.open(kept);
    held.introduce();
    const closing = Promise.withResolvers<void>();
    const closed = held.guilds.close(closing.promise);
    await held.turns();
    held.role('60');
    closing.resolve();
    await closed;
    expect(kept.checkpoint?.sequence).toBe(4);
  });

  it('says what was switched on and can not be had before the next session', async () => {
    const clock = new ManualClock();
    const without = guildState(clock, { guilds: { off: ['presences'] } });
    using held = new Held({ clock, state: without }).begin();
    const kept = new MemoryGuildStore();
    held.guilds.open(kept);
    await held.turns();
    held.introduce();
    await held.turns();
    expect(kept.checkpoint?.off).toEqual(['presences']);
    using next = new Held().continue(held, 2);
    next.guilds.open(kept);
    next.load(SESSION, async () => kept.load());
    await eventually(() => next.guilds.kind === 'kept');
    expect(next.said.join()).toMatch(/guilds\.off.*presences/);
    next.role('60');
    await next.turns();
    expect(kept.checkpoint?.off).toEqual(['presences']);
  });
});
