/** The snapshot store of a shard, case by case. Its truth over histories: snapshots-histories.test.ts. */
import { describe, expect, it } from 'vitest';
import type { GuildReading, JsonObject } from '../../../src/guilds/index.ts';
import { BOT_USER_ID } from '../../../src/simulator/payloads/users.ts';
import { Random } from '../../../src/simulator/random.ts';
import { channel, find, guild, member, role, user } from './guild.ts';
import { OPTIONS } from './simulated-shard.ts';
import { readAll, Store } from './snapshot-store.ts';

const ID = '1000';

function ownGuild(more: JsonObject = {}): JsonObject {
  return guild({ members: [member(BOT_USER_ID), member('1')], member_count: 2, ...more });
}

/** A store with READY's guild, and its GUILD_CREATE. */
function storeWithGuild(options: ConstructorParameters<typeof Store>[0] = {}): Store {
  const store = new Store(options);
  store.snapshots.reset([{ id: ID, unavailable: true }], 1);
  store.dispatch('GUILD_CREATE', ownGuild());
  return store;
}

function items(reading: GuildReading): { t: string; d: JsonObject }[] {
  const all: { t: string; d: JsonObject }[] = [];
  for (let item = reading.next(); item; item = reading.next())
    all.push({ t: item.t, d: JSON.parse(item.d.toString()) as JsonObject });
  return all;
}

function read(store: Store): { t: string; d: JsonObject }[] {
  using reading = store.snapshots.read();
  return items(reading);
}

function only(store: Store): JsonObject {
  const [item] = read(store);
  if (!item) throw new Error('there is no guild');
  return item.d;
}

const ROLE = { guild_id: ID, role: role('60') };

describe('guilds that come and go', () => {
  it('a guild that READY names is awaited until its GUILD_CREATE comes', () => {
    using store = new Store();
    store.snapshots.reset([{ id: ID, unavailable: true }], 1);
    expect(store.snapshots.isComplete).toBe(false);
    using reading = store.snapshots.read();
    expect(reading).toMatchObject({ guildIds: [ID], count: 0, isComplete: false });
    store.dispatch('GUILD_CREATE', ownGuild());
    expect(store.snapshots.isComplete).toBe(true);
    expect(items(reading)).toEqual([]);
    expect(read(store)).toEqual([{ t: 'GUILD_CREATE', d: ownGuild() }]);
  });

  it('a guild that an outage hides is a GUILD_DELETE with `unavailable`, and is whole again after its GUILD_CREATE', () => {
    using store = storeWithGuild();
    store.dispatch('GUILD_DELETE', { id: ID, unavailable: true });
    store.dispatch('GUILD_ROLE_CREATE', ROLE);
    expect(read(store)).toEqual([{ t: 'GUILD_DELETE', d: { id: ID, unavailable: true } }]);
    expect(store.snapshots.isComplete).toBe(true);
    store.dispatch('GUILD_CREATE', ownGuild({ name: 'back' }));
    expect(read(store)).toEqual([{ t: 'GUILD_CREATE', d: ownGuild({ name: 'back' }) }]);
  });

  it('a GUILD_CREATE that says `unavailable` is an outage', () => {
    using store = storeWithGuild();
    store.dispatch('GUILD_CREATE', { id: ID, unavailable: true });
    expect(read(store)).toEqual([{ t: 'GUILD_DELETE', d: { id: ID, unavailable: true } }]);
    while (store.snapshots.mergeSome(1));
    expect(read(store)).toEqual([{ t: 'GUILD_DELETE', d: { id: ID, unavailable: true } }]);
  });

  it('a guild that the bot has left is gone, and one that it joins is there', () => {
    using store = storeWithGuild();
    store.dispatch('GUILD_DELETE', { id: ID });
    const { unavailable: _, ...joined } = ownGuild({ id: '2000' });
    store.dispatch('GUILD_CREATE', joined);
    expect(read(store)).toEqual([{ t: 'GUILD_CREATE', d: { ...joined, unavailable: false } }]);
  });

  it('a new session begins with the guilds of its READY', () => {
    using store = storeWithGuild();
    store.snapshots.reset([{ id: '3000', unavailable: true }], 5);
    using reading = store.snapshots.read();
    expect(reading).toMatchObject({ guildIds: ['3000'], count: 0, sequence: 5 });
    expect(store.snapshots.counts).toMatchObject({
      bodyBytes: 0,
      pendingBytes: 0,
      guilds: 1,
      awaitedGuilds: 1,
    });
  });
});

describe('a reading', () => {
  it('goes on with guilds that have left, and without those that have come, since it began', () => {
    using store = storeWithGuild();
    using reading = store.snapshots.read();
    store.dispatch('GUILD_DELETE', { id: ID });
    store.dispatch('GUILD_CREATE', ownGuild({ id: '2000' }));
    while (store.snapshots.mergeSome(1));
    expect(items(reading)).toEqual([{ t: 'GUILD_CREATE', d: ownGuild() }]);
  });

  it('goes on after a new session has begun', () => {
    using store = storeWithGuild();
    using reading = store.snapshots.read();
    store.snapshots.reset([], 1);
    expect(items(reading)).toEqual([{ t: 'GUILD_CREATE', d: ownGuild() }]);
  });

  it('gives nothing once it was disposed of', () => {
    using store = storeWithGuild();
    const reading = store.snapshots.read();
    expect(store.snapshots.counts.openReadings).toBe(1);
    reading[Symbol.dispose]();
    reading[Symbol.dispose]();
    expect(reading.next()).toBeUndefined();
    expect(store.snapshots.counts.openReadings).toBe(0);
  });

  it("has the bot's member, from READY's user where Discord has not sent it", () => {
    using store = new Store();
    store.snapshots.reset([], 1, user(BOT_USER_ID));
    store.dispatch('GUILD_CREATE', guild({ members: [] }));
    expect(find(only(store), 'members', BOT_USER_ID)).toMatchObject({ user: user(BOT_USER_ID), roles: [] });
  });

  it('does its work once for the next one', () => {
    using store = storeWithGuild();
    for (const id of ['61', '62', '63', '64'])
      store.dispatch('GUILD_ROLE_CREATE', { guild_id: ID, role: role(id, { name: id.repeat(400) }) });
    readAll(store.snapshots);
    readAll(store.snapshots);
    expect(store.snapshots.counts).toMatchObject({ readMerges: 1, pendingBytes: 0 });
  });
});

describe('members', () => {
  it('that are more than were counted leave their guild one that is worked on by its text', () => {
    using store = storeWithGuild();
    store.dispatch('GUILD_MEMBER_UPDATE', { guild_id: ID, ...member('2') });
    while (store.snapshots.mergeSome(1));
    expect(store.snapshots.members(ID)?.memberCount).toBe(3);
    expect(only(store)).toMatchObject({ member_count: 3 });
  });

  it('are cut out of the text of a guild that nothing has happened to as well', () => {
    using store = storeWithGuild();
    while (store.snapshots.mergeSome(1));
    expect(store.snapshots.members(ID)?.all()).toEqual(ownGuild()['members']);
    store.dispatch('GUILD_MEMBER_UPDATE', { guild_id: ID, ...member('1', { nick: 'new' }) });
    expect(store.snapshots.members(ID)?.find('1')).toEqual(member('1', { nick: 'new' }));
  });
});

describe('dispatches', () => {
  it('of the bot’s own user change its member in every guild, in their place among the others', () => {
    using store = storeWithGuild();
    store.dispatch('GUILD_CREATE', ownGuild({ id: '2000' }));
    store.dispatch('USER_UPDATE', user(BOT_USER_ID, { username: 'first' }));
    store.dispatch('GUILD_MEMBER_UPDATE', {
      guild_id: ID,
      ...member(BOT_USER_ID, { nick: 'nick', user: user(BOT_USER_ID, { username: 'second' }) }),
    });
    const names = read(store).map(({ d }) => find(d, 'members', BOT_USER_ID)?.['user']);
    expect(names).toMatchObject([{ username: 'second' }, { username: 'first' }]);
  });

  it('are of the guild that `d` names, whatever else names one', () => {
    using store = storeWithGuild();
    store.dispatch('GUILD_CREATE', ownGuild({ id: '2000' }));
    const topic = ',"guild_id":"2000" \\"guild_id":"2000"';
    const other = { guild_id: '2000', deep: [{ guild_id: '2000' }], '"guild_id': '2000' };
    store.dispatch('CHANNEL_CREATE', { ...channel('11', { topic, other }), guild_id: ID });
    store.dispatch('CHANNEL_CREATE', { guild_id: ID, ...channel('12', { topic, other }) });
    store.dispatch('CHANNEL_CREATE', { ...channel('13', { other }) });
    const [first, second] = read(store).map(({ d }) => d);
    expect(find(first ?? {}, 'channels', '11')).toEqual(channel('11', { topic, other }));
    expect(find(first ?? {}, 'channels', '12')).toEqual(channel('12', { topic, other }));
    expect(second).toEqual(ownGuild({ id: '2000' }));
  });

  it('in any order of keys and with white space are understood', () => {
    using store = new Store();
    const apply = (sequence: number, t: string, d: JsonObject) => {
      const payload = Buffer.from(JSON.stringify({ op: 0, d, s: sequence, t }, undefined, 2));
      store.apply({ sequence, typeId: store.typeId(t), payload });
    };
    apply(2, 'GUILD_CREATE', ownGuild());
    apply(3, 'GUILD_ROLE_CREATE', ROLE);
    expect(find(only(store), 'roles', '60')).toEqual(role('60'));
    apply(4, 'GUILD_DELETE', { id: ID, unavailable: true });
    expect(only(store)).toEqual({ id: ID, unavailable: true });
  });

  it('change an element whose id is written in escapes, once its guild is at rest as well', () => {
    using store = new Store();
    store.dispatchText('GUILD_CREATE', JSON.stringify(ownGuild()).replace('"id":"10"', '"id":"\\u00310"'));
    while (store.snapshots.mergeSome(1));
    store.dispatch('CHANNEL_UPDATE', { guild_id: ID, ...channel('10', { name: 'new' }) });
    expect(only(store)).toMatchObject({ channels: [{ id: '10', name: 'new' }, { id: '20' }] });
  });

  it('that can not change a guild are not kept', () => {
    using store = storeWithGuild();
    const before = store.snapshots.counts;
    store.dispatch('MESSAGE_CREATE', { guild_id: ID, content: 'hello' });
    store.dispatch('TYPING_START', { guild_id: ID });
    expect(store.snapshots.counts).toEqual(before);
    expect(store.snapshots.sequence).toBe(4);
  });

  it('that are no JSON are counted and left out', () => {
    using store = storeWithGuild();
    store.dispatchText('GUILD_ROLE_CREATE', `{"guild_id":"${ID}","role":{"id":"6}`);
    store.dispatch('GUILD_ROLE_CREATE', ROLE);
    store.dispatchText('GUILD_CREATE', '{"id":"2000","name":}');
    expect(read(store)).toEqual([
      { t: 'GUILD_CREATE', d: ownGuild({ roles: [...(ownGuild()['roles'] as unknown[]), role('60')] }) },
      { t: 'GUILD_DELETE', d: { id: '2000', unavailable: true } },
    ]);
    while (store.snapshots.mergeSome(1));
    expect(store.snapshots.counts.unreadable).toBeGreaterThanOrEqual(2);
    expect(store.snapshots.isComplete).toBe(false);
  });

  it('of kinds that are off are left out of what is kept', () => {
    using store = storeWithGuild({ options: { ...OPTIONS, off: new Set(['members', 'channels']) } });
    store.dispatch('GUILD_MEMBER_ADD', { guild_id: ID, ...member('5') });
    store.dispatch('CHANNEL_CREATE', { guild_id: ID, ...channel('11') });
    const left = only(store);
    expect(left['channels']).toEqual([]);
    expect(left['members']).toEqual([member(BOT_USER_ID)]);
  });
});

describe('bounds', () => {
  it('a guild is merged in the background once its pending bytes outgrow their bound', () => {
    using store = storeWithGuild({ maxPendingBytesPerGuild: 1_024 });
    store.clock.advance(100);
    const { merges } = store.snapshots.counts;
    store.dispatch('GUILD_ROLE_CREATE', ROLE);
    store.clock.advance(100);
    expect(store.snapshots.counts).toMatchObject({ merges });
    for (let id = 100; id < 120; id += 1)
      store.dispatch('GUILD_ROLE_CREATE', { guild_id: ID, role: role(String(id)) });
    store.clock.advance(100);
    expect(store.snapshots.counts).toMatchObject({ merges: merges + 1, pendingBytes: 0 });
    expect(store.clock.pendingTimers).toBe(0);
  });

  it('more may be pending of a guild with a large body, which does not keep others from being merged', () => {
    using store = storeWithGuild({ maxPendingBytesPerGuild: 1_024 });
    const random = new Random(1);
    // Some 200 KiB that can hardly be compressed: merged for four times as much as a small one.
    const name = Array.from({ length: 25_000 }, () => random.next()).join();
    store.dispatch('GUILD_CREATE', ownGuild({ id: '2000', name }));
    store.clock.advance(100);
    const { merges } = store.snapshots.counts;
    const addRoles = (guildId: string, count: number) => {
      for (let id = 100; id < 100 + count; id += 1)
        store.dispatch('GUILD_ROLE_CREATE', { guild_id: guildId, role: role(String(id)) });
      store.clock.advance(100);
    };
    addRoles('2000', 10);
    expect(store.snapshots.counts).toMatchObject({ merges, pendingBytes: 2_048 });
    addRoles(ID, 10);
    expect(store.snapshots.counts).toMatchObject({ merges: merges + 1, pendingBytes: 2_048 });
    addRoles('2000', 20);
    expect(store.snapshots.counts).toMatchObject({ merges: merges + 2, pendingBytes: 0 });
  });

  it('over the bound of all pending bytes the guilds with most of them are merged', () => {
    using store = storeWithGuild({ maxPendingBytes: 2_048 });
    store.dispatch('GUILD_CREATE', ownGuild({ id: '2000' }));
    store.clock.advance(100);
    for (let id = 100; id < 110; id += 1)
      store.dispatch('GUILD_ROLE_CREATE', { guild_id: '2000', role: role(String(id)) });
    store.dispatch('GUILD_ROLE_CREATE', ROLE);
    store.clock.advance(100);
    expect(store.snapshots.counts.pendingBytes).toBe(512);
  });

  it('over the bound of everything the largest bodies are dropped, counted, and come back with a GUILD_CREATE', () => {
    using store = storeWithGuild({ maxBytes: 3_000 });
    const random = new Random(1);
    const large = ownGuild({ id: '2000', name: Array.from({ length: 500 }, () => random.next()).join() });
    store.dispatch('GUILD_CREATE', large);
    store.dispatch('GUILD_CREATE', ownGuild({ id: '3000' }));
    store.clock.advance(100);
    expect(store.snapshots.counts).toMatchObject({ droppedGuilds: 1, missingGuilds: 1 });
    expect(store.snapshots.counts.bodyBytes).toBeLessThanOrEqual(3_000);
    using reading = store.snapshots.read();
    expect(reading).toMatchObject({ guildIds: [ID, '2000', '3000'], count: 3 });
    expect(items(reading).map(({ t, d }) => [t, d['id']])).toEqual([
      ['GUILD_CREATE', ID],
      ['GUILD_DELETE', '2000'],
      ['GUILD_CREATE', '3000'],
    ]);
    store.dispatch('GUILD_CREATE', ownGuild({ id: '2000' }));
    expect(store.snapshots.isComplete).toBe(true);
  });

  it('dispatches that wait take a bounded room; over it the hot path looks at them itself', () => {
    using store = storeWithGuild();
    const filler = 'x'.repeat(10_000);
    for (let count = 0; count < 1_000; count += 1)
      store.dispatch('CHANNEL_UPDATE', { guild_id: ID, ...channel('10', { topic: filler }) });
    expect(store.snapshots.counts.hurriedSteps).toBeGreaterThan(1);
    expect(store.snapshots.counts.arrivalBytes).toBeLessThanOrEqual(8 * 1024 * 1024);
    expect(find(only(store), 'channels', '10')?.['topic']).toBe(filler);
  });

  it('a large GUILD_CREATE is kept as any other', () => {
    using store = storeWithGuild();
    const members = [member(BOT_USER_ID), ...Array.from({ length: 2_000 }, (_, at) => member(`${at + 100}`))];
    const large = ownGuild({ id: '2000', members, member_count: members.length });
    store.dispatch('GUILD_CREATE', large);
    store.dispatch('GUILD_ROLE_CREATE', { guild_id: '2000', role: role('60') });
    const [, second] = read(store);
    expect(second?.d).toEqual({ ...large, roles: [...(large['roles'] as unknown[]), role('60')] });
  });

  it('disposing of it gives everything back', () => {
    const store = storeWithGuild();
    store[Symbol.dispose]();
    expect(store.snapshots.counts).toMatchObject({ bodyBytes: 0, pendingBytes: 0, guilds: 0 });
    expect(store.clock.pendingTimers).toBe(0);
  });
});
