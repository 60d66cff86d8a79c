/** What every cluster store does, whatever it is kept in: see `src/cluster/ports.ts`. Membership, leases, messages; then tails and guilds. */
import { describe, expect, it } from 'vitest';
import type { ClusterMessage, Deployment, MemberState } from '../../../src/cluster/index.ts';
import { eventually } from '../../support/eventually.ts';
import { stays } from '../../support/stays.ts';
import {
  type ClusterEnvironmentOptions,
  type ClusterStoreKind,
  DEFAULTS,
  DEPLOYMENT,
  identityOf,
  join,
  LAPSE_MS,
  LONG_TTL_MS,
  newNode,
  SHORT_TTL_MS,
  STATE,
} from './cluster-environment.ts';
import { guildsContract } from './guilds-contract.ts';
import { leasesContract } from './leases-contract.ts';
import { sharedGuildsContract } from './shared-guilds-contract.ts';
import { tailsContract } from './tails-contract.ts';

/** Longer than a message takes to arrive. */
const MESSAGE_WINDOW_MS = 50;

export function clusterStoreContract(name: string, kind: ClusterStoreKind): void {
  const open = (options: Partial<ClusterEnvironmentOptions> = {}) => kind.open({ ...DEFAULTS, ...options });
  const openShort = () => open({ leaseTtlMs: SHORT_TTL_MS });

  describe(`membership: ${name}`, () => {
    it('a node that joined is a member, with what it told of itself', async () => {
      await using environment = await open();
      const store = await environment.openStore();
      const identity = identityOf('node-a');
      const state: MemberState = {
        address: '10.1.2.3:999',
        weight: 2.5,
        isDraining: true,
        reach: 'cut-off',
        isSteady: true,
      };
      const node = await join(store, identity, state);
      const { view, lost, hadLapsed } = await node.renew(state);
      expect(view.members).toEqual([{ ...identity, ...state, lapsesInMs: expect.any(Number) }]);
      expect(view.members[0]?.lapsesInMs).toBeGreaterThan(0);
      expect(view.members[0]?.lapsesInMs).toBeLessThanOrEqual(DEFAULTS.leaseTtlMs);
      expect({ lost, hadLapsed, leases: view.leases.size }).toEqual({
        lost: [],
        hadLapsed: false,
        leases: 0,
      });
    });

    it('every node sees all of them, as they are since their last renewal', async () => {
      await using environment = await open();
      const a = await newNode(environment, 'node-a');
      const b = await newNode(environment, 'node-b');
      await b.renew({ isDraining: true, weight: 7 });
      const { view } = await a.renew();
      const seen = view.members.map(({ nodeId, isDraining, weight }) => ({ nodeId, isDraining, weight }));
      expect(seen.sort((one, other) => (one.nodeId < other.nodeId ? -1 : 1))).toEqual([
        { nodeId: 'node-a', isDraining: false, weight: 1 },
        { nodeId: 'node-b', isDraining: true, weight: 7 },
      ]);
    });

    it('a node id is taken while its process lives, whose renewals count up', async () => {
      await using environment = await open();
      const a = await newNode(environment, 'node-a');
      const store = await environment.openStore();
      const attempt = async () => {
        const result = await store.join(identityOf('node-a'), STATE, DEPLOYMENT);
        if (result.kind !== 'id-taken') throw new Error(result.kind);
        return result;
      };
      const first = await attempt();
      expect(first.by).toMatchObject({ ...a.identity, ...STATE });
      expect((await attempt()).renewals).toBe(first.renewals);
      for (let times = 0; times < 3; times++) await a.renew();
      expect((await attempt()).renewals).toBe(first.renewals + 3);
    });

    it('a process may join again under its id', async () => {
      await using environment = await open();
      const a = await newNode(environment, 'node-a');
      const again = await join(await environment.openStore(), a.identity);
      expect((await again.renew()).view.members).toHaveLength(1);
    });

    it('of two who join under one id at the same moment one is let in', async () => {
      await using environment = await open();
      const [one, other] = [await environment.openStore(), await environment.openStore()];
      const results = await Promise.all(
        [one, other].map((store) => store.join(identityOf('node-a'), STATE, DEPLOYMENT)),
      );
      expect(results.map(({ kind: outcome }) => outcome).sort()).toEqual(['id-taken', 'joined']);
    });

    it('a node id is free once it has lapsed, and who had it before is told that it was replaced', async () => {
      await using environment = await openShort();
      const before = await newNode(environment, 'node-a');
      await environment.elapse(LAPSE_MS);
      const after = await newNode(environment, 'node-a');
      const renewal = await before.membership.renew(STATE, new Map());
      expect(renewal).toMatchObject({ kind: 'replaced', by: after.identity });
      expect((await after.renew()).view.members.map(({ incarnation }) => incarnation)).toEqual([
        after.identity.incarnation,
      ]);
    });

    it('a node id is free as soon as its node has left', async () => {
      await using environment = await open();
      await (await newNode(environment, 'node-a')).membership.leave();
      const after = await newNode(environment, 'node-a');
      expect((await after.renew()).view.members).toHaveLength(1);
    });

    it('a membership lives as long again with each renewal', async () => {
      await using environment = await open();
      const a = await newNode(environment, 'node-a');
      const b = await newNode(environment, 'node-b');
      const leftOfA = async () => {
        const { members } = (await b.renew()).view;
        return members.find(({ nodeId }) => nodeId === 'node-a')?.lapsesInMs ?? 0;
      };
      await environment.elapse(50);
      const left = await leftOfA();
      expect(left).toBeLessThanOrEqual(LONG_TTL_MS - 50);
      expect((await a.renew()).hadLapsed).toBe(false);
      expect(await leftOfA()).toBeGreaterThan(left);
    });

    it('a membership is as steady as it says, but not where it had lapsed, or has just begun', async () => {
      await using environment = await openShort();
      const a = await newNode(environment, 'node-a');
      const steadiness = async () =>
        (await a.renew({ isSteady: true })).view.members.map(({ isSteady }) => isSteady);
      const b = await join(await environment.openStore(), identityOf('node-b'), { isSteady: true });
      const seen = (await a.renew()).view.members.find(({ nodeId }) => nodeId === 'node-b');
      expect(seen).toMatchObject({ ...b.identity, isSteady: false });
      await environment.elapse(LAPSE_MS);
      expect(await steadiness()).toEqual([false]);
      expect(await steadiness()).toEqual([true]);
    });

    it('a membership that lapsed is none, until it is renewed', async () => {
      await using environment = await openShort();
      const a = await newNode(environment, 'node-a');
      await environment.elapse(LAPSE_MS);
      const b = await newNode(environment, 'node-b');
      expect((await b.renew()).view.members.map(({ nodeId }) => nodeId)).toEqual(['node-b']);
      expect((await a.renew()).hadLapsed).toBe(true);
      expect((await a.renew()).hadLapsed).toBe(false);
    });
  });

  describe(`deployment: ${name}`, () => {
    it('is unknown at first, then that of the nodes, and kept when the last has left', async () => {
      await using environment = await open();
      const store = await environment.openStore();
      expect(await store.readDeployment()).toBeUndefined();
      const a = await newNode(environment, 'node-a');
      expect(await store.readDeployment()).toEqual(DEPLOYMENT);
      await a.membership.leave();
      expect((await store.readDeployment())?.shardCount).toBe(DEPLOYMENT.shardCount);
    });

    it.each<[setting: string, deployment: Deployment, there?: number]>([
      ['discord.shardCount', { ...DEPLOYMENT, shardCount: 16 }, 8],
      [
        'cluster.secret',
        { ...DEPLOYMENT, fingerprints: { ...DEPLOYMENT.fingerprints, 'cluster.secret': 'c2' } },
      ],
      [
        'discord.token',
        { ...DEPLOYMENT, fingerprints: { ...DEPLOYMENT.fingerprints, 'discord.token': 't2' } },
      ],
      ['discord.token', { ...DEPLOYMENT, fingerprints: { 'cluster.secret': 'c1' } }],
      [
        'workers.sessionSecret',
        { ...DEPLOYMENT, fingerprints: { ...DEPLOYMENT.fingerprints, 'workers.sessionSecret': 's1' } },
      ],
    ])('another %s than that of the nodes there is refused', async (setting, deployment, there) => {
      await using environment = await open();
      await newNode(environment, 'node-a');
      await newNode(environment, 'node-b');
      const store = await environment.openStore();
      const result = await store.join(identityOf('node-c'), STATE, deployment);
      if (result.kind !== 'differs') throw new Error(result.kind);
      expect({ ...result, nodeIds: [...result.nodeIds].sort() }).toEqual({
        kind: 'differs',
        setting,
        nodeIds: ['node-a', 'node-b'],
        ...(there !== undefined && { there }),
      });
      expect(await store.readDeployment()).toEqual(DEPLOYMENT);
    });

    it('the order in which settings are named is no difference', async () => {
      await using environment = await open();
      await newNode(environment, 'node-a');
      const reversed = Object.fromEntries(Object.entries(DEPLOYMENT.fingerprints).reverse());
      const store = await environment.openStore();
      await join(store, identityOf('node-b'), {}, { ...DEPLOYMENT, fingerprints: reversed });
    });

    it('is replaced where everybody has left', async () => {
      await using environment = await open();
      await (await newNode(environment, 'node-a')).membership.leave();
      const store = await environment.openStore();
      const other = { shardCount: 16, fingerprints: {} };
      await join(store, identityOf('node-b'), {}, other);
      expect(await store.readDeployment()).toEqual(other);
    });

    it('is replaced where everybody has lapsed, or is the node itself', async () => {
      await using environment = await openShort();
      const a = await newNode(environment, 'node-a');
      await newNode(environment, 'node-b');
      await environment.elapse(LAPSE_MS);
      const store = await environment.openStore();
      await join(store, a.identity, {}, { ...DEPLOYMENT, shardCount: 4 });
      await join(store, a.identity, {}, { ...DEPLOYMENT, shardCount: 2 });
      expect((await store.readDeployment())?.shardCount).toBe(2);
    });
  });

  leasesContract(name, kind);

  describe(`messages: ${name}`, () => {
    const OFFER: ClusterMessage = { from: 'node-a', kind: 'offer', shardId: 3, to: 'node-b' };

    it('reach the other members as they were sent, and not the sender', async () => {
      await using environment = await open();
      const nodes = [await newNode(environment, 'node-a'), await newNode(environment, 'node-b')];
      const heard = nodes.map(({ membership }) => {
        const messages: ClusterMessage[] = [];
        membership.subscribe((message) => messages.push(message));
        return messages;
      });
      const sent: ClusterMessage[] = [
        OFFER,
        { from: 'node-a', kind: 'passed', shardId: 3, to: 'node-b', incarnation: 'b1', epoch: 7 },
        { from: 'node-a', kind: 'changed' },
        { from: 'node-a', kind: 'prepared', shardId: 0, to: 'node-b' },
        { from: 'node-a', kind: 'taught', shardId: 0, to: 'node-b' },
      ];
      for (const message of sent) await nodes[0]!.membership.publish(message);
      await eventually(() => heard[1]?.length === sent.length);
      expect(heard).toEqual([[], sent]);
    });

    it('no longer reach whoever has ended a subscription', async () => {
      await using environment = await open();
      const [a, b] = [await newNode(environment, 'node-a'), await newNode(environment, 'node-b')];
      const [ended, going]: [ClusterMessage[], ClusterMessage[]] = [[], []];
      b.membership.subscribe((message) => ended.push(message))[Symbol.dispose]();
      b.membership.subscribe((message) => going.push(message));
      await a.membership.publish(OFFER);
      await eventually(() => going.length === 1);
      await stays(() => ended.length === 0, MESSAGE_WINDOW_MS);
    });
  });

  tailsContract(name, kind);
  guildsContract(name, kind);
  sharedGuildsContract(name, kind);
}
