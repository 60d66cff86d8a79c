/** What the scripts say of members, leases and deployments, as the port has it. Pure. */
import type { ClusterView, Deployment, JoinResult, Lease, Member, MemberState } from '../ports.ts';

/** As `lua/shared.lua` describes it. */
interface StoredMember extends MemberState {
  readonly incarnation: string;
  readonly lapsesAtMs: number;
  readonly renewals: number;
}

export function readMember(
  nodeId: string,
  json: string,
  nowMs: number,
): Member & { readonly renewals: number } {
  const stored = JSON.parse(json) as StoredMember;
  const { incarnation, address, weight, isDraining, reach, isSteady, lapsesAtMs, renewals } = stored;
  const lapsesInMs = Math.max(0, lapsesAtMs - nowMs);
  return { nodeId, incarnation, address, weight, isDraining, reach, isSteady, lapsesInMs, renewals };
}

/** `value`: `epoch`, or `epoch incarnation node`. */
export function readLease(shardId: number, value: string): Lease {
  const [epoch = '', incarnation, ...nodeId] = value.split(' ');
  const holder = incarnation === undefined ? undefined : { nodeId: nodeId.join(' '), incarnation };
  return { shardId, epoch: Number(epoch), holder };
}

/** Both lists have a key and a value in turn. */
export function readView(members: readonly string[], leases: readonly string[], nowMs: number): ClusterView {
  return {
    members: pairs(members).map(([nodeId, json]) => {
      const { renewals: _, ...member } = readMember(nodeId, json, nowMs);
      return member;
    }),
    leases: new Map(pairs(leases).map(([shard, value]) => [Number(shard), readLease(Number(shard), value)])),
  };
}

function pairs(list: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let index = 0; index + 1 < list.length; index += 2)
    found.push([list[index] ?? '', list[index + 1] ?? '']);
  return found;
}

/** The same text for what is the same: the scripts compare no more than that. */
export function encodeDeployment({ shardCount, fingerprints }: Deployment): string {
  const sorted = Object.entries(fingerprints).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify({ shardCount, fingerprints: Object.fromEntries(sorted) });
}

export function decodeDeployment(text: string): Deployment {
  return JSON.parse(text) as Deployment;
}

export function differenceOf(
  ours: Deployment,
  theirs: Deployment,
  nodeIds: readonly string[],
): Extract<JoinResult, { kind: 'differs' }> {
  if (ours.shardCount !== theirs.shardCount) {
    return { kind: 'differs', setting: 'discord.shardCount', there: theirs.shardCount, nodeIds };
  }
  const settings = [...Object.keys(ours.fingerprints), ...Object.keys(theirs.fingerprints)].sort();
  const different = settings.filter((name) => ours.fingerprints[name] !== theirs.fingerprints[name]);
  const hasBoth = (name: string) => name in ours.fingerprints && name in theirs.fingerprints;
  // One that only one side knows is mostly there, or missing, because of another that both know.
  const setting = different.find(hasBoth) ?? different[0] ?? '';
  return { kind: 'differs', setting, nodeIds };
}
