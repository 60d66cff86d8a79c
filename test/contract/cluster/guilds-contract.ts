/** What every cluster store does with the guilds of shards. Part of `cluster-store-contract.ts`. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { LeaseLostError, StoredGuildsReplacedError } from '../../../src/cluster/index.ts';
import {
  type GuildCheckpoint,
  type GuildStore,
  type StoredGuild,
  type StoredGuilds,
  StoredGuildsLostError,
} from '../../../src/guilds/index.ts';
import {
  type ClusterEnvironment,
  type ClusterStoreKind,
  DEFAULTS,
  newNode,
  type TestNode,
} from './cluster-environment.ts';

const KIB = 1024;

/** What is read at a time: some hundred KiB, and the guild that goes beyond. */
const MAX_BATCH_BYTES = 384 * KIB;

/** So large that some of them are more than is read at a time. */
const LARGE_BYTES = 100 * KIB;

/** The most that Discord puts on a shard. */
const BIG_SHARD_GUILDS = 2_500;

function checkpointAt(sequence: number, guildIds: readonly string[] = []): GuildCheckpoint {
  return { epoch: 'epoch', sequence, guildIds, ownUser: { id: '1', username: 'bot', flags: null } };
}

function guildAt(guildId: string, sequence: number, bytes = 100): StoredGuild & { readonly body: Buffer } {
  return { guildId, sequence, body: randomBytes(bytes), pending: randomBytes(bytes / 4) };
}

/** `undefined` where nothing is stored. */
async function loadAll(node: TestNode, shardId = 0) {
  const stored = await node.membership.loadGuilds(shardId);
  return stored && { checkpoint: stored.checkpoint, guilds: await guildsOf(stored) };
}

async function guildsOf(stored: StoredGuilds): Promise<StoredGuild[]> {
  const guilds: StoredGuild[] = [];
  for await (const batch of stored.guilds) guilds.push(...batch);
  return guilds.sort((one, other) => Number(one.guildId) - Number(other.guildId));
}

function bytesOf(guilds: readonly StoredGuild[]): number {
  return guilds.reduce((sum, { body, pending }) => sum + (body?.length ?? 0) + pending.length, 0);
}

function openGuilds(node: TestNode, shardId = 0): GuildStore {
  return node.membership.openGuilds(shardId, node.epochOf(shardId));
}

/** A node that holds shard 0, and what it writes to; begun. */
async function newWriter(environment: ClusterEnvironment, guilds: readonly StoredGuild[] = []) {
  const node = await newNode(environment, 'node-a');
  await node.acquire([0, 1]);
  const store = openGuilds(node);
  const ids = guilds.map(({ guildId }) => guildId);
  await store.begin(checkpointAt(10, ids));
  if (guilds.length > 0) await store.put(guilds);
  return { node, store };
}

async function passToB(environment: ClusterEnvironment, a: TestNode): Promise<TestNode> {
  const b = await newNode(environment, 'node-b');
  b.held.set(0, (await a.pass(0, b))?.epoch ?? 0);
  return b;
}

export function guildsContract(name: string, kind: ClusterStoreKind): void {
  const open = () => kind.open(DEFAULTS);

  describe(`guilds: ${name}`, () => {
    it('where nothing was written there is nothing to read', async () => {
      await using environment = await open();
      expect(await loadAll(await newNode(environment, 'node-a'))).toBeUndefined();
    });

    it.each([
      ['of no guilds', checkpointAt(0)],
      ['without a user', { ...checkpointAt(7, ['1', '2']), ownUser: undefined }],
      [
        'of many guilds',
        checkpointAt(
          2 ** 33,
          Array.from({ length: 2_500 }, (_, n) => `${n}0000000000`),
        ),
      ],
    ])('a checkpoint %s comes back as it was begun with', async (_what, checkpoint) => {
      await using environment = await open();
      const { node, store } = await newWriter(environment);
      await store.begin(checkpoint);
      expect(await loadAll(node)).toEqual({ checkpoint, guilds: [] });
    });

    it('guilds come back byte for byte, to every node', async () => {
      await using environment = await open();
      const guilds = [
        guildAt('1', 11),
        guildAt('2', 2 ** 33),
        { ...guildAt('3', 12), pending: Buffer.alloc(0) },
      ];
      await newWriter(environment, guilds);
      const b = await newNode(environment, 'node-b');
      expect(await loadAll(b)).toEqual({ checkpoint: checkpointAt(10, ['1', '2', '3']), guilds });
    });

    it('a guild without a body keeps the one that is stored', async () => {
      await using environment = await open();
      const [one, two] = [guildAt('1', 11), guildAt('2', 11)];
      const { node, store } = await newWriter(environment, [one, two]);
      const pending = randomBytes(30);
      await store.put([{ guildId: '1', sequence: 15, body: undefined, pending }]);
      expect((await loadAll(node))?.guilds).toEqual([{ ...one, sequence: 15, pending }, two]);
      const next = guildAt('1', 20);
      await store.put([next]);
      expect((await loadAll(node))?.guilds).toEqual([next, two]);
    });

    it('an empty body is one', async () => {
      await using environment = await open();
      const dropped = { ...guildAt('1', 12), body: Buffer.alloc(0), pending: Buffer.alloc(0) };
      const { node, store } = await newWriter(environment, [guildAt('1', 11)]);
      await store.put([dropped]);
      await store.put([{ ...dropped, sequence: 13, body: undefined }]);
      expect((await loadAll(node))?.guilds).toEqual([{ ...dropped, sequence: 13 }]);
    });

    it('a guild whose body is not there is refused, and those that come with it; then it is to be begun anew', async () => {
      await using environment = await open();
      const one = guildAt('1', 11);
      const { node, store } = await newWriter(environment, [one]);
      const refused = store.put([guildAt('1', 12), { ...guildAt('2', 12), body: undefined }]);
      await expect(refused).rejects.toBeInstanceOf(StoredGuildsLostError);
      expect((await loadAll(await newNode(environment, 'node-b')))?.guilds).toEqual([one]);
      await expect(store.put([one])).rejects.toBeInstanceOf(StoredGuildsLostError);
      await store.begin(checkpointAt(20));
      await store.put([one]);
      expect(await loadAll(node)).toEqual({ checkpoint: checkpointAt(20), guilds: [one] });
    });

    it('to commit moves the checkpoint, and forgets what is gone as of it', async () => {
      await using environment = await open();
      const stays = guildAt('1', 11);
      const goneSince = guildAt('3', 21);
      const { node, store } = await newWriter(environment, [stays, guildAt('2', 20), goneSince]);
      await store.commit(checkpointAt(20, ['1', '4']));
      const stored = await loadAll(node);
      expect(stored).toEqual({ checkpoint: checkpointAt(20, ['1', '4']), guilds: [stays, goneSince] });
      await store.commit(checkpointAt(21, ['1', '4']));
      expect((await loadAll(node))?.guilds).toEqual([stays]);
    });

    it('what was forgotten and comes again is there again, and needs a body', async () => {
      await using environment = await open();
      const { node, store } = await newWriter(environment, [guildAt('1', 11)]);
      await store.commit(checkpointAt(20));
      const again = guildAt('1', 25);
      await store.put([again]);
      expect((await loadAll(node))?.guilds).toEqual([again]);
      await store.commit(checkpointAt(30));
      await expect(store.put([{ ...again, body: undefined }])).rejects.toBeInstanceOf(StoredGuildsLostError);
    });

    it('to begin forgets what was there', async () => {
      await using environment = await open();
      const { node, store } = await newWriter(environment, [guildAt('1', 11)]);
      await store.begin({ ...checkpointAt(1, ['1']), epoch: 'other' });
      expect(await loadAll(node)).toEqual({
        checkpoint: { ...checkpointAt(1, ['1']), epoch: 'other' },
        guilds: [],
      });
    });

    it('shards have guilds each', async () => {
      await using environment = await open();
      const { node } = await newWriter(environment, [guildAt('1', 11)]);
      expect(await loadAll(node, 1)).toBeUndefined();
      const other = openGuilds(node, 1);
      await other.begin(checkpointAt(5));
      expect((await loadAll(node, 0))?.guilds).toHaveLength(1);
      expect((await loadAll(node, 1))?.checkpoint).toEqual(checkpointAt(5));
    });

    it('tells what it takes up', async () => {
      await using environment = await open();
      const guilds = [guildAt('1', 11, 10 * KIB), guildAt('2', 11, 10 * KIB)];
      const { store } = await newWriter(environment, guilds);
      expect(store.bytes).toBeGreaterThan(bytesOf(guilds));
      expect(store.bytes).toBeLessThan(bytesOf(guilds) * 1.3);
      await store.begin(checkpointAt(20));
      expect(store.bytes).toBeLessThan(KIB);
    });

    it('a big shard is read in bounded pieces, each guild once', async () => {
      await using environment = await open();
      const ids = Array.from({ length: BIG_SHARD_GUILDS }, (_, n) => String(1_000 + n));
      const { node, store } = await newWriter(environment);
      await store.begin(checkpointAt(10, ids));
      for (let from = 0; from < ids.length; from += 40)
        await store.put(ids.slice(from, from + 40).map((id) => guildAt(id, 11, 5_600)));
      const stored = await node.membership.loadGuilds(0);
      const read: string[] = [];
      for await (const batch of stored?.guilds ?? []) {
        expect(bytesOf(batch)).toBeLessThanOrEqual(MAX_BATCH_BYTES);
        read.push(...batch.map(({ guildId }) => guildId));
      }
      expect(read.sort()).toEqual(ids);
    });
  });

  describe(`guilds that are written while they are read: ${name}`, () => {
    const large = (sequence: number) =>
      ['1', '2', '3', '4', '5'].map((id) => guildAt(id, sequence, LARGE_BYTES));

    it('are read as they were, or newer, each once', async () => {
      await using environment = await open();
      const { node, store } = await newWriter(environment);
      const before = large(11);
      const after = large(21);
      for (const guild of before) await store.put([guild]);
      const stored = await node.membership.loadGuilds(0);
      const read: StoredGuild[] = [];
      for await (const batch of stored?.guilds ?? []) {
        read.push(...batch);
        for (const guild of after) await store.put([guild]);
        await store.commit(checkpointAt(20, ['1', '2', '3', '4', '5']));
      }
      expect(read.map(({ guildId }) => guildId).sort()).toEqual(['1', '2', '3', '4', '5']);
      const all = [...before, ...after];
      for (const { guildId, sequence, body } of read) {
        const written = all.find((guild) => guild.guildId === guildId && guild.sequence === sequence);
        expect(written?.body.equals(body ?? Buffer.alloc(0)), `${guildId} as of ${sequence}`).toBe(true);
      }
      expect(stored?.checkpoint.sequence).toBe(10);
    });

    it('are read no further once they are begun anew', async () => {
      await using environment = await open();
      const { node, store } = await newWriter(environment);
      for (const guild of large(11)) await store.put([guild]);
      const stored = await node.membership.loadGuilds(0);
      const reading = stored!.guilds[Symbol.asyncIterator](); // It was begun above.
      expect((await reading.next()).done).toBe(false);
      await store.begin(checkpointAt(30));
      for (const guild of large(31)) await store.put([guild]);
      await expect(reading.next()).rejects.toBeInstanceOf(StoredGuildsReplacedError);
      expect((await loadAll(node))?.guilds.map(({ sequence }) => sequence)).toEqual([31, 31, 31, 31, 31]);
    });

    it('are not read at all where they are begun anew before that', async () => {
      await using environment = await open();
      const { node, store } = await newWriter(environment, [guildAt('1', 11)]);
      const stored = await node.membership.loadGuilds(0);
      await store.begin(checkpointAt(30));
      await expect(guildsOf(stored!)).rejects.toBeInstanceOf(StoredGuildsReplacedError); // It was begun above.
    });
  });

  describe(`fencing of guilds: ${name}`, () => {
    it('whoever has passed the lease on writes no more', async () => {
      await using environment = await open();
      const one = guildAt('1', 11);
      const { node: a, store } = await newWriter(environment, [one]);
      const b = await passToB(environment, a);
      await expect(store.put([guildAt('1', 12)])).rejects.toBeInstanceOf(LeaseLostError);
      await expect(store.commit(checkpointAt(12))).rejects.toBeInstanceOf(LeaseLostError);
      await expect(store.begin(checkpointAt(12))).rejects.toBeInstanceOf(LeaseLostError);
      expect(await loadAll(b)).toEqual({ checkpoint: checkpointAt(10, ['1']), guilds: [one] });
    });

    it('whoever takes the shard over goes on from what it has read', async () => {
      await using environment = await open();
      const one = guildAt('1', 11);
      const { node: a } = await newWriter(environment, [one, guildAt('2', 12)]);
      const b = await passToB(environment, a);
      await loadAll(b);
      const store = openGuilds(b);
      expect(store.bytes).toBeGreaterThan(bytesOf([one]));
      const pending = randomBytes(10);
      await store.put([{ guildId: '1', sequence: 15, body: undefined, pending }]);
      await store.commit(checkpointAt(15, ['1']));
      const guilds = [{ ...one, sequence: 15, pending }];
      expect(await loadAll(a)).toEqual({ checkpoint: checkpointAt(15, ['1']), guilds });
    });

    it.each([
      ['has not read it', async () => undefined],
      [
        'has read only some of it',
        async (b: TestNode) => {
          for await (const _ of (await b.membership.loadGuilds(0))?.guilds ?? []) break;
        },
      ],
    ])('whoever takes it over and %s has to begin anew', async (_what, read) => {
      await using environment = await open();
      const { node: a } = await newWriter(environment, [guildAt('1', 11)]);
      const b = await passToB(environment, a);
      await read(b);
      const store = openGuilds(b);
      await expect(store.put([guildAt('1', 15)])).rejects.toBeInstanceOf(StoredGuildsLostError);
      await expect(store.commit(checkpointAt(15))).rejects.toBeInstanceOf(StoredGuildsLostError);
      await store.begin(checkpointAt(16, ['1']));
      await store.put([guildAt('1', 15)]);
    });

    it('whoever has read it before the former owner wrote last has to read it again', async () => {
      await using environment = await open();
      const { node: a, store: former } = await newWriter(environment, [guildAt('1', 11)]);
      const b = await newNode(environment, 'node-b');
      await loadAll(b);
      await former.put([guildAt('1', 13)]);
      b.held.set(0, (await a.pass(0, b))?.epoch ?? 0);
      const store = openGuilds(b);
      const change = { ...guildAt('1', 15), body: undefined };
      await expect(store.put([change])).rejects.toBeInstanceOf(StoredGuildsLostError);
      await loadAll(b);
      await openGuilds(b).put([change]);
    });

    it('whoever has it under another epoch goes on without reading', async () => {
      await using environment = await open();
      const one = guildAt('1', 11);
      const { node, store } = await newWriter(environment, [one]);
      await store[Symbol.asyncDispose]();
      await node.pass(0, undefined);
      await node.acquire([0]);
      const next = openGuilds(node);
      await expect(store.put([one])).rejects.toBeInstanceOf(LeaseLostError);
      await next.put([{ ...one, sequence: 14, body: undefined }]);
      expect((await loadAll(node))?.guilds).toEqual([{ ...one, sequence: 14 }]);
    });

    it('where nothing is stored there is nothing to go on from', async () => {
      await using environment = await open();
      const node = await newNode(environment, 'node-a');
      await node.acquire([0]);
      await loadAll(node);
      const store = openGuilds(node);
      await expect(store.put([guildAt('1', 11)])).rejects.toBeInstanceOf(StoredGuildsLostError);
      await expect(store.commit(checkpointAt(11))).rejects.toBeInstanceOf(StoredGuildsLostError);
    });
  });

  if (kind.canLoseData)
    describe(`guilds after a loss of data: ${name}`, () => {
      it('nothing is written before the lease is asserted; then they are to be begun anew', async () => {
        await using environment = await open();
        const { node, store } = await newWriter(environment, [guildAt('1', 11)]);
        await environment.loseData?.();
        const refused = await store.put([guildAt('1', 12)]).catch((error: unknown) => error);
        expect(refused).toBeInstanceOf(Error);
        expect(refused).not.toBeInstanceOf(LeaseLostError);
        expect(refused).not.toBeInstanceOf(StoredGuildsLostError);
        await node.renew();
        await expect(store.put([guildAt('1', 12)])).rejects.toBeInstanceOf(StoredGuildsLostError);
        await expect(store.commit(checkpointAt(12))).rejects.toBeInstanceOf(StoredGuildsLostError);
        expect(await loadAll(node)).toBeUndefined();
        await store.begin(checkpointAt(12));
        expect(await loadAll(node)).toEqual({ checkpoint: checkpointAt(12), guilds: [] });
      });

      it('a reader in the midst of them learns it', async () => {
        await using environment = await open();
        const { node } = await newWriter(environment, [guildAt('1', 11)]);
        const stored = await node.membership.loadGuilds(0);
        await environment.loseData?.();
        await expect(guildsOf(stored!)).rejects.toBeInstanceOf(StoredGuildsReplacedError); // It was begun above.
      });
    });
}
