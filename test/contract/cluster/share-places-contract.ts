/** What every `ShareStore` must do with places of the global limit. */
import { describe, expect, it } from 'vitest';
import type { ShareScope, ShareStore } from '../../../src/rest/index.ts';
import { Random } from '../../../src/simulator/random.ts';
import { eventually } from '../../support/eventually.ts';
import { Node, newScope } from './share-node.ts';

/** `storeOf`: one that outlives the tests. */
export function sharePlacesContract(storeOf: () => ShareStore): void {
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
}
