/** What every cluster store does with leases. Part of `cluster-store-contract.ts`. */
import { describe, expect, it } from 'vitest';
import {
  type ClusterEnvironment,
  type ClusterEnvironmentOptions,
  type ClusterStoreKind,
  DEFAULTS,
  DEPLOYMENT,
  LAPSE_MS,
  newNode,
  SHORT_TTL_MS,
  STATE,
} from './cluster-environment.ts';

export function leasesContract(name: string, kind: ClusterStoreKind): void {
  const open = (options: Partial<ClusterEnvironmentOptions> = {}) => kind.open({ ...DEFAULTS, ...options });
  const openShort = () => open({ leaseTtlMs: SHORT_TTL_MS });
  const openTwo = async (environment: ClusterEnvironment) => ({
    a: await newNode(environment, 'node-a'),
    b: await newNode(environment, 'node-b'),
  });

  describe(`leases: ${name}`, () => {
    it('a shard that was never held is taken only by who may take what lapsed', async () => {
      await using environment = await open();
      const { a, b } = await openTwo(environment);
      expect(await a.acquire([0, 1], false)).toEqual([]);
      const taken = await a.acquire([0, 1]);
      expect(taken.map(({ shardId, holder }) => ({ shardId, holder }))).toEqual([
        { shardId: 0, holder: a.identity },
        { shardId: 1, holder: a.identity },
      ]);
      const { leases } = (await b.renew()).view;
      expect([...leases.values()].sort((one, other) => one.shardId - other.shardId)).toEqual(taken);
    });

    it('what a live member holds is taken by nobody', async () => {
      await using environment = await open();
      const { a, b } = await openTwo(environment);
      await a.acquire([0, 1, 2]);
      expect((await b.acquire([0, 1, 2, 3])).map(({ shardId }) => shardId)).toEqual([3]);
    });

    it('of two who take the same shards at the same moment each shard goes to one', async () => {
      await using environment = await open();
      const { a, b } = await openTwo(environment);
      const shardIds = Array.from({ length: 64 }, (_, shardId) => shardId);
      const attempts = shardIds.flatMap((shardId) => [a.acquire([shardId]), b.acquire([shardId])]);
      const taken = (await Promise.all(attempts)).flat().map(({ shardId }) => shardId);
      expect(taken.sort((one, other) => one - other)).toEqual(shardIds);
      const { leases } = (await a.renew()).view;
      for (const [shardId, { holder }] of leases)
        expect(holder?.nodeId === 'node-a').toBe(a.held.has(shardId));
    });

    it('what was given back is taken at once, with a higher epoch', async () => {
      await using environment = await open();
      const { a, b } = await openTwo(environment);
      await a.acquire([0]);
      const given = await a.pass(0, undefined);
      expect(given).toMatchObject({ shardId: 0, holder: undefined });
      expect(given?.epoch).toBeGreaterThan(a.epochOf(0));
      expect((await b.renew()).view.leases.get(0)).toEqual(given);
      const [taken] = await b.acquire([0], false);
      expect(taken?.holder).toEqual(b.identity);
      expect(taken?.epoch).toBeGreaterThan(given?.epoch ?? 0);
    });

    it('what lapsed stays its holder’s until it is taken', async () => {
      await using environment = await openShort();
      const a = await newNode(environment, 'node-a');
      await a.acquire([0]);
      await environment.elapse(LAPSE_MS);
      const b = await newNode(environment, 'node-b');
      expect(await b.acquire([0], false)).toEqual([]);
      expect((await b.renew()).view.leases.get(0)?.holder).toEqual(a.identity);
      expect(await a.renew()).toMatchObject({ hadLapsed: true, wasForgotten: false, lost: [] });
      expect((await a.renew()).view.leases.get(0)).toMatchObject({ epoch: a.epochOf(0), holder: a.identity });
    });

    it('what lapsed is taken with a higher epoch, and whoever held it is told', async () => {
      await using environment = await openShort();
      const a = await newNode(environment, 'node-a');
      await a.acquire([0, 1]);
      await environment.elapse(LAPSE_MS);
      const b = await newNode(environment, 'node-b');
      const [taken] = await b.acquire([0]);
      expect(taken?.epoch).toBeGreaterThan(a.epochOf(0));
      const renewal = await a.renew();
      expect(renewal).toMatchObject({ hadLapsed: true, lost: [0] });
      expect(renewal.view.leases.get(0)?.holder).toEqual(b.identity);
      expect(renewal.view.leases.get(1)?.holder).toEqual(a.identity);
    });

    it('what an earlier process under the same id held is free at once for the next', async () => {
      await using environment = await openShort();
      const before = await newNode(environment, 'node-a');
      await before.acquire([0]);
      await environment.elapse(LAPSE_MS);
      const after = await newNode(environment, 'node-a');
      expect((await after.acquire([0], false)).map(({ holder }) => holder)).toEqual([after.identity]);
    });

    it('whoever has lapsed takes nothing before a renewal', async () => {
      await using environment = await openShort();
      const a = await newNode(environment, 'node-a');
      await environment.elapse(LAPSE_MS);
      expect(await a.acquire([0])).toEqual([]);
      await a.renew();
      expect(await a.acquire([0])).toHaveLength(1);
    });

    it('whoever was replaced takes nothing, and leaves nobody without what is theirs', async () => {
      await using environment = await openShort();
      const before = await newNode(environment, 'node-a');
      await environment.elapse(LAPSE_MS);
      const after = await newNode(environment, 'node-a');
      await after.acquire([0]);
      expect(await before.acquire([1])).toEqual([]);
      await before.membership.leave();
      const { view, hadLapsed } = await after.renew();
      expect(hadLapsed).toBe(false);
      expect(view.leases.get(0)?.holder).toEqual(after.identity);
    });

    it('a lease is handed from node to node, with a higher epoch each time', async () => {
      await using environment = await open();
      const { a, b } = await openTwo(environment);
      await a.acquire([0]);
      const passed = await a.pass(0, b);
      expect(passed).toEqual({ shardId: 0, epoch: expect.any(Number), holder: b.identity });
      expect(passed?.epoch).toBeGreaterThan(a.epochOf(0));
      b.held.set(0, passed?.epoch ?? 0);
      expect((await a.renew()).lost).toEqual([0]);
      expect((await b.renew()).lost).toEqual([]);
      const back = await b.pass(0, a);
      expect(back?.epoch).toBeGreaterThan(passed?.epoch ?? 0);
    });

    it('nobody hands on what is another’s', async () => {
      await using environment = await open();
      const { a, b } = await openTwo(environment);
      await a.acquire([0]);
      await b.acquire([1]);
      await a.pass(0, b);
      expect(await a.pass(0, undefined)).toBeUndefined();
      expect(await a.membership.pass(1, b.epochOf(1), a.identity)).toBeUndefined();
      expect((await b.renew()).view.leases.get(0)?.holder).toEqual(b.identity);
    });

    it('who leaves gives back what it has, and no more', async () => {
      await using environment = await open();
      const { a, b } = await openTwo(environment);
      await a.acquire([0, 1]);
      await b.acquire([2]);
      await a.membership.leave();
      const { members, leases } = (await b.renew()).view;
      expect(members.map(({ nodeId }) => nodeId)).toEqual(['node-b']);
      expect(leases.get(0)?.holder).toBeUndefined();
      expect(leases.get(0)?.epoch).toBeGreaterThan(a.epochOf(0));
      expect(leases.get(2)?.holder).toEqual(b.identity);
      expect(await b.acquire([0, 1], false)).toHaveLength(2);
      expect(await a.acquire([3])).toEqual([]);
    });
  });

  if (!kind.canLoseData) return;
  describe(`leases after a loss of data: ${name}`, () => {
    it('are asserted by those who hold them, with all that belongs to them', async () => {
      await using environment = await open();
      const { a, b } = await openTwo(environment);
      await a.acquire([0, 1]);
      await a.pass(0, b);
      b.held.set(0, a.epochOf(0) + 1);
      a.held.delete(0);
      await environment.loseData?.();
      expect(await a.renew()).toMatchObject({ hadLapsed: true, wasForgotten: true, lost: [] });
      const { view, hadLapsed } = await b.renew();
      expect(hadLapsed).toBe(true);
      expect(view.members).toHaveLength(2);
      expect(view.leases.get(0)).toEqual({ shardId: 0, epoch: b.epochOf(0), holder: b.identity });
      expect(view.leases.get(1)).toEqual({ shardId: 1, epoch: a.epochOf(1), holder: a.identity });
      expect(await (await environment.openStore()).readDeployment()).toEqual(DEPLOYMENT);
    });

    it('are not given to who was forgotten and has not renewed', async () => {
      await using environment = await open();
      const a = await newNode(environment, 'node-a');
      await environment.loseData?.();
      expect(await a.acquire([0])).toEqual([]);
    });

    it('go back to a holder with a higher epoch than that of who took them meanwhile', async () => {
      await using environment = await open();
      const { a, b } = await openTwo(environment);
      await a.acquire([0]);
      await a.pass(0, undefined);
      await a.acquire([0]);
      await environment.loseData?.();
      await b.renew();
      await b.acquire([0]);
      expect(b.epochOf(0)).toBeLessThan(a.epochOf(0));
      expect((await a.renew()).lost).toEqual([]);
      const { lost, view } = await b.renew();
      expect(lost).toEqual([0]);
      expect(view.leases.get(0)).toEqual({ shardId: 0, epoch: a.epochOf(0), holder: a.identity });
    });

    it('stay with who took them meanwhile under the same epoch', async () => {
      await using environment = await open();
      const { a, b } = await openTwo(environment);
      await a.acquire([0]);
      await environment.loseData?.();
      await b.renew();
      await b.acquire([0]);
      expect(b.epochOf(0)).toBe(a.epochOf(0));
      expect((await a.renew()).lost).toEqual([0]);
      expect((await b.renew()).lost).toEqual([]);
    });

    it('are taken with an epoch above the one that was asserted', async () => {
      await using environment = await open();
      const { a, b } = await openTwo(environment);
      a.held.set(0, 41);
      await environment.loseData?.();
      await a.renew();
      await b.renew();
      await a.pass(0, undefined);
      expect((await b.acquire([0], false))[0]?.epoch).toBeGreaterThan(42);
    });

    it('are asserted whatever the node says of itself by then', async () => {
      await using environment = await open();
      const a = await newNode(environment, 'node-a');
      await a.acquire([0]);
      await environment.loseData?.();
      const renewal = await a.membership.renew({ ...STATE, isDraining: true }, a.held);
      expect(renewal).toMatchObject({ kind: 'renewed', view: { members: [{ isDraining: true }] } });
    });
  });
}
