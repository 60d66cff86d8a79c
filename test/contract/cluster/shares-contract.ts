/** What every `ShareStore` must do with holders of major parameters, nodes and notes. */
import { describe, expect, it } from 'vitest';
import type { ShareScope, ShareStore } from '../../../src/rest/index.ts';
import { eventually } from '../../support/eventually.ts';
import { Node, newScope } from './share-node.ts';

/** `storeOf`: one that outlives the tests. */
export function sharesContract(storeOf: () => ShareStore): void {
  const newNode = (scope: ShareScope) => new Node(storeOf(), scope);

  describe('a major parameter', () => {
    it('is granted to the first that asks', async () => {
      const node = newNode(newScope());
      const { grants } = await node.exchange({ claims: ['1', '2'] });
      expect(grants).toMatchObject([
        { major: '1', origin: 'new' },
        { major: '2', origin: 'new' },
      ]);
      expect((await node.exchange({ claims: ['1'] })).grants).toMatchObject([{ origin: 'own' }]);
    });

    it('goes to another node when its holder has given it back, with how far its limits are used', async () => {
      const scope = newScope();
      const [a, b] = [newNode(scope), newNode(scope)];
      await a.exchange({ claims: ['1'] });
      expect((await b.exchange({ claims: ['1'] })).grants).toEqual([]);
      expect((await a.exchange()).wishes).toEqual(['1']);
      expect((await b.exchange({ claims: ['1'] })).grants).toEqual([]);
      expect((await a.exchange({ usages: [['1', 'half']], releases: ['1'] })).wishes).toEqual([]);
      expect((await b.exchange({ claims: ['1'] })).grants).toMatchObject([
        { major: '1', origin: 'own', usage: 'half' },
      ]);
      expect((await a.exchange({ claims: ['1'] })).grants).toEqual([]);
    });

    it("that nobody asks for is anybody's when it was given back", async () => {
      const scope = newScope();
      const [a, b] = [newNode(scope), newNode(scope)];
      await a.exchange({ claims: ['1', '2'] });
      await a.exchange({
        usages: [
          ['1', 'half'],
          ['2', ''],
        ],
        releases: ['1', '2'],
      });
      expect((await b.exchange({ claims: ['1', '2'] })).grants).toMatchObject([
        { origin: 'left', usage: 'half' },
        { origin: 'new', usage: '' },
      ]);
    });

    it("of a node that left is anybody's, as it was left", async () => {
      const scope = newScope();
      const [a, b] = [newNode(scope), newNode(scope)];
      await a.exchange({ claims: ['1'] });
      await a.exchange({ usages: [['1', 'half']], isLeaving: true });
      expect((await b.exchange({ claims: ['1'] })).grants).toMatchObject([{ origin: 'left', usage: 'half' }]);
    });

    it("of a node that lapsed is anybody's, and it is said since when", async () => {
      const scope = newScope();
      const [a, b] = [newNode(scope), newNode(scope)];
      await a.exchange({ claims: ['1'], leaseTtlMs: 300 });
      await a.exchange({ usages: [['1', 'half']], leaseTtlMs: 300 });
      expect((await b.exchange({ claims: ['1'] })).grants).toEqual([]);
      const grants = await eventually(async () => {
        const reply = await b.exchange({ claims: ['1'] });
        return reply.grants.length > 0 && reply.grants;
      });
      expect(grants).toMatchObject([{ origin: 'lapsed', usage: 'half' }]);
      expect(grants[0]?.lapsedMs).toBeLessThan(grants[0]?.ageMs ?? 0);
      expect((await a.exchange({ claims: ['1'] })).grants).toEqual([]);
    });

    it('of a node that lapsed is granted as such until the grant has been heard of', async () => {
      const scope = newScope();
      const [a, b] = [newNode(scope), newNode(scope)];
      await a.exchange({ claims: ['1'], leaseTtlMs: 1 });
      await b.exchange();
      const { heard } = b;
      await eventually(async () => (await b.exchange({ claims: ['1'] })).grants.length > 0);
      b.heard = heard;
      expect((await b.exchange({ claims: ['1'] })).grants).toMatchObject([{ origin: 'lapsed' }]);
      expect((await b.exchange({ claims: ['1'] })).grants).toMatchObject([{ origin: 'own' }]);
    });

    it('is not kept for a node that asked for it and is gone', async () => {
      const scope = newScope();
      const [a, b, c] = [newNode(scope), newNode(scope), newNode(scope)];
      await a.exchange({ claims: ['1'] });
      await b.exchange({ claims: ['1'] });
      await b.exchange({ isLeaving: true });
      await a.exchange({ usages: [['1', '']], releases: ['1'] });
      expect((await c.exchange({ claims: ['1'] })).grants).toMatchObject([{ origin: 'new' }]);
    });

    it('that is given back without a word of its use is used as far as was known', async () => {
      const scope = newScope();
      const [a, b, c] = [newNode(scope), newNode(scope), newNode(scope)];
      await a.exchange({ claims: ['1'] });
      await b.exchange({ claims: ['1'] });
      await a.exchange({ usages: [['1', 'half']], releases: ['1'] });
      await b.exchange({ releases: ['1'] });
      expect((await c.exchange({ claims: ['1'] })).grants).toMatchObject([{ origin: 'left', usage: 'half' }]);
    });

    it('is not kept for a node that has asked for it and does not want it any more', async () => {
      const scope = newScope();
      const [a, b, c] = [newNode(scope), newNode(scope), newNode(scope)];
      await a.exchange({ claims: ['1'] });
      await b.exchange({ claims: ['1'] });
      await b.exchange({ releases: ['1'] });
      expect((await a.exchange()).wishes).toEqual([]);
      await a.exchange({ releases: ['1'] });
      expect((await c.exchange({ claims: ['1'] })).grants).toMatchObject([{ origin: 'new' }]);
    });

    it('of another node can not be given back, nor its usage be changed', async () => {
      const scope = newScope();
      const [a, b] = [newNode(scope), newNode(scope)];
      await a.exchange({ claims: ['1'], usages: [] });
      await b.exchange({ usages: [['1', 'wrong']], releases: ['1'] });
      expect((await a.exchange({ claims: ['1'] })).grants).toMatchObject([{ origin: 'own', usage: '' }]);
    });
  });

  describe('a node', () => {
    it('that has not heard that it had lapsed is told again', async () => {
      const node = newNode(newScope());
      expect(await node.exchange()).toMatchObject({ wasLive: false });
      node.heard = 0;
      expect(await node.exchange()).toMatchObject({ wasLive: false });
      expect(await node.exchange()).toMatchObject({ wasLive: true });
    });

    it('whose last words with the store are lost there is told so', async () => {
      const node = newNode(newScope());
      await node.exchange();
      await node.exchange();
      node.heard = 4;
      expect(await node.exchange()).toMatchObject({ wasLive: false });
      expect(await node.exchange()).toMatchObject({ wasLive: true });
    });

    it('is not heard where a later exchange of it came before', async () => {
      const scope = newScope();
      const [a, b] = [newNode(scope), newNode(scope)];
      await a.exchange({ claims: ['1'] });
      await a.exchange();
      await expect(a.exchange({ number: 2, releases: ['1'] })).rejects.toThrow('a later exchange');
      expect((await b.exchange({ claims: ['1'] })).grants).toEqual([]);
    });
  });

  describe('notes', () => {
    it('are read by everybody, once', async () => {
      const scope = newScope();
      const [a, b] = [newNode(scope), newNode(scope)];
      await a.exchange({ notes: ['one', 'two'] });
      const { notes } = await b.exchange({ notes: ['three'] });
      expect(notes.map(({ text }) => text)).toEqual(['one', 'two', 'three']);
      expect(notes[0]).toMatchObject({ from: a.incarnation });
      expect(notes[0]?.ageMs).toBeLessThan(5_000);
      expect((await b.exchange()).notes).toEqual([]);
      expect((await newNode(scope).exchange()).notes).toHaveLength(3);
    });

    it('of one scope are not those of another', async () => {
      const [a, b] = [newNode({ kind: 'address', name: 'x' }), newNode({ kind: 'address', name: 'y' })];
      await a.exchange({ notes: ['one'] });
      expect((await b.exchange()).notes).toEqual([]);
    });
  });
}
