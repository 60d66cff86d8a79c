/** When guilds are written, and when not. What is written: storing.test.ts. */
import { describe, expect, it } from 'vitest';
import {
  type GuildCheckpoint,
  GuildWriter,
  MergeRounds,
  StoredGuildsLostError,
} from '../../../src/guilds/index.ts';
import { yieldToEvents } from '../../../src/runtime/yield-to-events.ts';
import { Random } from '../../../src/simulator/random.ts';
import { MemoryGuildStore } from '../../support/memory-guild-store.ts';
import { guild, member, role } from './guild.ts';
import { Store } from './snapshot-store.ts';
import { EPOCH } from './stored-guilds.ts';

const WINDOW = { maxBytes: 4_000, maxAgeMs: 400_000 };
const IDS = ['1000', '2000'];
const READY: GuildCheckpoint = { epoch: EPOCH, sequence: 1, guildIds: IDS, ownUser: undefined };

class LeaseLost extends Error {}

/** A writer at a shard whose tail is written by hand. */
class Writing implements Disposable {
  readonly store = new Store();
  readonly kept = new MemoryGuildStore();
  readonly tail = { writtenSequence: 1 as number | undefined, baseSequence: 1, writtenBytes: 0 };
  readonly events: string[] = [];
  readonly writer: GuildWriter;
  readonly #rounds = new MergeRounds({ clock: this.store.clock });

  constructor(from: number | GuildCheckpoint = READY) {
    this.store.snapshots.reset(
      IDS.map((id) => ({ id })),
      1,
    );
    if (typeof from === 'number') this.kept.checkpoint = READY;
    this.writer = new GuildWriter({
      snapshots: this.store.snapshots,
      store: this.kept,
      tail: this.tail,
      window: WINDOW,
      session: { epoch: EPOCH },
      rounds: this.#rounds,
      clock: this.store.clock,
      from,
      after: Promise.resolve(),
      isFinal: (error) => error instanceof LeaseLost,
      onFailing: (reason) => this.events.push(`failing: ${reason}`),
      onRecovered: () => this.events.push('recovered'),
      onOutrun: () => this.events.push('outrun'),
    });
  }

  introduce(): void {
    for (const id of IDS) this.store.dispatch('GUILD_CREATE', guild({ id, members: [member('1')] }));
  }

  /** The tail is written up to the newest dispatch. */
  async tailWritten(bytes = 0): Promise<void> {
    this.tail.writtenSequence = this.store.snapshots.sequence;
    this.tail.writtenBytes += bytes;
    this.writer.onTailWritten();
    await this.turns();
  }

  /** Lets it do what it can without the tail. */
  async turns(): Promise<void> {
    for (let turn = 0; turn < 10; turn += 1) {
      await yieldToEvents();
      this.store.clock.advance(30);
    }
  }

  role(id: string): void {
    this.store.dispatch('GUILD_ROLE_CREATE', { guild_id: '1000', role: role(id) });
  }

  takeCalls(): string[] {
    return this.kept.calls.splice(0);
  }

  [Symbol.dispose](): void {
    void this.writer.stop();
    this.#rounds[Symbol.dispose]();
    this.store[Symbol.dispose]();
  }
}

describe('a round', () => {
  it('of a new session begins with nothing stored, and is through when all guilds are', async () => {
    using writing = new Writing();
    writing.introduce();
    await writing.turns();
    expect(writing.takeCalls()).toEqual(['begin 1']);
    await writing.tailWritten(500);
    expect(writing.takeCalls()).toEqual(['put 2 guilds', 'commit 3']);
    expect(writing.kept.checkpoint).toEqual({ ...READY, sequence: 3 });
    expect(writing.writer.counts).toMatchObject({ rounds: 1, guilds: 2, errors: 0 });
  });

  it('follows when half of the window has gone by, in bytes or in time, and something has happened', async () => {
    using writing = new Writing(1);
    writing.introduce();
    await writing.tailWritten();
    writing.takeCalls();
    writing.role('60');
    await writing.tailWritten(WINDOW.maxBytes / 2 - 1);
    expect(writing.takeCalls()).toEqual([]);
    await writing.tailWritten(1);
    expect(writing.takeCalls()).toEqual(['put 1 guilds', 'commit 4']);
    writing.store.clock.advance(WINDOW.maxAgeMs / 2);
    await writing.tailWritten(0);
    expect(writing.takeCalls()).toEqual([]);
    writing.role('61');
    await writing.tailWritten(0);
    expect(writing.takeCalls()).toEqual(['put 1 guilds', 'commit 5']);
  });

  it('comes in time where nothing follows what has happened', async () => {
    using writing = new Writing(1);
    writing.introduce();
    await writing.tailWritten();
    writing.role('60');
    await writing.tailWritten();
    writing.takeCalls();
    writing.store.clock.advance(WINDOW.maxAgeMs / 2);
    await writing.turns();
    expect(writing.takeCalls()).toEqual(['put 1 guilds', 'commit 4']);
    expect(writing.store.clock.pendingTimers).toBe(0);
  });

  it('follows at once where the tail has gone on by as much while one was under way', async () => {
    using writing = new Writing(1);
    writing.introduce();
    const calling = Promise.withResolvers<void>();
    writing.kept.before = () => calling.promise;
    await writing.tailWritten();
    writing.role('60');
    await writing.tailWritten(WINDOW.maxBytes);
    calling.resolve();
    await writing.turns();
    expect(writing.takeCalls()).toEqual(['put 2 guilds', 'commit 3', 'put 1 guilds', 'commit 4']);
  });

  it('begins at once where another process has written before', async () => {
    using writing = new Writing(1);
    writing.introduce();
    await writing.tailWritten();
    expect(writing.takeCalls()).toEqual(['put 2 guilds', 'commit 3']);
  });

  it('begins at once where the tail has begun anew behind it', async () => {
    using writing = new Writing(1);
    writing.introduce();
    await writing.tailWritten();
    writing.role('60');
    writing.takeCalls();
    writing.tail.baseSequence = 4;
    writing.role('61');
    await writing.tailWritten(1);
    expect(writing.takeCalls()).toEqual(['put 1 guilds', 'commit 5']);
  });

  it('stores no guild before the tail has what is in it', async () => {
    using writing = new Writing(1);
    writing.introduce();
    writing.tail.writtenSequence = 2;
    writing.writer.onTailWritten();
    await writing.turns();
    expect(writing.takeCalls()).toEqual([]);
    writing.tail.writtenSequence = undefined;
    writing.writer.onTailWritten();
    await writing.turns();
    expect(writing.takeCalls()).toEqual([]);
    await writing.tailWritten();
    expect(writing.takeCalls()).toEqual(['put 2 guilds', 'commit 3']);
  });

  it('writes much in several calls, one at a time', async () => {
    using writing = new Writing(1);
    let open = 0;
    writing.kept.before = async () => {
      expect(++open).toBe(1);
      await yieldToEvents();
      open--;
    };
    // Hardly anything that could be compressed.
    const random = new Random(1);
    const name = Array.from({ length: 40_000 }, () => random.next()).join();
    for (const id of IDS) writing.store.dispatch('GUILD_CREATE', guild({ id, name }));
    await writing.tailWritten();
    expect(writing.takeCalls()).toEqual(['put 1 guilds', 'put 1 guilds', 'commit 3']);
  });
});

describe('where writing fails', () => {
  it('a new round tries again, with what was not stored', async () => {
    using writing = new Writing(1);
    writing.introduce();
    writing.kept.failure = new Error('away');
    await writing.tailWritten();
    expect(writing.takeCalls()).toEqual(['put 2 guilds']);
    expect(writing.writer.isFailing).toBe(true);
    writing.store.clock.advance(250);
    await writing.turns();
    expect(writing.takeCalls()).toEqual(['put 2 guilds', 'commit 3']);
    expect(writing.events).toEqual(['failing: away', 'recovered']);
    expect(writing.writer.counts.errors).toBe(1);
  });

  it('because what was stored is gone, it begins anew, and until a round is through nobody takes it for all', async () => {
    using writing = new Writing(1);
    writing.introduce();
    await writing.tailWritten();
    writing.takeCalls();
    writing.role('60');
    writing.kept.failure = new StoredGuildsLostError('gone');
    await writing.tailWritten(WINDOW.maxBytes);
    writing.store.clock.advance(250);
    await writing.turns();
    expect(writing.takeCalls()).toEqual(['put 1 guilds', 'begin 0', 'put 2 guilds', 'commit 4']);
  });

  it('because the shard is another node’s, nothing is written any more, and nothing said', async () => {
    using writing = new Writing(1);
    writing.introduce();
    writing.kept.failure = new LeaseLost();
    await writing.tailWritten();
    writing.store.clock.advance(60_000);
    await writing.tailWritten(WINDOW.maxBytes);
    expect(writing.takeCalls()).toEqual(['put 2 guilds']);
    expect(writing.events).toEqual([]);
  });

  it('until the tail has gone on by its whole window, it says so once', async () => {
    using writing = new Writing(1);
    writing.introduce();
    writing.kept.before = () => {
      throw new Error('away');
    };
    await writing.tailWritten(10);
    expect(writing.writer.behind).toBeLessThan(1);
    await writing.tailWritten(WINDOW.maxBytes);
    await writing.tailWritten(1);
    expect(writing.writer.behind).toBeGreaterThanOrEqual(1);
    expect(writing.events).toEqual(['failing: away', 'outrun']);
    writing.kept.before = undefined;
    writing.store.clock.advance(5_000);
    await writing.turns();
    expect(writing.writer.behind).toBe(0);
    expect(writing.events).toEqual(['failing: away', 'outrun', 'recovered']);
  });
});

describe('a writer that is told', () => {
  it('that what is stored is gone begins anew, also in the midst of a round', async () => {
    using writing = new Writing(1);
    writing.introduce();
    writing.writer.onTailWritten();
    await writing.turns();
    writing.kept.lose();
    writing.writer.beginAnew();
    await writing.tailWritten();
    const calls = writing.takeCalls();
    expect(calls.slice(calls.indexOf('begin 0'))).toEqual(['begin 0', 'put 2 guilds', 'commit 3']);
  });

  it('that what is stored is gone while a round is being committed stores all anew, without waiting for more to happen', async () => {
    using writing = new Writing(1);
    writing.introduce();
    const committing = Promise.withResolvers<void>();
    writing.kept.before = () => {
      if (writing.kept.calls.at(-1) === 'commit 3') return committing.promise;
    };
    await writing.tailWritten();
    writing.writer.beginAnew();
    committing.resolve();
    await writing.tailWritten();
    expect(writing.takeCalls()).toEqual(['put 2 guilds', 'commit 3', 'begin 0', 'put 2 guilds', 'commit 3']);
  });

  it('to stop writes no more, and lets a call that is under way end', async () => {
    using writing = new Writing(1);
    writing.introduce();
    const calling = Promise.withResolvers<void>();
    writing.kept.before = () => calling.promise;
    await writing.tailWritten();
    let hasStopped = false;
    const stopped = writing.writer.stop().then(() => {
      hasStopped = true;
    });
    await writing.turns();
    expect(hasStopped).toBe(false);
    calling.resolve();
    await stopped;
    await writing.tailWritten(WINDOW.maxBytes);
    expect(writing.takeCalls()).toEqual(['put 2 guilds']);
    expect(writing.events).toEqual([]);
    expect(writing.store.clock.pendingTimers).toBe(0);
  });

  it('to stop while it waits for the tail stops at once', async () => {
    using writing = new Writing(1);
    writing.introduce();
    writing.writer.onTailWritten();
    await writing.turns();
    await writing.writer.stop();
    await writing.tailWritten();
    expect(writing.takeCalls()).toEqual([]);
  });

  it('to finish stores what there is', async () => {
    using writing = new Writing();
    writing.introduce();
    await writing.writer.finish();
    expect(writing.takeCalls()).toEqual(['begin 1', 'put 2 guilds', 'commit 3']);
  });
});
