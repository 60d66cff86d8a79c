/** What a session that begins gets where its shard knows its guilds: READY, the guilds, live dispatches, in numbers. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import {
  guild,
  guilds,
  keepGuilds,
  snapshotTexts,
  TestReading,
  textsOf,
  unavailableGuild,
} from './guild-readings.ts';
import { FIRST_SEQUENCE, startTestGateway, type TestGateway } from './shards.ts';

/** Head of the log when sessions begin. */
const N = FIRST_SEQUENCE + 9;

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await startTestGateway();
  gateway.shard.dispatch(N - FIRST_SEQUENCE);
});

afterEach(() => gateway[Symbol.asyncDispose]());

test('a session gets READY with its guilds unavailable, then each guild, then what is live', async () => {
  const content = [guild(11, 'ä€😀'), unavailableGuild(12), guild(13)];
  const readings = keepGuilds(gateway.shard, content);
  const worker = await gateway.live();
  await worker.reached(N);
  const live = gateway.shard.dispatch(2);
  await worker.reached(N + 2);
  const ready = worker.payloads.find(({ t }) => t === 'READY');
  expect(ready?.s).toBe(N - 3);
  expect(ready?.d.guilds).toEqual(['11', '12', '13'].map((id) => ({ id, unavailable: true })));
  expect(textsOf(worker)).toEqual([...snapshotTexts(content, N - 2), ...live]);
  expect(readings.map(({ disposals }) => disposals)).toEqual([1]);
});

test.each([
  ['no guild', 0, [N]],
  ['one guild', 1, [N - 1, N]],
  ['one guild fewer than there are numbers', N - 1, Array.from({ length: N }, (_, index) => index + 1)],
  ['as many guilds as there are numbers', N, [1, ...Array.from({ length: N }, (_, index) => index + 1)]],
  [
    'more guilds than there are numbers',
    N + 2,
    [1, 1, 1, ...Array.from({ length: N }, (_, index) => index + 1)],
  ],
])('with %s the numbers end at the head of the log and are never below 1', async (_what, count, expected) => {
  keepGuilds(gateway.shard, guilds(count));
  const worker = await gateway.live();
  await worker.reached(N);
  gateway.shard.dispatch(2);
  await worker.reached(N + 2);
  expect(worker.dispatches.map(({ s }) => s)).toEqual([...expected, N + 1, N + 2]);
});

test('thousands of guilds come whole, in order and once', async () => {
  gateway.shard.dispatch(6_000);
  const content = guilds(5_000, 'x'.repeat(300));
  keepGuilds(gateway.shard, content);
  const worker = await gateway.live();
  await worker.reached(N + 6_000);
  expect(textsOf(worker)).toEqual(snapshotTexts(content, N + 1_001));
});

test('guilds of every frame length come whole, that of 1 MB too', async () => {
  gateway.shard.dispatch(100);
  const beside = snapshotTexts([guild(1)], 100)[0]?.length ?? 0;
  const lengths = [125, 126, 127, 65_535, 65_536, 1024 * 1024].map((bytes) => bytes - beside);
  const content = lengths.map((length) => guild(1, 'x'.repeat(length)));
  keepGuilds(gateway.shard, content);
  const worker = await gateway.live();
  await worker.reached(N + 100);
  const texts = textsOf(worker);
  expect(texts.map(({ length }) => length)).toEqual([125, 126, 127, 65_535, 65_536, 1024 * 1024]);
  expect(texts).toEqual(snapshotTexts(content, N + 100 - 5));
});

test('guilds that Discord has yet to send are listed in READY, and have no number', async () => {
  gateway.shard.dispatch(3);
  const content = guilds(2);
  const reading = new TestReading(N + 3, content);
  Object.assign(reading, { guildIds: [...reading.guildIds, '99'] });
  gateway.shard.takeReading = () => reading;
  const worker = await gateway.live();
  await worker.reached(N + 3);
  const ready = worker.payloads.find(({ t }) => t === 'READY');
  expect([ready?.s, ready?.d.guilds.length]).toEqual([N + 1, 3]);
  expect(textsOf(worker)).toEqual(snapshotTexts(content, N + 2));
});

test('what is dispatched while guilds are sent comes behind them, once and with its own numbers', async () => {
  const live: string[] = [];
  const content = guilds(6);
  keepGuilds(gateway.shard, content, () => live.push(...gateway.shard.dispatch(2)));
  const worker = await gateway.live();
  await worker.reached(N + 12);
  live.push(...gateway.shard.dispatch(1));
  await worker.reached(N + 13);
  expect(textsOf(worker)).toEqual([...snapshotTexts(content, N - 5), ...live]);
});

test.each([
  ['that keeps no state', undefined],
  ['whose state can not be read', () => undefined],
])('a shard %s lists its guilds in READY, and none follows', async (_which, takeReading) => {
  gateway.shard.takeReading = takeReading;
  gateway.shard.guildIds.add('11');
  const worker = await gateway.live();
  const live = gateway.shard.dispatch(1);
  await worker.reached(N + 1);
  const ready = worker.payloads.find(({ t }) => t === 'READY');
  expect([ready?.s, ready?.d.guilds]).toEqual([N, [{ id: '11', unavailable: true }]]);
  expect(textsOf(worker)).toEqual(live);
});

test('guilds as of a dispatch before the head are followed by the dispatches since', async () => {
  const since = gateway.shard.dispatch(3);
  const content = guilds(2);
  gateway.shard.takeReading = () => new TestReading(N, content);
  const worker = await gateway.live();
  await worker.reached(N + 3);
  expect(textsOf(worker)).toEqual([...snapshotTexts(content, N - 1), ...since]);
  const back = await gateway.connect();
  back.resume({ sessionId: worker.sessionId, seq: N });
  await back.next('RESUMED');
  expect(textsOf(back)).toEqual(since);
});

test('guilds as of a dispatch that has left the log are not sent', async () => {
  const reading = new TestReading(FIRST_SEQUENCE - 1, guilds(2));
  gateway.shard.takeReading = () => reading;
  const worker = await gateway.live();
  expect(worker.payloads.at(-1)).toMatchObject({ t: 'READY', s: N });
  expect([reading.given, reading.disposals]).toEqual([0, 1]);
});

test('right behind Discord’s READY, where all guilds would have its number, none is sent', async () => {
  gateway.shard.begin('second');
  const readings = keepGuilds(gateway.shard, guilds(2));
  const worker = await gateway.live();
  const live = gateway.shard.dispatch(1);
  await worker.reached(FIRST_SEQUENCE + 1);
  expect(textsOf(worker)).toEqual(live);
  expect(readings.map(({ given, disposals }) => [given, disposals])).toEqual([[0, 1]]);
});

test.each([
  ['READY alone', 0],
  ['all guilds but one', 2],
])('RESUME of a worker that has had %s gets INVALID_SESSION', async (_what, count) => {
  keepGuilds(gateway.shard, guilds(3));
  const { sessionId } = await gateway.live();
  const worker = await gateway.connect();
  worker.resume({ sessionId, seq: N - 3 + count });
  expect((await worker.next(9)).text).toBe('{"t":null,"s":null,"op":9,"d":false}');
  expect(worker.dispatches).toEqual([]);
});

test('RESUME of a worker that has had all guilds replays what followed, and no guild', async () => {
  keepGuilds(gateway.shard, guilds(3));
  const { sessionId } = await gateway.live();
  const sent = gateway.shard.dispatch(2);
  const worker = await gateway.connect();
  worker.resume({ sessionId, seq: N });
  await worker.next('RESUMED');
  expect(textsOf(worker)).toEqual(sent);
});

test('guilds, their bytes, the sessions that have them and the time it took are counted', async () => {
  const content = guilds(4);
  keepGuilds(gateway.shard, content, () => gateway.clock.advance(10));
  const worker = await gateway.live();
  await worker.reached(N);
  await eventually(() => gateway.counts.snapshottedSessions === 1);
  const header = 2;
  const bytes = snapshotTexts(content, N - 3).reduce((sum, text) => sum + header + text.length, 0);
  const { snapshots, snapshotBytes, snapshottingMs } = gateway.counts;
  expect({ snapshots, snapshotBytes, snapshottingMs }).toEqual({
    snapshots: 4,
    snapshotBytes: bytes,
    snapshottingMs: 40,
  });
});
