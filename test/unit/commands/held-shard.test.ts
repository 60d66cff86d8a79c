import { describe, expect, it } from 'vitest';
import type { StoredPart } from '../../../src/cluster/index.ts';
import { HeldShard, type HeldShardOptions } from '../../../src/commands/gateway/held-shard.ts';
import { EventLog, LogMemory, TailCompressor, type TailStore } from '../../../src/log/index.ts';
import { EventTypeId } from '../../../src/protocol/event-types.ts';
import { ALL_INTENTS } from '../../../src/protocol/intents.ts';
import { writeFrameHeader } from '../../../src/protocol/websocket-frame.ts';
import { GuildRequests, type UpstreamCommand } from '../../../src/requests/index.ts';
import type { ShardListener } from '../../../src/workers/index.ts';
import { eventually } from '../../support/eventually.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { guildState, WITHOUT_GUILDS } from './guild-states.ts';

const SESSION = { sessionId: 'upstream-1', resumeUrl: 'ws://127.0.0.1/resume' };
const READY = { user: { id: '1' }, application: { id: '2' }, guilds: [{ id: '10', unavailable: true }] };

const NO_GUILDS = { guildState: WITHOUT_GUILDS, loadGuilds: async () => undefined };

function makeShard(
  clock = new ManualClock(),
  tailStore?: TailStore,
  guilds: Pick<HeldShardOptions, 'guildState' | 'loadGuilds' | 'createRequests'> = NO_GUILDS,
) {
  const warnings: string[] = [];
  const note = (_fields: object, message: string) => void warnings.push(message);
  const log = new EventLog({ maxBytes: 1 << 20, maxAgeMs: 60_000, memory: new LogMemory(1 << 20) });
  const shard = new HeldShard({
    shardId: 0,
    shardCount: 1,
    log,
    tailFlush: { intervalMs: 100, bytes: 1_000 },
    tailCompressor: new TailCompressor(),
    clock,
    logger: { info: note, warn: note, debug: note },
    voiceMode: 'owner',
    ...guilds,
    onServingChanged: () => undefined,
  });
  if (tailStore)
    shard.tail.open({ ...storeMethods(tailStore), bytes: 0, [Symbol.asyncDispose]: async () => undefined });
  return { shard, log, warnings };
}

/** That know nothing of any guild but that the bot is in it. */
function newRequests(clock: ManualClock, send: (command: UpstreamCommand) => boolean): GuildRequests {
  return new GuildRequests({
    intents: ALL_INTENTS,
    maxUnanswered: 10,
    clock,
    log: { warn: () => undefined, debug: () => undefined },
    memory: {
      ownUserId: '1',
      has: () => true,
      read: () => undefined,
      members: () => undefined,
      keeps: () => true,
    },
    upstream: { send },
  });
}

function payload(sequence: number, type = 'A', d: object = {}): Buffer {
  return Buffer.from(`{"t":"${type}","s":${sequence},"op":0,"d":${JSON.stringify(d)}}`);
}

function framesOf(...sequences: number[]): Buffer {
  return framesWith(sequences.map((sequence) => payload(sequence)));
}

function framesWith(bodies: readonly Buffer[]): Buffer {
  const frames = bodies.map((body) => {
    const header = Buffer.alloc(2);
    writeFrameHeader(header, 0, body.length);
    return Buffer.concat([header, body]);
  });
  return new TailCompressor().compress(frames);
}

function chunk(afterSequence: number, lastSequence: number, compressed: Buffer) {
  return { afterSequence, lastSequence, writtenAtMs: 0, compressed };
}

function storeMethods(store: TailStore): TailStore {
  return { begin: (base) => store.begin(base), append: (chunk, base) => store.append(chunk, base) };
}

function restore(shard: HeldShard, parts: readonly StoredPart[]): Promise<void> {
  const position = { generation: '1', sequence: parts.at(-1)?.chunks.at(-1)?.lastSequence ?? 0 };
  return shard.restore({ position, isContinuation: false, parts });
}

const STATE = { session: SESSION, ready: { user: { id: '1' } }, guildIds: ['10'], voice: {} };

describe('a held shard that restores a tail', () => {
  it('has the log and the session of it, and serves nobody before Discord confirms the session', async () => {
    const { shard, log } = makeShard();
    await restore(shard, [{ base: { sequence: 4, state: STATE }, chunks: [chunk(4, 6, framesOf(5, 6))] }]);
    expect([log.floor, log.head, shard.session]).toEqual([4, 6, SESSION]);
    expect(shard.serving.kind).toBe('waiting');
    shard.connected();
    expect(shard.serving).toMatchObject({ kind: 'serving', guildIds: new Set(['10']) });
  });

  it('catches up for two seconds once the session is confirmed', async () => {
    const clock = new ManualClock();
    const { shard } = makeShard(clock);
    await restore(shard, [{ base: { sequence: 4, state: STATE }, chunks: [chunk(4, 6, framesOf(5, 6))] }]);
    shard.connected();
    expect(shard.serving).toMatchObject({ isCatchingUp: true });
    clock.advance(2_000);
    expect(shard.serving).toMatchObject({ kind: 'serving', isCatchingUp: false });
    expect(clock.pendingTimers).toBe(0);
  });

  it('goes on catching up while the log grows, and begins again with another RESUMED', async () => {
    const clock = new ManualClock();
    const { shard } = makeShard(clock);
    await restore(shard, [{ base: { sequence: 4, state: STATE }, chunks: [] }]);
    shard.connected();
    clock.advance(1_000);
    shard.dispatch(5, EventTypeId.Other, payload(5));
    clock.advance(1_500);
    shard.connected();
    clock.advance(1_999);
    expect(shard.serving).toMatchObject({ isCatchingUp: true });
    clock.advance(1);
    expect(shard.serving).toMatchObject({ isCatchingUp: false });
  });

  it('keeps READY in the tail it goes on with, also before Discord has confirmed the session', async () => {
    const clock = new ManualClock();
    const states: unknown[] = [];
    const store: TailStore = {
      begin: async (base) => void states.push(base.state),
      append: async (_chunk, base) => void states.push(base().state),
    };
    const { shard } = makeShard(clock, store);
    await restore(shard, [{ base: { sequence: 4, state: STATE }, chunks: [] }]);
    shard.dispatch(5, EventTypeId.Other, payload(5));
    clock.advance(100);
    expect(states).toEqual([STATE]);
    await shard.tail.close();
  });

  it('drops nothing of the log for its age before its guilds are brought up to date from it', async () => {
    const clock = new ManualClock();
    const loaded = Promise.withResolvers<undefined>();
    const guilds = { guildState: guildState(clock), loadGuilds: () => loaded.promise };
    const { shard, log } = makeShard(clock, undefined, guilds);
    await restore(shard, [{ base: { sequence: 4, state: STATE }, chunks: [chunk(4, 6, framesOf(5, 6))] }]);
    shard.dispatch(7, EventTypeId.Other, payload(7, 'A', { text: 'x'.repeat(100_000) }));
    clock.advance(120_000);
    shard.trimLog();
    shard.connected();
    shard.trimLog();
    expect(log.floor).toBe(4);
    shard.wantGuilds();
    loaded.resolve(undefined);
    await eventually(() => shard.heldGuilds.kind === 'unknown');
    shard.trimLog();
    expect(log.floor).toBe(6);
  });

  it('counts the requests for all members that the process before may have made, also where its session is lost', async () => {
    const clock = new ManualClock();
    const sent: (string | undefined)[] = [];
    const requests = newRequests(clock, (command) => {
      sent.push(command.payload());
      command.onLeft(true);
      return true;
    });
    const { shard } = makeShard(clock, undefined, { ...NO_GUILDS, createRequests: () => requests });
    await restore(shard, [{ base: { sequence: 4, state: STATE }, chunks: [] }]);
    shard.sessionLost();
    shard.sessionStarted({ ...SESSION, sessionId: 'upstream-2' }, 1, READY);
    const asker = { wake: () => undefined, reply: () => undefined };
    requests.ask({ op: 8, d: { guild_id: '10', query: '', limit: 0 } }, asker);
    requests.next(asker);
    expect(sent).toEqual([]);
    clock.advance(31_000);
    requests.next(asker);
    expect(sent).toHaveLength(1);
    shard[Symbol.dispose]();
  });

  it('knows what has become of the bot’s user since READY was written', async () => {
    const { shard } = makeShard();
    const update = payload(5, 'USER_UPDATE', { id: '1', username: 'new' });
    const parts = [{ base: { sequence: 4, state: STATE }, chunks: [chunk(4, 5, framesWith([update]))] }];
    await restore(shard, parts);
    const followed = [{ base: { sequence: 4, state: STATE }, chunks: [chunk(5, 6, framesOf(6))] }];
    await shard.restore({
      position: { generation: '1', sequence: 6 },
      isContinuation: true,
      parts: followed,
    });
    shard.connected();
    expect(shard.serving).toMatchObject({ ready: { user: { id: '1', username: 'new' } } });
    shard[Symbol.dispose]();
  });

  it('starts afresh where the tail was begun between two sessions', async () => {
    const { shard, log } = makeShard();
    await restore(shard, [{ base: { sequence: 4, state: {} }, chunks: [chunk(4, 6, framesOf(5, 6))] }]);
    expect([shard.session, log.head]).toEqual([undefined, 0]);
  });

  it('goes on behind a chunk that can not be read, without what is before it', async () => {
    const { shard, log, warnings } = makeShard();
    const chunks = [chunk(4, 5, framesOf(5)), chunk(5, 7, Buffer.from('no zstd')), chunk(7, 8, framesOf(8))];
    await restore(shard, [{ base: { sequence: 4, state: STATE }, chunks }]);
    expect([log.floor, log.head, shard.session]).toEqual([7, 8, SESSION]);
    expect(warnings).toHaveLength(1);
  });

  it('leaves a hole between two parts to no worker', async () => {
    const { shard, log } = makeShard();
    const parts: StoredPart[] = [
      { base: { sequence: 4, state: STATE }, chunks: [chunk(4, 5, framesOf(5))] },
      { base: { sequence: 9, state: STATE }, chunks: [chunk(9, 10, framesOf(10))] },
    ];
    await restore(shard, parts);
    expect([log.floor, log.head]).toEqual([9, 10]);
  });
});

describe('a held shard', () => {
  it('tells workers once for all that arrived together', async () => {
    const { shard } = makeShard();
    shard.sessionStarted(SESSION, 1, READY);
    let calls = 0;
    using _subscription = shard.subscribe({
      onRecords: () => calls++,
      onEpochOver: () => undefined,
    } as ShardListener);
    for (let sequence = 2; sequence < 12; sequence++)
      shard.dispatch(sequence, EventTypeId.Other, payload(sequence));
    await Promise.resolve();
    expect(calls).toBe(1);
  });

  it('tells workers also of numbers without a record: a RESUME may wait for the answer to a request', async () => {
    const { shard, log } = makeShard();
    shard.sessionStarted(SESSION, 1, READY);
    const heads: number[] = [];
    using _subscription = shard.subscribe({
      onRecords: () => heads.push(log.head),
      onEpochOver: () => undefined,
    } as ShardListener);
    shard.skip(2);
    await Promise.resolve();
    expect(heads).toEqual([2]);
  });

  it('keeps the ids of its guilds through joins, outages and removals', () => {
    const { shard } = makeShard();
    shard.sessionStarted(SESSION, 1, READY);
    shard.dispatch(
      2,
      EventTypeId.GuildCreate,
      payload(2, 'GUILD_CREATE', { roles: [{ id: '99' }], id: '11' }),
    );
    shard.dispatch(3, EventTypeId.GuildDelete, payload(3, 'GUILD_DELETE', { id: '10', unavailable: true }));
    shard.dispatch(4, EventTypeId.GuildCreate, payload(4, 'GUILD_CREATE', { id: '12' }));
    shard.dispatch(5, EventTypeId.GuildDelete, payload(5, 'GUILD_DELETE', { id: '12' }));
    expect(shard.serving).toMatchObject({ guildIds: new Set(['10', '11']) });
  });

  it('has the bot’s user in READY as USER_UPDATE has left it, also once it has caught up', () => {
    const clock = new ManualClock();
    const { shard } = makeShard(clock);
    shard.sessionStarted(SESSION, 1, { ...READY, user: { id: '1', username: 'old', verified: true } });
    shard.dispatch(2, EventTypeId.UserUpdate, payload(2, 'USER_UPDATE', { id: '1', username: 'new' }));
    shard.dispatch(3, EventTypeId.UserUpdate, payload(3, 'USER_UPDATE', { id: '2', username: 'another' }));
    shard.dispatch(4, EventTypeId.UserUpdate, Buffer.from('{"t":"USER_UPDATE","s":4,"op":0,"d":'));
    const user = { id: '1', username: 'new', verified: true };
    expect(shard.serving).toMatchObject({ kind: 'serving', ready: { application: { id: '2' }, user } });
  });

  it('takes news of the bot’s user while it catches up', async () => {
    const clock = new ManualClock();
    const { shard } = makeShard(clock);
    await restore(shard, [{ base: { sequence: 4, state: STATE }, chunks: [] }]);
    shard.dispatch(5, EventTypeId.UserUpdate, payload(5, 'USER_UPDATE', { id: '1', username: 'first' }));
    shard.connected();
    expect(shard.serving).toMatchObject({ ready: { user: { username: 'first' } } });
    shard.dispatch(6, EventTypeId.UserUpdate, payload(6, 'USER_UPDATE', { id: '1', username: 'second' }));
    clock.advance(5_000);
    expect(shard.serving).toMatchObject({ isCatchingUp: false, ready: { user: { username: 'second' } } });
  });

  it('ends the sessions of its workers when another upstream session begins, not before', () => {
    const { shard } = makeShard();
    shard.sessionStarted(SESSION, 1, READY);
    let ended = 0;
    using _subscription = shard.subscribe({
      onRecords: () => undefined,
      onEpochOver: () => ended++,
    } as ShardListener);
    shard.sessionLost();
    expect([ended, shard.serving.kind]).toEqual([0, 'waiting']);
    shard.sessionStarted({ ...SESSION, sessionId: 'upstream-2' }, 1, READY);
    expect([ended, shard.serving.kind]).toEqual([1, 'serving']);
  });
});
