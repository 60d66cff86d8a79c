/** What is stored of guilds, and what becomes of it, case by case. Over histories: storing-histories.test.ts. */
import { describe, expect, it } from 'vitest';
import { type GuildOptions, type JsonObject, StoredGuildsLostError } from '../../../src/guilds/index.ts';
import { BOT_USER_ID } from '../../../src/simulator/payloads/users.ts';
import { MemoryGuildStore } from '../../support/memory-guild-store.ts';
import { channel, guild, member, role, thread } from './guild.ts';
import { OPTIONS } from './simulated-shard.ts';
import { Store } from './snapshot-store.ts';
import { loaded, storeAll, storedOf } from './stored-guilds.ts';

const ID = '1000';
const OTHER = '2000';
const ROLE = { guild_id: ID, role: role('60') };

function ownGuild(more: JsonObject = {}): JsonObject {
  return guild({ members: [member(BOT_USER_ID), member('1')], member_count: 2, ...more });
}

function storeWithGuilds(options: ConstructorParameters<typeof Store>[0] = {}): Store {
  const store = new Store(options);
  store.snapshots.reset([{ id: ID }, { id: OTHER }], 1);
  store.dispatch('GUILD_CREATE', ownGuild());
  store.dispatch('GUILD_CREATE', ownGuild({ id: OTHER }));
  return store;
}

function read(store: Store): { t: string; d: JsonObject }[] {
  using reading = store.snapshots.read();
  const all: { t: string; d: JsonObject }[] = [];
  for (let item = reading.next(); item; item = reading.next())
    all.push({ t: item.t, d: JSON.parse(item.d.toString()) as JsonObject });
  return all;
}

describe('what is stored', () => {
  it('is a guild that GUILD_CREATE has just brought, without a merge', async () => {
    using store = storeWithGuilds();
    const kept = await storedOf(store.snapshots);
    expect([...kept.guilds.keys()].sort()).toEqual([ID, OTHER]);
    expect(store.snapshots.counts.merges).toBe(0);
    using other = await loaded(kept);
    expect(read(other)).toEqual(read(store));
  });

  it('is what has happened to a guild since, without its body', async () => {
    using store = storeWithGuilds();
    const kept = await storedOf(store.snapshots);
    store.dispatch('GUILD_ROLE_CREATE', ROLE);
    const round = store.snapshots.beginStoring();
    while (round.fill(1));
    expect(round.takeBatch()?.guilds).toMatchObject([{ guildId: ID, sequence: 4, body: undefined }]);
    expect(round.takeBatch()).toBeUndefined();
    await storeAll(store.snapshots, kept);
    using other = await loaded(kept);
    expect(read(other)).toEqual(read(store));
  });

  it('is the body again once it was merged and something has happened', async () => {
    using store = storeWithGuilds({ maxPendingBytesPerGuild: 100 });
    const kept = await storedOf(store.snapshots);
    while (store.snapshots.mergeSome(1));
    store.dispatch('GUILD_ROLE_CREATE', ROLE);
    while (store.snapshots.mergeSome(1));
    const round = store.snapshots.beginStoring();
    while (round.fill(1));
    const [stored] = round.takeBatch()?.guilds ?? [];
    expect(stored).toMatchObject({ guildId: ID, pending: Buffer.alloc(0) });
    expect(stored?.body?.length).toBeGreaterThan(0);
    await storeAll(store.snapshots, kept);
    using other = await loaded(kept);
    expect(read(other)).toEqual(read(store));
  });

  it('is written again where the write did not come through', async () => {
    using store = storeWithGuilds();
    const kept = new MemoryGuildStore();
    await kept.begin({ epoch: 'session-1', sequence: 1, guildIds: [ID, OTHER], ownUser: undefined });
    kept.failure = new Error('away');
    await expect(storeAll(store.snapshots, kept)).rejects.toThrow('away');
    await storeAll(store.snapshots, kept);
    expect(kept.guilds.size).toBe(2);
  });

  it('is no guild that the bot has left, and none that is awaited', async () => {
    using store = storeWithGuilds();
    const kept = await storedOf(store.snapshots);
    store.dispatch('GUILD_DELETE', { id: ID });
    await storeAll(store.snapshots, kept);
    expect([...kept.guilds.keys()]).toEqual([OTHER]);
    store.snapshots.reset([{ id: ID }], 1);
    expect([...(await storedOf(store.snapshots)).guilds.keys()]).toEqual([]);
  });

  it('is that a guild was dropped, also where nothing has happened to it since it was stored', async () => {
    using store = storeWithGuilds({ maxBytes: 1 });
    const kept = await storedOf(store.snapshots);
    store.clock.advance(100);
    expect(store.snapshots.counts.missingGuilds).toBe(2);
    await storeAll(store.snapshots, kept);
    expect([...kept.guilds.values()].map(({ body }) => body.length)).toEqual([0, 0]);
    using other = await loaded(kept);
    expect(other.snapshots.counts).toMatchObject({ missingGuilds: 2, awaitedGuilds: 0 });
  });

  it('that an outage hides a guild is that it is out', async () => {
    using store = storeWithGuilds();
    store.dispatch('GUILD_DELETE', { id: ID, unavailable: true });
    using other = await loaded(await storedOf(store.snapshots));
    expect(read(other)[0]).toEqual({ t: 'GUILD_DELETE', d: { id: ID, unavailable: true } });
    expect(read(other)).toEqual(read(store));
  });
});

describe('what is loaded', () => {
  it('skips the dispatches that it has', async () => {
    using store = storeWithGuilds();
    store.dispatch('GUILD_MEMBER_ADD', { guild_id: ID, ...member('5') });
    const kept = await storedOf(store.snapshots);
    if (kept.checkpoint) kept.checkpoint = { ...kept.checkpoint, sequence: 1 };
    using other = await loaded(kept);
    other.dispatch('GUILD_DELETE', { id: ID });
    other.dispatch('GUILD_DELETE', { id: OTHER });
    other.dispatch('GUILD_MEMBER_ADD', { guild_id: ID, ...member('5') });
    expect(read(other)).toEqual(read(store));
    other.dispatch('GUILD_MEMBER_ADD', { guild_id: ID, ...member('6') });
    expect(read(other)[0]?.d['member_count']).toBe(4);
  });

  it('and is not all there awaits what the tail has of it', async () => {
    using store = storeWithGuilds();
    const kept = await storedOf(store.snapshots);
    kept.guilds.delete(OTHER);
    using other = await loaded(kept);
    expect(other.snapshots.counts).toMatchObject({ guilds: 2, awaitedGuilds: 1 });
  });

  it.each([
    ['body', 'body'],
    ['pending bytes', 'pending'],
  ] as const)('and whose %s can not be read is out, and hurts no other', async (_, part) => {
    using store = storeWithGuilds();
    store.dispatch('GUILD_ROLE_CREATE', ROLE);
    const kept = await storedOf(store.snapshots);
    const stored = kept.guilds.get(ID);
    if (!stored) throw new Error('it is there');
    kept.guilds.set(ID, { ...stored, [part]: stored[part].subarray(0, -3) });
    using other = await loaded(kept);
    expect(read(other).find(({ d }) => d['id'] === OTHER)).toEqual({
      t: 'GUILD_CREATE',
      d: ownGuild({ id: OTHER }),
    });
    expect(read(other).filter(({ t, d }) => t === 'GUILD_CREATE' && d['id'] === ID)).toEqual([]);
    expect(other.snapshots.counts.unreadable).toBeGreaterThan(0);
  });

  it('leaves out what is switched off by now', async () => {
    const full = ownGuild({ channels: [channel('10')], threads: [thread('11', '10')] });
    using store = new Store();
    store.dispatch('GUILD_CREATE', full);
    store.dispatch('CHANNEL_CREATE', { guild_id: ID, ...channel('12') });
    const options: GuildOptions = { ...OPTIONS, off: new Set(['channels']) };
    using other = await loaded(await storedOf(store.snapshots), { options });
    expect(read(other).map(({ d }) => d)).toEqual([{ ...full, channels: [] }]);
  });

  it('a store that lost a body says so', async () => {
    using store = storeWithGuilds();
    const kept = await storedOf(store.snapshots);
    kept.guilds.clear();
    store.dispatch('GUILD_ROLE_CREATE', ROLE);
    await expect(storeAll(store.snapshots, kept)).rejects.toThrow(StoredGuildsLostError);
    store.snapshots.forgetStored();
    await storeAll(store.snapshots, kept);
    using other = await loaded(kept);
    expect(read(other)).toEqual(read(store));
  });
});
