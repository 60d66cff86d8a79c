import { describe, expect, it } from 'vitest';
import { UNPRIVILEGED_INTENTS } from '../../../src/protocol/intents.ts';
import { MAX_UNANSWERED_PER_ASKER } from '../../../src/requests/asks.ts';
import { GUILD, TestAsker, TestShard, wholeGuild } from './shard.ts';

describe('a request that takes Discord', () => {
  it('is one for all who ask the same before the answer begins, and each gets it with its own nonce', () => {
    using shard = new TestShard();
    const [first, second, third] = [new TestAsker(), new TestAsker(), new TestAsker()];
    shard.askAll(first, 'one');
    shard.askAll(second, 'two');
    shard.askAll(third);
    expect(shard.sent).toMatchObject([{ op: 8, d: { guild_id: GUILD, query: '', limit: 0 } }]);
    expect([shard.chunk(0, 2), shard.chunk(1, 2)]).toEqual([true, true]);
    expect([first.nonces, second.nonces, third.nonces]).toEqual([
      ['one', 'one'],
      ['two', 'two'],
      [undefined, undefined],
    ]);
    expect(first.replies.map(({ sequence }) => sequence)).toEqual([11, 12]);
    expect(third.received[0]).not.toHaveProperty('nonce');
    expect([shard.requests.unanswered, shard.requests.counts]).toMatchObject([
      0,
      { asked: 3, forwarded: 1, coalesced: 2, dropped: 0 },
    ]);
    expect(shard.clock.pendingTimers).toBe(1);
  });

  it('has a nonce of ours that Discord echoes', () => {
    using shard = new TestShard();
    shard.askAll(new TestAsker(), 'n'.repeat(32));
    const nonce = String(shard.sent[0]?.d['nonce']);
    expect(nonce).toMatch(/^shardmux:/);
    expect(nonce.length).toBeLessThanOrEqual(32);
  });

  it('is another one where it asks for something else', () => {
    using shard = new TestShard();
    const asker = new TestAsker();
    for (const d of [
      { user_ids: ['2', '3'] },
      { user_ids: ['3', '2', '3'] },
      { user_ids: ['3'] },
      { query: 'a', limit: 1 },
      { query: 'a', limit: 2 },
    ])
      shard.ask(asker, 8, { guild_id: GUILD, ...d });
    expect(shard.sent).toHaveLength(4);
  });

  it('that was begun to be answered is not joined any more', () => {
    using shard = new TestShard();
    const [first, second] = [new TestAsker(), new TestAsker()];
    shard.ask(first, 8, { guild_id: GUILD, query: 'a', limit: 0 });
    shard.chunk(0, 2);
    shard.ask(second, 8, { guild_id: GUILD, query: 'a', limit: 0 });
    expect(shard.sent).toHaveLength(2);
    shard.chunk(1, 2, shard.sent[0]);
    expect([first.replies.length, second.replies.length]).toEqual([2, 0]);
  });

  it('is not sent where nobody wants it any more when its turn comes', () => {
    using shard = new TestShard();
    shard.isOpen = false;
    const asker = new TestAsker();
    shard.askAll(asker);
    shard.requests.leave(asker);
    shard.open();
    expect(shard.sent).toEqual([]);
    shard.askAll(new TestAsker());
    expect(shard.sent).toHaveLength(1);
  });

  it('does not wait in line, nor hold the turn of its guild, once its asker has left', () => {
    using shard = new TestShard();
    shard.isOpen = false;
    const [gone, asker] = [new TestAsker(), new TestAsker()];
    for (let n = 0; n < 8; n++) shard.ask(gone, 8, { guild_id: GUILD, query: `name ${n}`, limit: 0 });
    shard.askAll(gone);
    shard.requests.leave(gone);
    shard.askAll(asker, 'n', { presences: true });
    shard.open();
    expect(shard.sent).toMatchObject([{ d: { query: '', presences: true } }]);
  });

  it('waits for room in the queue of commands, of which it fills no more than a part', () => {
    using shard = new TestShard();
    const asker = new TestAsker();
    shard.hasRoom = false;
    shard.ask(asker, 43, { guild_id: GUILD, fields: ['x'] });
    shard.hasRoom = true;
    shard.clock.advance(1_000);
    expect(shard.sent).toHaveLength(1);
    shard.isOpen = false;
    for (let n = 0; n < 20; n++) shard.ask(asker, 8, { guild_id: GUILD, query: `name ${n}`, limit: 0 });
    expect(shard.queued).toHaveLength(8);
    shard.open();
    expect(shard.sent).toHaveLength(21);
  });

  it('outlives the queue of commands that it waits in, as where a shard stays here after all', () => {
    using shard = new TestShard();
    const [asker, gone] = [new TestAsker(), new TestAsker()];
    shard.isOpen = false;
    shard.askAll(asker, 'all');
    for (let n = 0; n < 10; n++) shard.ask(asker, 8, { guild_id: GUILD, query: `name ${n}`, limit: 0 });
    shard.ask(gone, 43, { guild_id: GUILD, fields: ['x'] });
    shard.requests.leave(gone);
    shard.endQueue();
    expect(shard.sent).toEqual([]);
    shard.isOpen = true;
    shard.hasRoom = true;
    shard.clock.advance(1_000);
    expect(shard.sent).toHaveLength(11);
    expect(new Set(shard.sent.map(({ d }) => d['query'])).size).toBe(11);
  });

  it('is made once more where nothing comes, and then given up', () => {
    using shard = new TestShard();
    const asker = new TestAsker();
    shard.ask(asker, 8, { guild_id: GUILD, query: 'a', limit: 0, nonce: 'n' });
    shard.clock.advance(30_000);
    shard.work(asker);
    expect(shard.sent).toHaveLength(2);
    shard.clock.advance(30_000);
    shard.work(asker);
    expect(shard.sent).toHaveLength(2);
    expect([shard.requests.unanswered, shard.requests.counts.dropped]).toEqual([0, 1]);
    expect(shard.clock.pendingTimers).toBe(0);
  });

  it('is given up where its answer stops in the midst', () => {
    using shard = new TestShard();
    const asker = new TestAsker();
    shard.ask(asker, 8, { guild_id: GUILD, query: 'a', limit: 0 });
    shard.chunk(0, 3);
    shard.clock.advance(29_999);
    shard.chunk(1, 3);
    shard.clock.advance(29_999);
    expect(shard.requests.unanswered).toBe(1);
    shard.clock.advance(1);
    expect([shard.requests.unanswered, shard.requests.counts.dropped]).toEqual([0, 1]);
  });
});

describe('a request for all members', () => {
  it('waits for 30 s where the session was that of another process, which may have sent one; other requests do not', () => {
    using shard = new TestShard();
    const asker = new TestAsker();
    shard.requests.inherit();
    shard.askAll(asker);
    shard.ask(asker, 8, { guild_id: GUILD, query: 'a', limit: 5 });
    expect(shard.sent.map(({ d }) => d['query'])).toEqual(['a']);
    shard.chunk();
    shard.clock.advance(30_999);
    expect(shard.sent).toHaveLength(1);
    shard.clock.advance(1);
    shard.work(asker);
    expect(shard.sent.map(({ d }) => d['query'])).toEqual(['a', '']);
  });

  it('is sent once in 30 s, whoever asks; those who wait get theirs then', () => {
    using shard = new TestShard();
    const asker = new TestAsker();
    shard.askAll(asker, 'one');
    shard.askAll(asker, 'other', { presences: true });
    shard.chunk();
    shard.askAll(asker, 'two');
    shard.clock.advance(30_000);
    shard.work(asker);
    expect(shard.sent).toHaveLength(1);
    shard.clock.advance(1_000);
    shard.work(asker);
    expect(shard.sent).toHaveLength(2);
    shard.chunk();
    expect(asker.nonces).toEqual(['one', 'other']);
    shard.clock.advance(31_000);
    shard.work(asker);
    shard.chunk();
    expect(asker.nonces).toEqual(['one', 'other', 'two']);
  });

  it('is answered from memory once the one before it has brought them all', () => {
    using shard = new TestShard();
    const asker = new TestAsker();
    shard.askAll(asker, 'one');
    shard.askAll(asker, 'two', { presences: true });
    // One more than Discord says there are.
    shard.guilds.set(GUILD, { ...wholeGuild(3), member_count: 4 });
    const { wakes } = asker;
    shard.chunk();
    expect(asker.wakes).toBe(wakes + 1);
    expect(shard.work(asker)).toMatchObject([{ t: 'GUILD_MEMBERS_CHUNK', nonce: 'two', chunk_count: 1 }]);
    expect(shard.requests.unanswered).toBe(0);
    shard.dispatch('GUILD_CREATE', { id: GUILD });
    expect(shard.askAll(asker)).toEqual([]);
  });

  it('is not answered from memory where that had no place for all chunks, because guilds were being loaded', () => {
    using shard = new TestShard();
    const asker = new TestAsker();
    shard.askAll(asker);
    shard.keeps = false;
    shard.chunk(0, 2);
    shard.keeps = true;
    shard.chunk(1, 2);
    shard.guilds.set(GUILD, { ...wholeGuild(3), member_count: 4 });
    expect(shard.askAll(asker)).toEqual([]);
    shard.clock.advance(31_000);
    expect(shard.work(asker)).toEqual([]);
    expect(shard.sent).toHaveLength(2);
  });

  it('goes nowhere without the intent', () => {
    using shard = new TestShard({ intents: UNPRIVILEGED_INTENTS });
    expect(shard.askAll(new TestAsker())).toEqual([]);
    expect([shard.sent, shard.requests.unanswered]).toEqual([[], 0]);
  });

  it('is answered from memory in chunks of 1,000', () => {
    using shard = new TestShard();
    shard.guilds.set(GUILD, wholeGuild(2_500));
    const chunks = shard.askAll(new TestAsker(), 'n');
    expect(
      chunks.map(({ chunk_index, chunk_count, members, nonce }) => [
        chunk_index,
        chunk_count,
        (members as []).length,
        nonce,
      ]),
    ).toEqual([
      [0, 3, 1_000, 'n'],
      [1, 3, 1_000, 'n'],
      [2, 3, 500, 'n'],
    ]);
    expect([shard.sent, shard.requests.unanswered]).toEqual([[], 0]);
  });

  it('that is large waits where answers of as many members as may are under way', () => {
    using shard = new TestShard();
    shard.guilds.set(GUILD, wholeGuild(30_000));
    const [first, second] = [new TestAsker(), new TestAsker()];
    shard.requests.ask({ op: 8, d: { guild_id: GUILD, query: '', limit: 0 } }, first);
    const step = shard.requests.next(first);
    expect(shard.askAll(second)).toEqual([]);
    const { wakes } = second;
    if (step.kind === 'answer') step.answer[Symbol.dispose]();
    expect(second.wakes).toBe(wakes + 1);
    expect(shard.work(second)).toHaveLength(30);
  });
});

describe('RATE_LIMITED', () => {
  it('is waited out, and does not reach the asker', () => {
    using shard = new TestShard();
    const asker = new TestAsker();
    shard.askAll(asker, 'n');
    expect(shard.rateLimit(5)).toBe(true);
    shard.askAll(new TestAsker());
    shard.clock.advance(5_999);
    shard.work(asker);
    expect(shard.sent).toHaveLength(1);
    shard.clock.advance(1);
    shard.work(asker);
    expect(shard.sent).toHaveLength(2);
    shard.chunk();
    expect(asker.nonces).toEqual(['n']);
  });

  it('reaches the asker, with its nonce, the fourth time, or where it is to last too long', () => {
    for (const retryAfters of [[1, 1, 1, 1], [121]]) {
      using shard = new TestShard();
      const asker = new TestAsker();
      shard.askAll(asker, 'n');
      for (const seconds of retryAfters) {
        expect(asker.replies).toEqual([]);
        shard.rateLimit(seconds);
        shard.clock.advance(seconds * 1_000 + 1_000);
        shard.work(asker);
      }
      expect(asker.received).toMatchObject([{ opcode: 8, meta: { guild_id: GUILD, nonce: 'n' } }]);
      expect([shard.requests.unanswered, shard.requests.counts.dropped]).toEqual([0, 1]);
    }
  });

  it('of another request lets nobody ask for all members sooner', () => {
    using shard = new TestShard();
    const asker = new TestAsker();
    shard.askAll(asker);
    shard.chunk();
    shard.ask(asker, 8, { guild_id: GUILD, query: 'a', limit: 5 });
    shard.rateLimit(2);
    shard.askAll(asker);
    shard.clock.advance(30_999);
    shard.work(asker);
    expect(shard.sent.filter(({ d }) => d['query'] === '')).toHaveLength(1);
    shard.clock.advance(1);
    shard.work(asker);
    expect(shard.sent.filter(({ d }) => d['query'] === '')).toHaveLength(2);
  });

  it('is obeyed for as long as it says, however long', () => {
    using shard = new TestShard();
    const asker = new TestAsker();
    shard.askAll(asker);
    shard.rateLimit(300);
    shard.askAll(asker);
    shard.clock.advance(300_999);
    shard.work(asker);
    expect(shard.sent).toHaveLength(1);
    shard.clock.advance(1);
    shard.work(asker);
    expect(shard.sent).toHaveLength(2);
  });

  it('of what an earlier process has asked is obeyed, too', () => {
    using shard = new TestShard();
    const of = { op: 8, d: { guild_id: GUILD, nonce: 'shardmux:other:1' } };
    expect(shard.rateLimit(5, of)).toBe(true);
    const asker = new TestAsker();
    shard.askAll(asker);
    expect(shard.sent).toEqual([]);
    shard.clock.advance(6_000);
    shard.work(asker);
    expect(shard.sent).toHaveLength(1);
  });

  it('of something else is for all', () => {
    using shard = new TestShard();
    expect(shard.dispatch('RATE_LIMITED', { opcode: 4, retry_after: 1, meta: {} })).toBe(false);
  });
});

describe('a request for sounds', () => {
  const OTHER = '100000000000000010';
  const LEFT = '100000000000000011';

  it('is answered guild by guild, by memory and for the rest by one request to Discord', () => {
    using shard = new TestShard();
    shard.guilds.set(GUILD, wholeGuild(1)).set(OTHER, undefined).set('out', 'out');
    const asker = new TestAsker();
    const answers = shard.ask(asker, 31, { guild_ids: [OTHER, GUILD, LEFT, 'out', OTHER] });
    expect(answers).toEqual([
      { t: 'SOUNDBOARD_SOUNDS', guild_id: GUILD, soundboard_sounds: [{ sound_id: '5' }] },
    ]);
    expect(shard.sent).toEqual([{ op: 31, d: { guild_ids: [OTHER] } }]);
    expect(shard.requests.unanswered).toBe(1);
    expect(shard.dispatch('SOUNDBOARD_SOUNDS', { guild_id: LEFT, soundboard_sounds: [] })).toBe(false);
    expect(shard.dispatch('SOUNDBOARD_SOUNDS', { guild_id: OTHER, soundboard_sounds: [] })).toBe(true);
    expect(asker.received).toEqual([{ guild_id: OTHER, soundboard_sounds: [] }]);
    expect(shard.requests.unanswered).toBe(0);
    expect(shard.dispatch('SOUNDBOARD_SOUNDS', { guild_id: OTHER, soundboard_sounds: [] })).toBe(false);
  });

  it('is made once more for the guilds that Discord is silent about', () => {
    using shard = new TestShard();
    shard.guilds.set(OTHER, undefined);
    const asker = new TestAsker();
    shard.ask(asker, 31, { guild_ids: [GUILD, OTHER] });
    shard.dispatch('SOUNDBOARD_SOUNDS', { guild_id: GUILD, soundboard_sounds: [] });
    shard.clock.advance(30_000);
    shard.work(asker);
    expect(shard.sent.map(({ d }) => d['guild_ids'])).toEqual([[GUILD, OTHER], [OTHER]]);
    shard.dispatch('SOUNDBOARD_SOUNDS', { guild_id: OTHER, soundboard_sounds: [] });
    expect([asker.replies.length, shard.requests.unanswered]).toEqual([2, 0]);
  });

  it('is made once more for each of several guilds', () => {
    using shard = new TestShard();
    shard.guilds.set(OTHER, undefined);
    const asker = new TestAsker();
    shard.ask(asker, 31, { guild_ids: [GUILD, OTHER] });
    for (let round = 0; round < 3; round++) {
      shard.clock.advance(30_000);
      shard.work(asker);
    }
    expect(shard.sent.map(({ d }) => d['guild_ids'])).toEqual([
      [GUILD, OTHER],
      [GUILD, OTHER],
    ]);
    expect([shard.requests.unanswered, shard.requests.counts.dropped]).toEqual([0, 2]);
  });

  it('is left to Discord without the intent that tells of changes', () => {
    using shard = new TestShard({ intents: 1 });
    shard.guilds.set(GUILD, wholeGuild(1));
    expect(shard.ask(new TestAsker(), 31, { guild_ids: [GUILD] })).toEqual([]);
    expect(shard.sent).toHaveLength(1);
  });
});

describe('a request for channel information', () => {
  const guild = {
    ...wholeGuild(1),
    channels: [
      { id: '7', type: 2, status: 'busy' },
      { id: '8', type: 0 },
    ],
  };

  it('is answered from memory for the fields that Discord has told, until a guild comes anew', () => {
    using shard = new TestShard();
    shard.guilds.set(GUILD, guild);
    const asker = new TestAsker();
    const ask = (...fields: string[]) => shard.ask(asker, 43, { guild_id: GUILD, fields });
    expect(ask('status')).toEqual([]);
    expect(shard.dispatch('CHANNEL_INFO', { guild_id: GUILD, channels: [] })).toBe(true);
    expect(ask('status')).toEqual([
      { t: 'CHANNEL_INFO', guild_id: GUILD, channels: [{ id: '7', status: 'busy' }] },
    ]);
    expect(ask('status', 'voice_start_time')).toEqual([]);
    shard.dispatch('CHANNEL_INFO', { guild_id: GUILD, channels: [] });
    expect(ask('voice_start_time')).toMatchObject([{ channels: [{ id: '7', voice_start_time: null }] }]);
    shard.dispatch('GUILD_CREATE', { id: GUILD });
    expect(ask('status')).toEqual([]);
    expect(shard.sent).toHaveLength(3);
  });

  it('is answered in the order of asking where several are under way', () => {
    using shard = new TestShard();
    const [first, second] = [new TestAsker(), new TestAsker()];
    shard.ask(first, 43, { guild_id: GUILD, fields: ['status'] });
    shard.ask(second, 43, { guild_id: GUILD, fields: ['other'] });
    shard.dispatch('CHANNEL_INFO', { guild_id: GUILD, channels: ['first'] });
    shard.dispatch('CHANNEL_INFO', { guild_id: GUILD, channels: ['second'] });
    expect([first.received, second.received]).toMatchObject([
      [{ channels: ['first'] }],
      [{ channels: ['second'] }],
    ]);
  });
});

describe('an answer with channel information', () => {
  it('that came while guilds were being loaded is asked for anew', () => {
    using shard = new TestShard();
    const asker = new TestAsker();
    const ask = () => shard.ask(asker, 43, { guild_id: GUILD, fields: ['status'] });
    shard.keeps = false;
    ask();
    shard.dispatch('CHANNEL_INFO', answer('status'));
    shard.keeps = true;
    shard.guilds.set(GUILD, wholeGuild(1));
    expect([ask(), shard.sent.length]).toEqual([[], 2]);
  });

  const answer = (field: string) => ({ guild_id: GUILD, channels: [{ id: '7', [field]: null }] });

  it('that has what was not asked for is of a later request, where that of the first was lost', () => {
    using shard = new TestShard();
    shard.guilds.set(GUILD, { channels: [{ id: '7', type: 2, status: 'busy' }] });
    const [first, second] = [new TestAsker(), new TestAsker()];
    shard.ask(first, 43, { guild_id: GUILD, fields: ['status'] });
    shard.ask(second, 43, { guild_id: GUILD, fields: ['voice_start_time'] });
    expect(shard.dispatch('CHANNEL_INFO', answer('voice_start_time'))).toBe(true);
    expect([first.replies.length, second.replies.length]).toEqual([0, 1]);
    expect(shard.ask(second, 43, { guild_id: GUILD, fields: ['voice_start_time'] })).toHaveLength(1);
    expect(shard.dispatch('CHANNEL_INFO', answer('status'))).toBe(true);
    expect(first.replies).toHaveLength(1);
  });
});

describe('answers of Discord that nobody here waits for', () => {
  it('are for nobody where an earlier process has asked for them, or the asker is gone', () => {
    using shard = new TestShard();
    const of = { op: 8, d: { guild_id: GUILD, nonce: 'shardmux:other:1' } };
    expect(shard.chunk(0, 1, of)).toBe(true);
    const asker = new TestAsker();
    shard.askAll(asker);
    shard.requests.leave(asker);
    expect(shard.chunk()).toBe(true);
    expect(asker.replies).toEqual([]);
  });

  it('are for all where they were asked for in another way', () => {
    using shard = new TestShard();
    expect(shard.chunk(0, 1, { op: 8, d: { guild_id: GUILD, nonce: 'theirs' } })).toBe(false);
    expect(shard.chunk(0, 1, { op: 8, d: { guild_id: GUILD } })).toBe(false);
    expect(shard.dispatch('CHANNEL_INFO', { guild_id: GUILD, channels: [] })).toBe(false);
    expect(shard.dispatch('TYPING_START', { guild_id: GUILD })).toBe(false);
  });
});

describe('requests that are not answered', () => {
  it('are bounded for an asker and for the shard, and leave with the asker', () => {
    using shard = new TestShard({ maxUnanswered: MAX_UNANSWERED_PER_ASKER + 1 });
    const [first, second] = [new TestAsker(), new TestAsker()];
    const ask = (asker: TestAsker) =>
      shard.requests.ask({ op: 43, d: { guild_id: GUILD, fields: ['x'] } }, asker);
    for (let n = 0; n < MAX_UNANSWERED_PER_ASKER; n++) expect(ask(first)).toBe('queued');
    expect([ask(first), ask(second), ask(second)]).toEqual(['sender-full', 'queued', 'full']);
    shard.work(first);
    shard.requests.leave(first);
    expect(shard.requests.unanswered).toBe(1);
    shard.requests.leave(second);
    expect(shard.requests.unanswered).toBe(0);
  });

  it('leave no timer behind when the shard goes', () => {
    const shard = new TestShard();
    shard.askAll(new TestAsker());
    shard.askAll(new TestAsker(), 'other', { presences: true });
    shard.ask(new TestAsker(), 31, { guild_ids: [GUILD] });
    shard.hasRoom = false;
    shard.ask(new TestAsker(), 43, { guild_id: GUILD, fields: ['x'] });
    shard[Symbol.dispose]();
    expect(shard.clock.pendingTimers).toBe(0);
  });

  it('are not made to Discord where our nonce would make them too long', () => {
    using shard = new TestShard();
    shard.ask(new TestAsker(), 8, { guild_id: GUILD, query: 'a'.repeat(4_010), limit: 1 });
    expect([shard.sent, shard.requests.unanswered]).toEqual([[], 0]);
  });
});
