/** What every cluster store does with guilds that several nodes read and write. Part of `cluster-store-contract.ts`. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { LeaseLostError, StoredGuildsReplacedError } from '../../../src/cluster/index.ts';
import { type StoredGuild, StoredGuildsLostError } from '../../../src/guilds/index.ts';
import { type ClusterStoreKind, DEFAULTS, newNode, type TestNode } from './cluster-environment.ts';
import {
  bytesOf,
  checkpointAt,
  guildAt,
  guildsOf,
  KIB,
  loadAll,
  newWriter,
  openGuilds,
  passToB,
} from './guilds-writers.ts';

/** So large that some of them are more than is read at a time. */
const LARGE_BYTES = 100 * KIB;

export function sharedGuildsContract(name: string, kind: ClusterStoreKind): void {
  const open = () => kind.open(DEFAULTS);

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

    it('whoever opens them before they are read goes on from what was read until the first write, and no later', async () => {
      await using environment = await open();
      const one = guildAt('1', 11);
      const { node: a } = await newWriter(environment, [one]);
      const b = await passToB(environment, a);
      const [store, late] = [openGuilds(b), openGuilds(b)];
      await expect(late.put([one])).rejects.toBeInstanceOf(StoredGuildsLostError);
      await loadAll(b);
      await store.put([{ ...one, sequence: 14, body: undefined }]);
      await expect(late.put([one])).rejects.toBeInstanceOf(StoredGuildsLostError);
      expect((await loadAll(b))?.guilds).toEqual([{ ...one, sequence: 14 }]);
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
