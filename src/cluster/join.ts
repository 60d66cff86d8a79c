/** Joins an application's deployment, and says in words why that is refused. */
import type { Clock } from '../runtime/clock.ts';
import {
  type ClusterStore,
  ClusterStoreError,
  type Deployment,
  type JoinResult,
  type MemberState,
  type Membership,
  type NodeIdentity,
} from './ports.ts';

export interface JoinOptions {
  readonly store: ClusterStore;
  readonly identity: NodeIdentity;
  readonly state: MemberState;
  readonly deployment: Deployment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** We wait for the membership of an earlier process with this id to lapse. */
  readonly onWaiting: (reason: string) => void;
}

/** Between two attempts while the id is taken: a living process renews in this time. */
const RETRY_MS = 250;

/** Renewals by the other process that prove it alive: one may have been on its way when it died. */
const PROOF_RENEWALS = 2;

/**
 * Resolves with the membership, or with `undefined` where `signal` aborted first. A process that was killed leaves its membership
 * behind until it lapses: that is waited for.
 * @throws {ClusterStoreError} another process lives under this id, or the nodes that are there run with other settings.
 */
export async function joinDeployment(options: JoinOptions): Promise<Membership | undefined> {
  const { store, identity, state, deployment, signal, onWaiting } = options;
  let firstRenewals: number | undefined;
  let seenIncarnation: string | undefined;
  while (!signal.aborted) {
    const result = await store.join(identity, state, deployment);
    if (result.kind === 'joined') return result.membership;
    if (result.kind === 'differs') throw new ClusterStoreError(differsText(result, deployment));
    const { by, renewals } = result;
    if (seenIncarnation !== by.incarnation) {
      onWaiting(
        `a process that was node ${by.nodeId} before may still live; waiting for its leases to lapse`,
      );
      firstRenewals = renewals;
    }
    seenIncarnation = by.incarnation;
    if (renewals >= (firstRenewals ?? renewals) + PROOF_RENEWALS) {
      throw new ClusterStoreError(
        `cluster.nodeId: another node is running as ${by.nodeId}, at ${by.address}; give each node an id of its own`,
      );
    }
    await pause(options.clock, Math.min(RETRY_MS, Math.max(1, by.lapsesInMs)), signal);
  }
  return undefined;
}

function differsText(result: Extract<JoinResult, { kind: 'differs' }>, deployment: Deployment): string {
  const { setting, there, nodeIds } = result;
  const who = nodeIds.length === 1 ? `node ${nodeIds[0]} runs` : `nodes ${nodeIds.join(', ')} run`;
  if (setting === 'discord.shardCount') {
    return `discord.shardCount: this node is to run with ${deployment.shardCount} shards, but ${who} with ${there}; set the same number, or stop all nodes before you change it`;
  }
  return `${setting}: it differs from the one that ${who} with; give all nodes of the application the same, or stop all of them before you change it`;
}

function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      timer[Symbol.dispose]();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.setTimer(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
