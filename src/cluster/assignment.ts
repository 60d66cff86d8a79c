/**
 * Which node is to hold which shard. Pure, and the same at every node: each computes the whole plan from the members it sees and
 * acts on its own part of it.
 *
 * Each node gets its share by weight, rounded down or up. It keeps what it has up to that; what is free goes, by rendezvous hashing, to
 * a node that has room. So a node that comes takes only its share, and of one that goes only its own shards move.
 *
 * Nodes that are cut off from Discord give everything to those that are connected. To nodes of which that is not known, they give no
 * more than if all were well: it may be Discord that is away, or the whole network, and a node that has only just started does not
 * know yet.
 */
import type { Reach } from './ports.ts';

export interface AssignmentMember {
  readonly nodeId: string;
  /** Its share of the shards, relative to the others'. */
  readonly weight: number;
  readonly isDraining: boolean;
  readonly reach: Reach;
}

export interface AssignmentInput {
  readonly shardCount: number;
  /** In any order; each node id once. */
  readonly members: readonly AssignmentMember[];
  /** Shard id to the node id of a live holder. Shards without one, or with one that is no member, are free. */
  readonly current: ReadonlyMap<number, string>;
  /**
   * The application's id. Without one, every application would round its shares up at the same node, and of a hundred applications with one
   * shard each that node would have all.
   */
  readonly salt?: string;
}

interface Node {
  readonly nodeId: string;
  readonly hash: number;
  /** Its exact share of the shards, in general no whole number. */
  readonly share: number;
  readonly held: number[];
  quota: number;
}

/** Whether others may hand shards to it. */
export function takesShards({
  isDraining,
  reach,
  weight,
}: Pick<AssignmentMember, 'isDraining' | 'reach' | 'weight'>): boolean {
  return !isDraining && reach !== 'cut-off' && weight > 0;
}

/**
 * The plan: shard id to node id. Where no member takes shards, all that is held stays, and what is free is missing from the plan.
 */
export function assign(input: AssignmentInput): ReadonlyMap<number, string> {
  const { shardCount, members, current, salt } = input;
  const taking = members.filter(takesShards);
  if (taking.length === 0) return heldByMembers(members, shardCount, current);
  const plan = keptByCutOff(input, taking);
  const placed = shardCount - plan.size;
  const nodes = nodesOf(taking, placed, salt);
  const holders = new Map(nodes.map((node) => [node.nodeId, node]));
  const free: number[] = [];
  for (let shardId = 0; shardId < shardCount; shardId++) {
    if (plan.has(shardId)) continue;
    const holder = holders.get(current.get(shardId) ?? '');
    if (holder === undefined) free.push(shardId);
    else holder.held.push(shardId);
  }
  setQuotas(nodes, placed);
  for (const node of nodes) {
    const [kept, excess] = splitAtQuota(node);
    for (const shardId of kept) plan.set(shardId, node.nodeId);
    free.push(...excess);
  }
  // Where several nodes run out of room, who comes first matters: so the order must not depend on who held what.
  free.sort((left, right) => left - right);
  place(free, nodes, plan);
  return plan;
}

/** What stays at nodes that are cut off: their share among all, rounded down, until somebody is connected who takes shards. */
function keptByCutOff(
  { shardCount, members, current, salt }: AssignmentInput,
  taking: readonly AssignmentMember[],
): Map<number, string> {
  const kept = new Map<number, string>();
  if (taking.some(({ reach }) => reach === 'connected')) return kept;
  const cutOff = members.filter(({ isDraining, reach }) => !isDraining && reach === 'cut-off');
  const cutOffIds = new Set(cutOff.map(({ nodeId }) => nodeId));
  for (const node of nodesOf([...taking, ...cutOff], shardCount, salt)) {
    if (!cutOffIds.has(node.nodeId)) continue;
    for (let shardId = 0; shardId < shardCount; shardId++)
      if (current.get(shardId) === node.nodeId) node.held.push(shardId);
    node.quota = Math.floor(node.share);
    const [staying] = splitAtQuota(node);
    for (const shardId of staying) kept.set(shardId, node.nodeId);
  }
  return kept;
}

/** In the order of their ids, so that nothing depends on the order in which members are listed. */
function nodesOf(members: readonly AssignmentMember[], shardCount: number, salt = ''): Node[] {
  const sorted = members.toSorted((left, right) => (left.nodeId < right.nodeId ? -1 : 1));
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0);
  return sorted.map(({ nodeId, weight }) => ({
    nodeId,
    hash: hashOf(`${salt}/${nodeId}`),
    share: withoutRoundingError((shardCount * weight) / total),
    held: [],
    quota: 0,
  }));
}

/** Far above the error of a division, far below a remainder that matters. */
const SHARE_TOLERANCE = 1e-9;

/** A share that is a whole number must not come out just above or below it: it would be rounded to another one. */
function withoutRoundingError(share: number): number {
  const whole = Math.round(share);
  return Math.abs(share - whole) < SHARE_TOLERANCE * Math.max(1, whole) ? whole : share;
}

function heldByMembers(
  members: readonly AssignmentMember[],
  shardCount: number,
  current: ReadonlyMap<number, string>,
): ReadonlyMap<number, string> {
  const nodeIds = new Set(members.map(({ nodeId }) => nodeId));
  return new Map([...current].filter(([shardId, nodeId]) => shardId < shardCount && nodeIds.has(nodeId)));
}

/**
 * Everybody's share rounded down, and up for as many as it takes to have all shards held: for those that hold more already (so that
 * nothing moves for the sake of rounding), then those with the largest remainders.
 */
function setQuotas(nodes: readonly Node[], shardCount: number): void {
  for (const node of nodes) node.quota = Math.floor(node.share);
  const left = shardCount - nodes.reduce((sum, { quota }) => sum + quota, 0);
  const remainder = ({ share, quota }: Node) => share - quota;
  const hasMore = ({ held, quota }: Node) => Number(held.length > quota);
  const order = nodes
    .filter((node) => remainder(node) > 0)
    .sort(
      (left, right) =>
        hasMore(right) - hasMore(left) || remainder(right) - remainder(left) || right.hash - left.hash,
    );
  for (const node of order.slice(0, left)) node.quota++;
}

/** What the node keeps, and what it has too many of: the shards with the lowest scores. */
function splitAtQuota({ held, quota, hash }: Node): [kept: readonly number[], excess: readonly number[]] {
  if (held.length <= quota) return [held, []];
  const byScore = held.toSorted((left, right) => scoreOf(hash, right) - scoreOf(hash, left) || left - right);
  return [byScore.slice(0, quota), byScore.slice(quota)];
}

/** Each shard to the node with the highest score among those with room. */
function place(shardIds: readonly number[], nodes: readonly Node[], plan: Map<number, string>): void {
  const withRoom = nodes
    .map(({ nodeId, hash, quota, held }) => ({ nodeId, hash, room: quota - held.length }))
    .filter(({ room }) => room > 0);
  for (const shardId of shardIds) {
    let best: (typeof withRoom)[number] | undefined;
    let bestScore = -1;
    for (const node of withRoom) {
      const score = node.room > 0 ? scoreOf(node.hash, shardId) : -1;
      if (score <= bestScore) continue;
      best = node;
      bestScore = score;
    }
    // Quotas add up to the number of shards, so there always is one.
    if (best === undefined) return;
    best.room--;
    plan.set(shardId, best.nodeId);
  }
}

/** How well a shard fits a node: even, and unrelated from one shard or node to the next. 32 bits; on a tie the lower node id has it. */
function scoreOf(nodeHash: number, shardId: number): number {
  return mixed(nodeHash ^ mixed(shardId + 1));
}

/** FNV-1a, 32 bits, then mixed: node ids are alike (`node-1`, `node-2`), their hashes must not be. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return mixed(hash);
}

/** MurmurHash3's finalizer: each bit of the input changes half of the output's, on average. Unsigned, 32 bits. */
function mixed(value: number): number {
  let bits = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
