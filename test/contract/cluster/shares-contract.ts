/** What every `ShareStore` must do: places of the global limit, holders of major parameters, notes. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ShareReply, ShareRequest, ShareScope, ShareStore } from '../../../src/rest/index.ts';
import { Random } from '../../../src/simulator/random.ts';
import { eventually } from '../../support/eventually.ts';

let scopes = 0;
export const newScope = (): ShareScope => ({ kind: 'application', id: String(++scopes) });

/** A node as the store sees it: it takes what it is given, and gives back at once what it is to give back. */
export class Node {
  readonly #store: ShareStore;
  readonly #scope: ShareScope;
  readonly incarnation = randomUUID();
  held = 0;
  /** It has so many in use, and can't give them back. */
  inUse = 0;
  #readUpTo = '';
  #number = 0;
  /** Of the last exchange that it has heard of. */
  heard = 0;

  constructor(store: ShareStore, scope: ShareScope) {
    this.#store = store;
    this.#scope = scope;
  }

  async exchange(change: Partial<ShareRequest> = {}): Promise<ShareReply> {
    const number = Math.max(this.#number, this.heard) + 1;
    this.#number = number;
    const reply = await this.#store.exchange(this.#scope, {
      ...{ incarnation: this.incarnation, number, heard: this.heard },
      leaseTtlMs: 60_000,
      lastingMs: 1_050,
      limit: 50,
      held: this.held,
      wanted: 100,
      isLeaving: false,
      readUpTo: this.#readUpTo,
      notes: [],
      usages: [],
      releases: [],
      claims: [],
      ...change,
    });
    this.heard = number;
    this.held = Math.max(reply.size, this.inUse);
    this.#readUpTo = reply.notes.at(-1)?.id ?? this.#readUpTo;
    return reply;
  }
}

/** `storeOf`: one that outlives the tests. */
export function sharesContract(storeOf: () => ShareStore): void {
  const newNode = (scope: ShareScope) => new Node(storeOf(), scope);

  describe('places of the global limit', () => {
    it('are all those of a node that is alone', async () => {
      const node = newNode(newScope());
      expect(await node.exchange({ wanted: 1 })).toMatchObject({ wasLive: false, size: 50, nodes: 1 });
      expect(await node.exchange()).toMatchObject({ wasLive: true, size: 50 });
    });

    it('go to another node as they are given back, never before', async () => {
      const scope = newScope();
      const [a, b] = [newNode(scope), newNode(scope)];
      await a.exchange();
      expect((await b.exchange()).size).toBe(0);
      a.inUse = 40;
      expect((await a.exchange()).size).toBe(25);
      expect((await b.exchange()).size).toBe(0);
      await a.exchange();
      expect((await b.exchange()).size).toBe(10);
      a.inUse = 20;
      await a.exchange({ held: 25 });
      expect((await b.exchange()).size).toBe(25);
    });

    it('are spread by what nodes could use', async () => {
      const scope = newScope();
      const nodes = [newNode(scope), newNode(scope), newNode(scope)];
      const wanted = [5, 10, 100];
      for (let round = 0; round < 3; round++) {
        for (const [at, node] of nodes.entries()) await node.exchange({ wanted: wanted[at] ?? 0 });
      }
      expect(nodes.map(({ held }) => held)).toEqual([5, 10, 35]);
    });

    it('that nobody needs are spread evenly', async () => {
      const scope = newScope();
      const nodes = [newNode(scope), newNode(scope)];
      for (let round = 0; round < 3; round++) for (const node of nodes) await node.exchange({ wanted: 1 });
      expect(nodes.map(({ held }) => held)).toEqual([25, 25]);
    });

    it('that are fewer than nodes are had in turn', async () => {
      const scope = newScope();
      const nodes = [newNode(scope), newNode(scope), newNode(scope)] as const;
      const had = new Set<Node>();
      let most = 0;
      await eventually(async () => {
        for (const node of nodes) {
          await node.exchange({ limit: 2, wanted: 2 });
          if (node.held > 0) had.add(node);
          most = Math.max(most, nodes[0].held + nodes[1].held + nodes[2].held);
        }
        return had.size === nodes.length;
      }, 15_000);
      expect(most).toBe(2);
    }, 20_000);

    it('of a node that lapses count until its last requests do not', async () => {
      const scope = newScope();
      const [a, b] = [newNode(scope), newNode(scope)];
      await a.exchange({ leaseTtlMs: 1, lastingMs: 500 });
      const lapsedAtMs = performance.now();
      expect((await b.exchange({ lastingMs: 500 })).size).toBe(0);
      await eventually(async () => (await b.exchange({ lastingMs: 500 })).size === 50);
      expect(performance.now() - lapsedAtMs).toBeGreaterThan(450);
      expect(await a.exchange({ lastingMs: 500 })).toMatchObject({ wasLive: false, size: 0 });
    });

    it('of a node that leaves count as long', async () => {
      const scope = newScope();
      const [a, b] = [newNode(scope), newNode(scope)];
      await a.exchange();
      await a.exchange({ isLeaving: true });
      expect(await b.exchange({ lastingMs: 60_000 })).toMatchObject({ size: 0, nodes: 1 });
      expect((await b.exchange({ lastingMs: 0 })).size).toBe(50);
    });

    it('of a node that comes back soon after it lapsed count on until it has given them up', async () => {
      const scope = newScope();
      const [a, b] = [newNode(scope), newNode(scope)];
      a.inUse = 50;
      await a.exchange({ leaseTtlMs: 1 });
      await eventually(async () => (await b.exchange({ wanted: 1 })).nodes === 1);
      expect(await a.exchange({ lastingMs: 60_000 })).toMatchObject({ wasLive: false, size: 49 });
      expect((await b.exchange()).size).toBe(0);
      a.inUse = 0;
      await a.exchange();
      await a.exchange();
      expect((await b.exchange()).size).toBe(25);
    });

    it('that nodes have and a store that has lost its data does not know of are not given to others', async () => {
      const scope = newScope();
      const [a, b, fresh] = [newNode(scope), newNode(scope), newNode(scope)];
      for (const node of [a, b]) Object.assign(node, { held: 25, heard: 5 });
      expect((await a.exchange()).size).toBe(25);
      expect((await b.exchange()).size).toBe(25);
      expect((await fresh.exchange()).size).toBe(0);
    });

    it('that others have are not given to a node that has none, and says that the store has lost its data', async () => {
      const scope = newScope();
      const [a, b] = [newNode(scope), newNode(scope)];
      Object.assign(a, { held: 0, heard: 5 });
      Object.assign(b, { held: 50, heard: 5 });
      expect((await a.exchange()).size).toBe(0);
      b.inUse = 50;
      await b.exchange();
      expect((await a.exchange()).size).toBe(0);
    });

    it('that nodes have and a store that has lost its data does not know of are soon free', async () => {
      const a = newNode(newScope());
      Object.assign(a, { held: 20, heard: 5 });
      const short = { leaseTtlMs: 300, lastingMs: 100 };
      expect((await a.exchange(short)).size).toBe(20);
      await eventually(async () => (await a.exchange(short)).size === 50);
    });

    it('of nodes that had to go on without the store are not given to the first that is back', async () => {
      const scope = newScope();
      const [a, b] = [newNode(scope), newNode(scope)];
      const lasting = { leaseTtlMs: 1_000, lastingMs: 100 };
      for (const node of [a, b, a, b]) await node.exchange({ leaseTtlMs: 100, lastingMs: 100 });
      // The store takes b for gone.
      await eventually(
        async () => (await newNode(scope).exchange({ ...lasting, isLeaving: true })).nodes === 0,
      );
      for (const node of [a, b]) Object.assign(node, { held: 25, heard: -1 });
      expect(await a.exchange(lasting)).toMatchObject({ wasLive: false, size: 25 });
      // b's last exchange does not count any more.
      for (const untilMs = performance.now() + 150; performance.now() < untilMs; ) {
        expect((await a.exchange(lasting)).size).toBe(25);
      }
      expect(await b.exchange(lasting)).toMatchObject({ wasLive: false, size: 25 });
    });

    it('are never more than the limit, whatever nodes do', async () => {
      const scope = newScope();
      const random = new Random(5);
      const nodes = [newNode(scope), newNode(scope), newNode(scope), newNode(scope)];
      for (let step = 0; step < 400; step++) {
        const node = nodes[random.below(nodes.length)];
        if (!node) continue;
        node.inUse = random.below(node.held + 1);
        const reported =
          random.below(2) === 0 ? node.held : Math.max(node.inUse, random.below(node.held + 1));
        node.held = reported;
        await node.exchange({ wanted: random.below(80), held: reported });
        expect(nodes.reduce((sum, { held }) => sum + held, 0)).toBeLessThanOrEqual(50);
      }
    });
  });

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
