/** What the contract of cluster stores runs on: a store of which nothing is known yet, opened by as many nodes as a fact needs. */
import type {
  ClusterStore,
  Deployment,
  Lease,
  MemberState,
  Membership,
  NodeIdentity,
  Renewal,
} from '../../../src/cluster/index.ts';

export interface ClusterEnvironmentOptions {
  readonly leaseTtlMs: number;
  /** Of one shard's tail. */
  readonly maxTailBytes: number;
  readonly maxTailAgeMs: number;
}

export interface ClusterEnvironment extends AsyncDisposable {
  /** Another opening on the same data, as another node has it. Ends with the environment. */
  openStore(): Promise<ClusterStore>;
  elapse(ms: number): Promise<void>;
  /** Unix ms by the clock that `elapse` moves. */
  nowMs(): number;
  /** Everything that is stored is lost. Left out where that can't happen while nodes live. */
  loseData?(): Promise<void>;
}

export interface ClusterStoreKind {
  readonly open: (options: ClusterEnvironmentOptions) => Promise<ClusterEnvironment>;
  /** It can lose all its data while nodes live: the environment has `loseData`. */
  readonly canLoseData: boolean;
  /** It can read alone what came behind a position. */
  readonly canContinue: boolean;
}

/** For facts in which nobody is to lapse. */
export const LONG_TTL_MS = 60_000;

/** For those in which somebody is: short, because some stores have a real clock. */
export const SHORT_TTL_MS = 500;

/** By which a membership of `SHORT_TTL_MS` has lapsed for certain. */
export const LAPSE_MS = SHORT_TTL_MS + 50;

export const MAX_TAIL_BYTES = 64 * 1024;
export const MAX_TAIL_AGE_MS = 400;

export const DEFAULTS: ClusterEnvironmentOptions = {
  leaseTtlMs: LONG_TTL_MS,
  maxTailBytes: MAX_TAIL_BYTES,
  maxTailAgeMs: LONG_TTL_MS,
};

export const STATE: MemberState = {
  address: '10.0.0.1:8080',
  weight: 1,
  isDraining: false,
  reach: 'unknown',
  isSteady: false,
};

export const DEPLOYMENT: Deployment = {
  shardCount: 8,
  fingerprints: { 'cluster.secret': 'c1', 'discord.token': 't1' },
};

let incarnations = 0;

export function identityOf(nodeId: string): NodeIdentity {
  incarnations++;
  return { nodeId, incarnation: `incarnation-${incarnations}` };
}

/** A member, and what it believes to hold. */
export class TestNode {
  readonly membership: Membership;
  readonly held = new Map<number, number>();

  constructor(membership: Membership) {
    this.membership = membership;
  }

  get identity(): NodeIdentity {
    return this.membership.identity;
  }

  async renew(change: Partial<MemberState> = {}): Promise<Extract<Renewal, { kind: 'renewed' }>> {
    const renewal = await this.membership.renew({ ...STATE, ...change }, this.held);
    if (renewal.kind !== 'renewed') throw new Error(`replaced by ${renewal.by.incarnation}`);
    return renewal;
  }

  /** Takes what was never held or has lapsed, unless told otherwise. */
  async acquire(shardIds: readonly number[], mayTakeLapsed = true): Promise<readonly Lease[]> {
    const leases = await this.membership.acquire(shardIds, { mayTakeLapsed });
    for (const { shardId, epoch } of leases) this.held.set(shardId, epoch);
    return leases;
  }

  async pass(shardId: number, to: TestNode | undefined): Promise<Lease | undefined> {
    return this.membership.pass(shardId, this.epochOf(shardId), to?.identity);
  }

  epochOf(shardId: number): number {
    const epoch = this.held.get(shardId);
    if (epoch === undefined) throw new Error(`shard ${shardId} is not held`);
    return epoch;
  }
}

export async function join(
  store: ClusterStore,
  identity: NodeIdentity,
  change: Partial<MemberState> = {},
  deployment: Deployment = DEPLOYMENT,
): Promise<TestNode> {
  const result = await store.join(identity, { ...STATE, ...change }, deployment);
  if (result.kind !== 'joined') throw new Error(`not joined: ${JSON.stringify(result)}`);
  return new TestNode(result.membership);
}

/** A node with an opening of its own. */
export async function newNode(environment: ClusterEnvironment, nodeId: string): Promise<TestNode> {
  return join(await environment.openStore(), identityOf(nodeId));
}
