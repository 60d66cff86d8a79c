/**
 * Who is there and who holds what, in memory, for as many handles as share it: one in production, several "nodes" in tests. Each
 * method is one atomic decision. What these mean is said in `../ports.ts`.
 */
import type { Clock } from '../../runtime/clock.ts';
import type {
  ClusterMessage,
  ClusterView,
  Deployment,
  JoinResult,
  Lease,
  Member,
  MemberState,
  NodeIdentity,
  Renewal,
} from '../ports.ts';

interface MemberRecord {
  readonly identity: NodeIdentity;
  state: MemberState;
  lapsesAtMs: number;
  renewals: number;
}

type Refusal = Exclude<JoinResult, { kind: 'joined' }>;

export class EmbeddedState {
  readonly #clock: Clock;
  readonly #leaseTtlMs: number;
  /** By node id: the last that joined under it. */
  readonly #members = new Map<string, MemberRecord>();
  readonly #leases = new Map<number, Lease>();
  readonly #listeners = new Map<(message: ClusterMessage) => void, NodeIdentity>();
  #deployment: Deployment | undefined;

  constructor(clock: Clock, leaseTtlMs: number) {
    this.#clock = clock;
    this.#leaseTtlMs = leaseTtlMs;
  }

  get deployment(): Deployment | undefined {
    return this.#deployment;
  }

  join(identity: NodeIdentity, state: MemberState, deployment: Deployment): Refusal | undefined {
    const there = this.#members.get(identity.nodeId);
    if (there && !isSame(there.identity, identity) && this.#isLive(there)) {
      return { kind: 'id-taken', by: this.#asMember(there), renewals: there.renewals };
    }
    const differing = this.#differing(deployment, identity.nodeId);
    if (differing) return differing;
    this.#deployment = deployment;
    this.#remember(identity, { ...state, isSteady: false }, 0);
    return undefined;
  }

  renew(identity: NodeIdentity, state: MemberState, held: ReadonlyMap<number, number>): Renewal {
    const record = this.#members.get(identity.nodeId);
    if (record && !isSame(record.identity, identity)) return { kind: 'replaced', by: this.#asMember(record) };
    const hadLapsed = !record || !this.#isLive(record);
    const renewals = (record?.renewals ?? 0) + 1;
    this.#remember(identity, { ...state, isSteady: state.isSteady && !hadLapsed }, renewals);
    const lost = [...held]
      .filter(([shardId, epoch]) => !this.#assert({ shardId, epoch, holder: identity }))
      .map(([shardId]) => shardId);
    return { kind: 'renewed', view: this.#view(), lost, hadLapsed, wasForgotten: !record };
  }

  acquire(identity: NodeIdentity, shardIds: readonly number[], mayTakeLapsed: boolean): Lease[] {
    if (!this.#isHere(identity)) return [];
    return shardIds
      .filter((shardId) => this.#isFree(shardId, identity, mayTakeLapsed))
      .map((shardId) => this.#give(shardId, identity));
  }

  pass(
    identity: NodeIdentity,
    shardId: number,
    epoch: number,
    to: NodeIdentity | undefined,
  ): Lease | undefined {
    return this.holds(identity, shardId, epoch) ? this.#give(shardId, to) : undefined;
  }

  leave(identity: NodeIdentity): void {
    for (const { shardId, holder } of this.#leases.values()) {
      if (holder && isSame(holder, identity)) this.#give(shardId, undefined);
    }
    const record = this.#members.get(identity.nodeId);
    if (record && isSame(record.identity, identity)) this.#members.delete(identity.nodeId);
  }

  holds(identity: NodeIdentity, shardId: number, epoch: number): boolean {
    const lease = this.#leases.get(shardId);
    return lease?.epoch === epoch && lease.holder !== undefined && isSame(lease.holder, identity);
  }

  publish(sender: NodeIdentity, message: ClusterMessage): void {
    for (const [listener, identity] of this.#listeners) {
      if (isSame(identity, sender)) continue;
      queueMicrotask(() => this.#listeners.has(listener) && listener(message));
    }
  }

  subscribe(identity: NodeIdentity, listener: (message: ClusterMessage) => void): Disposable {
    // A function of its own: the same may be given twice.
    const own = (message: ClusterMessage) => listener(message);
    this.#listeners.set(own, identity);
    return { [Symbol.dispose]: () => this.#listeners.delete(own) };
  }

  #remember(identity: NodeIdentity, state: MemberState, renewals: number): void {
    const lapsesAtMs = this.#clock.now() + this.#leaseTtlMs;
    this.#members.set(identity.nodeId, { identity, state, lapsesAtMs, renewals });
  }

  #isLive({ lapsesAtMs }: MemberRecord): boolean {
    return lapsesAtMs > this.#clock.now();
  }

  #isHere(identity: NodeIdentity): boolean {
    const record = this.#members.get(identity.nodeId);
    return record !== undefined && isSame(record.identity, identity) && this.#isLive(record);
  }

  #isFree(shardId: number, { nodeId }: NodeIdentity, mayTakeLapsed: boolean): boolean {
    const lease = this.#leases.get(shardId);
    if (lease && (!lease.holder || lease.holder.nodeId === nodeId)) return true;
    return mayTakeLapsed && !(lease?.holder && this.#isHere(lease.holder));
  }

  #give(shardId: number, holder: NodeIdentity | undefined): Lease {
    const lease = { shardId, epoch: (this.#leases.get(shardId)?.epoch ?? 0) + 1, holder };
    this.#leases.set(shardId, lease);
    return lease;
  }

  /** Whether the lease is its holder's; written again where the state knows less. */
  #assert(lease: Lease): boolean {
    const known = this.#leases.get(lease.shardId);
    if (!known || known.epoch < lease.epoch) this.#leases.set(lease.shardId, lease);
    else if (!known.holder || !lease.holder || !isSame(known.holder, lease.holder)) return false;
    return true;
  }

  #differing(deployment: Deployment, nodeId: string): Refusal | undefined {
    const others = [...this.#members.values()].filter(
      (record) => record.identity.nodeId !== nodeId && this.#isLive(record),
    );
    const there = this.#deployment;
    if (others.length === 0 || !there) return undefined;
    const nodeIds = others.map(({ identity }) => identity.nodeId);
    if (there.shardCount !== deployment.shardCount) {
      return { kind: 'differs', setting: 'discord.shardCount', there: there.shardCount, nodeIds };
    }
    const names = Object.keys({ ...there.fingerprints, ...deployment.fingerprints });
    const setting = names.find((name) => there.fingerprints[name] !== deployment.fingerprints[name]);
    return setting === undefined ? undefined : { kind: 'differs', setting, nodeIds };
  }

  #asMember(record: MemberRecord): Member {
    const lapsesInMs = Math.max(0, record.lapsesAtMs - this.#clock.now());
    return { ...record.identity, ...record.state, lapsesInMs };
  }

  #view(): ClusterView {
    const members = [...this.#members.values()].filter((record) => this.#isLive(record));
    return { members: members.map((record) => this.#asMember(record)), leases: new Map(this.#leases) };
  }
}

function isSame(one: NodeIdentity, other: NodeIdentity): boolean {
  return one.nodeId === other.nodeId && one.incarnation === other.incarnation;
}
