/** What every cluster store keeps of the guilds of shards. Part of `cluster-store-contract.ts`. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { StoredGuildsLostError } from '../../../src/guilds/index.ts';
import { Random } from '../../../src/simulator/random.ts';
import { type ClusterStoreKind, DEFAULTS, newNode } from './cluster-environment.ts';
import {
  bytesOf,
  checkpointAt,
  guildAt,
  KIB,
  loadAll,
  Model,
  newWriter,
  openGuilds,
} from './guilds-writers.ts';

/** What is read at a time: some hundred KiB, and the guild that goes beyond. */
const MAX_BATCH_BYTES = 384 * KIB;

/** The most that Discord puts on a shard. */
const BIG_SHARD_GUILDS = 2_500;

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
      ['with kinds that are off', { ...checkpointAt(7, ['1']), off: ['members', 'threads'] }],
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

    it.each([
      1, 2, 3,
    ])('whatever happens they are what was written, to whoever owns the shard (seed %i)', async (seed) => {
      await using environment = await open();
      const random = new Random(seed);
      const model = new Model();
      let { node, store } = await newWriter(environment);
      let other = await newNode(environment, 'node-b');
      model.begin(checkpointAt(10));
      for (let step = 0; step < 80; step++) {
        const sequence = 10 + step;
        const what = random.below(20);
        if (what === 0) {
          await store.begin(checkpointAt(sequence));
          model.begin(checkpointAt(sequence));
        } else if (what < 3) {
          other.held.set(0, (await node.pass(0, other))?.epoch ?? 0);
          [node, other] = [other, node];
          await loadAll(node);
          store = openGuilds(node);
        } else if (what < 7) {
          const stay = [...model.guilds.keys()].filter(() => random.below(4) > 0);
          await store.commit(checkpointAt(sequence, stay));
          model.commit(checkpointAt(sequence, stay));
        } else {
          const guilds = model.change(random, sequence);
          await store.put(guilds);
          model.put(guilds);
        }
        expect(await loadAll(other), `step ${step}`).toEqual(model.content);
      }
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
}
