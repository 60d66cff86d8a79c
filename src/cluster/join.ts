/** Joins an application's deployment, and says in words why that is refused. */
import type { Clock } from '../runtime/clock.ts';
import { sleep } from '../runtime/sleep.ts';
import {
  type ClusterStore,
  ClusterStoreError,
  type Deployment,
  type JoinResult,
  type MemberState,
  type Membership,
  type NodeIdentity,
  StoreUnreachableError,
} from './ports.ts';

/** In place of the fingerprint of a setting that is left out. */
export const NOT_SET = 'not set';

export interface JoinOptions {
  readonly store: ClusterStore;
  readonly applicationId: string;
  readonly identity: NodeIdentity;
  readonly state: MemberState;
  readonly deployment: Deployment;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** What is waited for: the membership of an earlier process with this id to lapse, or the store to answer. */
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
  const { store, identity, state, deployment, signal, onWaiting, applicationId } = options;
  let firstRenewals: number | undefined;
  let seenIncarnation: string | undefined;
  while (!signal.aborted) {
    const result = await untilAnswered(() => store.join(identity, state, deployment), options);
    if (result === undefined) return undefined;
    if (result.kind === 'joined') return result.membership;
    if (result.kind === 'differs') {
      throw new ClusterStoreError(differsText(result, deployment, applicationId));
    }
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
    await sleep(options.clock, Math.min(RETRY_MS, Math.max(1, by.lapsesInMs)), signal).catch(() => undefined);
  }
  return undefined;
}

/**
 * Asks again and again while Redis can't be reached: it was there a moment ago, and whoever starts a node again would wait
 * for no less. Resolves with `undefined` where `signal` aborted first.
 */
export async function untilAnswered<Answer>(
  ask: () => Promise<Answer>,
  { clock, signal, onWaiting }: Pick<JoinOptions, 'clock' | 'signal' | 'onWaiting'>,
): Promise<Answer | undefined> {
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof StoreUnreachableError)) throw error;
      if (attempt === 1) onWaiting(`waiting for Redis: ${error.message}`);
    }
    await sleep(clock, RETRY_MS, signal).catch(() => undefined);
  }
  return undefined;
}

function differsText(
  { setting, there, nodeIds }: Extract<JoinResult, { kind: 'differs' }>,
  { shardCount, fingerprints }: Deployment,
  applicationId: string,
): string {
  const who = nodeIds.length === 1 ? `node ${nodeIds[0]} runs` : `nodes ${nodeIds.join(', ')} run`;
  if (setting === 'discord.shardCount') {
    return `discord.shardCount: this node is to run application ${applicationId} with ${shardCount} shards, but ${who} with ${there}; set the same number, or stop all nodes before you change it`;
  }
  const wrong =
    fingerprints[setting] === NOT_SET
      ? `it is not set here, but ${who} with one`
      : `it is not what ${who} with`;
  const whose = setting.startsWith('discord.') ? ` of application ${applicationId}` : '';
  return `${setting}: ${wrong}${whose}; give all nodes the same, or stop all of them before you change it`;
}
