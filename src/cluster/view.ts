/** What follows from a view of the cluster. Pure. */
import type { ClusterView, Lease, Member, NodeIdentity } from './ports.ts';

interface Intervals {
  readonly leaseTtlMs: number;
  readonly renewIntervalMs: number;
}

/** A member that renewed within so many intervals is not late. */
const FRESH_INTERVALS = 2;

/** Shard id to node id, of the leases whose holder is there. */
export function liveHolders({ members, leases }: ClusterView): Map<number, string> {
  const live = new Set(members.map(key));
  const holders = new Map<number, string>();
  for (const { shardId, holder } of leases.values())
    if (holder && live.has(key(holder))) holders.set(shardId, holder.nodeId);
  return holders;
}

export function isHolder({ holder }: Lease, identity: NodeIdentity): boolean {
  return holder !== undefined && key(holder) === key(identity);
}

/** Whether two descriptions are of the same process. */
export function isSameProcess(one: NodeIdentity, other: NodeIdentity): boolean {
  return key(one) === key(other);
}

function key({ nodeId, incarnation }: NodeIdentity): string {
  return `${nodeId} ${incarnation}`;
}

/** The live node that holds a shard, where that is another than `nodeId`. */
export function ownerElsewhere(
  { members, leases }: ClusterView,
  shardId: number,
  nodeId: string,
): Member | undefined {
  const holder = leases.get(shardId)?.holder;
  if (!holder || holder.nodeId === nodeId) return undefined;
  return members.find((member) => key(member) === key(holder));
}

/** The same view with leases that are known to be newer. */
export function withLeases(view: ClusterView, newer: readonly Lease[]): ClusterView {
  const leases = new Map(view.leases);
  for (const lease of newer) leases.set(lease.shardId, lease);
  return { ...view, leases };
}

/**
 * The shards that a plan gives to a node and that nobody alive holds; without `mayTakeLapsed` only those given back, and those of an
 * earlier process with this node's id: it was gone when we joined.
 */
export function takeable(
  view: ClusterView,
  plan: ReadonlyMap<number, string>,
  { nodeId, mayTakeLapsed }: { readonly nodeId: string; readonly mayTakeLapsed: boolean },
): number[] {
  const holders = liveHolders(view);
  return [...plan]
    .filter(([shardId, owner]) => owner === nodeId && !holders.has(shardId))
    .map(([shardId]) => shardId)
    .filter((shardId) => {
      const lease = view.leases.get(shardId);
      if (mayTakeLapsed) return true;
      return lease !== undefined && (lease.holder === undefined || lease.holder.nodeId === nodeId);
    });
}

/**
 * Whether a member said a moment ago that its renewals have gone through for long. An older word may be from before the store went
 * away, and then others have lapsed only because they could not renew.
 */
export function hasSteadyMember(
  { members }: ClusterView,
  { leaseTtlMs, renewIntervalMs }: Intervals,
): boolean {
  const freshMs = leaseTtlMs - FRESH_INTERVALS * renewIntervalMs;
  return members.some(({ isSteady, lapsesInMs }) => isSteady && lapsesInMs > freshMs);
}

/** When the first of the other members lapses unless it renews: ms from the time of the view. */
export function firstLapseMs({ members }: ClusterView, nodeId: string): number {
  return Math.min(
    ...members.filter((member) => member.nodeId !== nodeId).map(({ lapsesInMs }) => lapsesInMs),
  );
}
