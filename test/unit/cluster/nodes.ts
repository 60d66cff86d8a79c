/**
 * Several nodes' ownerships in one process, on one store in memory, with clocks that stand still: the store's and the nodes' own. What
 * holds the shards only notes what it was asked for. Not a test itself.
 */
import {
  type ClusterMessage,
  EmbeddedStore,
  joinDeployment,
  type Lease,
  type Member,
  type Membership,
  type NodeIdentity,
  Ownership,
  type Reach,
  type ShardHolder,
} from '../../../src/cluster/index.ts';
import { ManualClock } from '../../support/manual-clock.ts';

export const LEASE_TTL_MS = 5_000;
export const RENEW_INTERVAL_MS = 1_000;

/** Time is moved in pieces of this size, and what was promised is done in between. */
const STEP_MS = 5;

/** What goes wrong between one node and the store. Everything works unless said otherwise. */
export interface Faults {
  /** Nothing gets through. */
  isCutOff: boolean;
  /** Its messages to the others get lost. */
  losesMessages: boolean;
  /** The store can't be asked to pass a lease. */
  canNotPass: boolean;
  /** The store says with the next renewal that it does not know the node. */
  isForgotten: boolean;
  /** Leases that its renewals find instead of those that are there. */
  readonly olderLeases: Map<number, Lease>;
  /** Called when the store has answered to a pass, before the node hears it. */
  beforePassAnswer: () => Promise<void> | void;
}

export interface TestNode {
  readonly nodeId: string;
  readonly identity: NodeIdentity;
  readonly ownership: Ownership;
  readonly holder: NotingHolder;
  readonly faults: Faults;
  /** As far as it has been told. */
  readonly replacedBy: Member[];
  isDraining: boolean;
  reach: Reach;
}

/** Notes what it is asked for: `take 3`, `suspend 3`, … */
export class NotingHolder implements ShardHolder {
  readonly calls: string[] = [];
  /** Shards that it serves. */
  readonly here = new Set<number>();
  canWriteTails = true;
  /** How many were suspended at the same time, at most. */
  mostSuspended = 0;
  readonly #suspended = new Set<number>();

  async prepare(shardId: number): Promise<void> {
    this.calls.push(`prepare ${shardId}`);
  }

  async take({ shardId }: Lease): Promise<void> {
    this.calls.push(`take ${shardId}`);
    this.here.add(shardId);
  }

  async suspend(shardId: number): Promise<boolean> {
    this.calls.push(`suspend ${shardId}`);
    this.#suspended.add(shardId);
    this.mostSuspended = Math.max(this.mostSuspended, this.#suspended.size);
    return this.canWriteTails;
  }

  resume(shardId: number): void {
    this.calls.push(`resume ${shardId}`);
    this.#suspended.delete(shardId);
  }

  rewriteTails(): void {
    this.calls.push('rewrite tails');
  }

  leave(shardId: number): void {
    this.calls.push(`leave ${shardId}`);
    this.here.delete(shardId);
  }

  drop(shardId: number): void {
    this.calls.push(`drop ${shardId}`);
    this.#suspended.delete(shardId);
    this.here.delete(shardId);
  }
}

export class TestNodes implements AsyncDisposable {
  /** The nodes' own time. */
  readonly clock = new ManualClock();
  readonly storeClock = new ManualClock();
  readonly nodes: TestNode[] = [];
  readonly #shardCount: number;
  readonly #maxParallelMoves: number;
  readonly #store: EmbeddedStore;
  #incarnations = 0;

  constructor(shardCount: number, { maxParallelMoves = 8 } = {}) {
    this.#shardCount = shardCount;
    this.#maxParallelMoves = maxParallelMoves;
    this.#store = new EmbeddedStore({
      clock: this.storeClock,
      leaseTtlMs: LEASE_TTL_MS,
      directory: undefined,
      maxSessionAgeMs: 60_000,
      onUnreadable: () => undefined,
      onSlotsError: () => undefined,
    });
  }

  /** Some that have joined, and have all shards. */
  static async settled(shardCount: number, nodeIds: readonly string[], options = {}): Promise<TestNodes> {
    const nodes = new TestNodes(shardCount, options);
    for (const nodeId of nodeIds) await nodes.start(nodeId);
    await nodes.elapse(2 * LEASE_TTL_MS);
    return nodes;
  }

  /** The first that was started with this id. */
  node(nodeId: string): TestNode {
    const node = this.nodes.find((other) => other.nodeId === nodeId);
    if (!node) throw new Error(`no node ${nodeId}`);
    return node;
  }

  async start(nodeId: string): Promise<TestNode> {
    const identity = { nodeId, incarnation: `${nodeId}-${++this.#incarnations}` };
    const state = { address: `${nodeId}:7777`, weight: 1 };
    const membership = await joinDeployment({
      store: this.#store,
      applicationId: '1',
      identity,
      state: { ...state, isDraining: false, reach: 'unknown', isSteady: false },
      deployment: { shardCount: this.#shardCount, fingerprints: {} },
      clock: this.clock,
      signal: new AbortController().signal,
      onWaiting: () => undefined,
    });
    if (!membership) throw new Error('did not join');
    const node = this.#node(membership, state);
    this.nodes.push(node);
    node.ownership.start();
    return node;
  }

  #node(membership: Membership, state: { readonly address: string; readonly weight: number }): TestNode {
    const faults: Faults = {
      isCutOff: false,
      losesMessages: false,
      canNotPass: false,
      olderLeases: new Map(),
      isForgotten: false,
      beforePassAnswer: () => undefined,
    };
    const holder = new NotingHolder();
    const replacedBy: Member[] = [];
    const ownership = new Ownership({
      membership: withFaults(membership, faults),
      applicationId: '1',
      shardCount: this.#shardCount,
      state: () => ({ ...state, isDraining: node.isDraining, reach: node.reach }),
      holder,
      clock: this.clock,
      leaseTtlMs: LEASE_TTL_MS,
      renewIntervalMs: RENEW_INTERVAL_MS,
      maxParallelMoves: this.#maxParallelMoves,
      isAlone: false,
      log: { info: () => undefined, warn: () => undefined },
      onView: () => undefined,
      onReplaced: (by) => replacedBy.push(by),
    });
    const { identity } = membership;
    const node: TestNode = {
      nodeId: identity.nodeId,
      identity,
      ownership,
      holder,
      faults,
      replacedBy,
      isDraining: false,
      reach: 'unknown',
    };
    return node;
  }

  /** Moves all clocks. */
  async elapse(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= STEP_MS) {
      this.storeClock.advance(Math.min(left, STEP_MS));
      this.clock.advance(Math.min(left, STEP_MS));
      await settledPromises();
    }
  }

  /** Until it is so, within a limit. */
  async until(isSo: () => boolean, limitMs = 20_000): Promise<void> {
    for (let passedMs = 0; !isSo(); passedMs += STEP_MS) {
      if (passedMs >= limitMs) throw new Error(`not so after ${limitMs} ms: ${isSo}; ${this.#summary()}`);
      await this.elapse(STEP_MS);
    }
  }

  /** Which shards each node serves. */
  get shards(): Record<string, number[]> {
    return Object.fromEntries(
      this.nodes.map(({ nodeId, holder }) => [nodeId, [...holder.here].sort((a, b) => a - b)]),
    );
  }

  get numbers(): Record<string, number> {
    return Object.fromEntries(this.nodes.map(({ nodeId, holder }) => [nodeId, holder.here.size]));
  }

  /** It is killed: nothing of it goes on, and nothing is given back. */
  async kill(node: TestNode): Promise<void> {
    await node.ownership[Symbol.asyncDispose]();
    this.nodes.splice(this.nodes.indexOf(node), 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { ownership } of this.nodes) await ownership[Symbol.asyncDispose]();
    await this.#store[Symbol.asyncDispose]();
  }

  #summary(): string {
    return this.nodes.map(({ nodeId, holder }) => `${nodeId}: ${holder.calls.join(', ')}`).join('; ');
  }
}

function withFaults(membership: Membership, faults: Faults): Membership {
  const reach = () => {
    if (faults.isCutOff) throw new Error('the store can not be reached');
  };
  return {
    identity: membership.identity,
    async renew(state, held) {
      reach();
      const renewal = await membership.renew(state, held);
      if (renewal.kind !== 'renewed') return renewal;
      const leases = new Map([...renewal.view.leases, ...faults.olderLeases]);
      const older = { ...renewal, view: { ...renewal.view, leases } };
      if (!faults.isForgotten) return older;
      faults.isForgotten = false;
      return { ...older, hadLapsed: true, wasForgotten: true };
    },
    async acquire(shardIds, options) {
      reach();
      return membership.acquire(shardIds, options);
    },
    async pass(shardId, epoch, to) {
      reach();
      if (faults.canNotPass) throw new Error('the store can not be asked');
      const lease = await membership.pass(shardId, epoch, to);
      await faults.beforePassAnswer();
      return lease;
    },
    async leave() {
      reach();
      return membership.leave();
    },
    loadTail: (shardId, after) => membership.loadTail(shardId, after),
    openTail: (shardId, epoch) => membership.openTail(shardId, epoch),
    loadGuilds: (shardId) => membership.loadGuilds(shardId),
    openGuilds: (shardId, epoch) => membership.openGuilds(shardId, epoch),
    async publish(message) {
      reach();
      if (!faults.losesMessages) await membership.publish(message);
    },
    subscribe: (listener: (message: ClusterMessage) => void) =>
      membership.subscribe((message) => faults.isCutOff || listener(message)),
  };
}

/** Whatever was promised and needs no time is done after this. */
function settledPromises(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
