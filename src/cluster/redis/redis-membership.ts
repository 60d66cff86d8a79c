/** A node's part in an application, in Redis. Each method is one script call; what it guarantees is said at the script. */
import type { GuildStore, StoredGuilds } from '../../guilds/index.ts';
import {
  type ClusterMessage,
  ClusterStoreError,
  type Deployment,
  type Lease,
  type MemberState,
  type Membership,
  type NodeIdentity,
  type OpenTail,
  type Renewal,
  type StoredTail,
  type TailPosition,
} from '../ports.ts';
import type { RedisConnections } from './connections.ts';
import { GuildsPosition } from './guilds-position.ts';
import { KEEP_MS, type RedisKeys } from './keys.ts';
import { decodeMessage, encodeMessage } from './messages.ts';
import type { RedisTailOptions } from './options.ts';
import { RedisGuilds } from './redis-guilds.ts';
import { loadGuilds } from './redis-guilds-reading.ts';
import { RedisTail } from './redis-tail.ts';
import { readStoredTail } from './stored-tail.ts';
import { decodeDeployment, differenceOf, encodeDeployment, readMember, readView } from './view.ts';

/** A member that lapsed is of no use to anybody but whoever reads the keys by hand. */
export const FORGET_LAPSED_AFTER_MS = 10 * 60 * 1000;

export interface RedisMembershipContext {
  readonly connections: RedisConnections;
  readonly keys: RedisKeys;
  readonly leaseTtlMs: number;
  readonly tail: RedisTailOptions;
  readonly onUnreadable: (key: string, reason: string) => void;
  readonly deployment: Deployment;
  /** By Redis' clock. */
  readonly joinedAtMs: number;
}

/** As the header of `lua/renew-membership.lua` says. */
type RenewReply =
  | readonly ['renewed', now: number, before: string, members: string[], leases: string[], lost: string[]]
  | readonly ['replaced', nodeId: string, member: string, now: number]
  | readonly ['differs', deployment: string, ...nodeIds: string[]];

/** What `join` and `renew` write of a node. */
export function memberArguments(
  { nodeId, incarnation }: NodeIdentity,
  state: MemberState,
  leaseTtlMs: number,
  deployment: Deployment,
): (string | number)[] {
  return [
    nodeId,
    incarnation,
    JSON.stringify(state),
    leaseTtlMs,
    KEEP_MS,
    FORGET_LAPSED_AFTER_MS,
    encodeDeployment(deployment),
  ];
}

export class RedisMembership implements Membership {
  readonly identity: NodeIdentity;
  readonly #context: RedisMembershipContext;
  readonly #leases: string;
  /** By shard. */
  readonly #guilds = new Map<number, GuildsPosition>();
  /** What the scripts know us by. */
  readonly #me: readonly [nodeId: string, incarnation: string];

  constructor(identity: NodeIdentity, context: RedisMembershipContext) {
    this.identity = identity;
    this.#context = context;
    this.#leases = context.keys.leases(context.deployment.shardCount);
    this.#me = [identity.nodeId, identity.incarnation];
  }

  async renew(state: MemberState, held: ReadonlyMap<number, number>): Promise<Renewal> {
    const { connections, keys, leaseTtlMs, deployment, joinedAtMs } = this.#context;
    const member = memberArguments(this.identity, state, leaseTtlMs, deployment);
    const reply = (await connections.run(
      'renew-membership',
      [keys.members, keys.deployment, this.#leases, keys.slots],
      [...member, joinedAtMs, ...[...held].flat()],
    )) as RenewReply;
    if (reply[0] === 'replaced') {
      const [, nodeId, json, nowMs] = reply;
      const { renewals: _, ...by } = readMember(nodeId, json, nowMs);
      return { kind: 'replaced', by };
    }
    if (reply[0] === 'differs') throw deploymentChanged(deployment, reply);
    const [, nowMs, before, members, leases, lost] = reply;
    const view = readView(members, leases, nowMs);
    return {
      kind: 'renewed',
      view,
      lost: lost.map(Number),
      hadLapsed: before !== 'live',
      wasForgotten: before === 'forgotten',
    };
  }

  async acquire(
    shardIds: readonly number[],
    { mayTakeLapsed }: { readonly mayTakeLapsed: boolean },
  ): Promise<readonly Lease[]> {
    const { connections, keys } = this.#context;
    if (shardIds.length === 0) return [];
    const reply = (await connections.run(
      'acquire-leases',
      [keys.members, this.#leases],
      [...this.#me, mayTakeLapsed ? '1' : '0', KEEP_MS, ...shardIds],
    )) as (string | number)[];
    const taken: Lease[] = [];
    for (let index = 0; index + 1 < reply.length; index += 2) {
      taken.push({ shardId: Number(reply[index]), epoch: Number(reply[index + 1]), holder: this.identity });
    }
    return taken;
  }

  async pass(shardId: number, epoch: number, to: NodeIdentity | undefined): Promise<Lease | undefined> {
    const next = Number(
      await this.#context.connections.run(
        'pass-lease',
        [this.#leases],
        [...this.#me, shardId, epoch, KEEP_MS, ...(to ? [to.nodeId, to.incarnation] : [])],
      ),
    );
    return next === 0 ? undefined : { shardId, epoch: next, holder: to };
  }

  async leave(): Promise<void> {
    const { connections, keys } = this.#context;
    await connections.run('leave-application', [keys.members, this.#leases], [...this.#me, KEEP_MS]);
  }

  async loadTail(shardId: number, after?: TailPosition): Promise<StoredTail> {
    const position = after ? [after.generation, after.sequence] : [];
    const [, checkpoint, stream] = this.#tailKeys(shardId);
    return readStoredTail(
      await this.#context.connections.runForBytes('load-tail', [checkpoint, stream], position),
    );
  }

  openTail(shardId: number, epoch: number): OpenTail {
    const { connections, tail } = this.#context;
    const keys = this.#tailKeys(shardId);
    return new RedisTail({ connections, identity: this.identity, shardId, epoch, keys, options: tail });
  }

  async loadGuilds(shardId: number): Promise<StoredGuilds | undefined> {
    const { connections, onUnreadable } = this.#context;
    const [, key] = this.#guildKeys(shardId);
    return loadGuilds({ connections, key, position: this.#guildsPosition(shardId), onUnreadable });
  }

  openGuilds(shardId: number, epoch: number): GuildStore {
    const { connections } = this.#context;
    const keys = this.#guildKeys(shardId);
    const position = this.#guildsPosition(shardId);
    return new RedisGuilds({ connections, identity: this.identity, shardId, epoch, keys, position });
  }

  publish(message: ClusterMessage): Promise<void> {
    return this.#context.connections.publish(encodeMessage(message));
  }

  subscribe(listener: (message: ClusterMessage) => void): Disposable {
    return this.#context.connections.onMessage((text) => {
      const message = decodeMessage(text);
      if (message && message.from !== this.identity.nodeId) listener(message);
    });
  }

  #guildsPosition(shardId: number): GuildsPosition {
    const position = this.#guilds.get(shardId) ?? new GuildsPosition();
    this.#guilds.set(shardId, position);
    return position;
  }

  #guildKeys(shardId: number): readonly [leases: string, guilds: string] {
    const { keys, deployment } = this.#context;
    return [this.#leases, keys.guilds(deployment.shardCount, shardId)];
  }

  #tailKeys(shardId: number): readonly [leases: string, checkpoint: string, stream: string] {
    const { keys, deployment } = this.#context;
    const { shardCount } = deployment;
    return [this.#leases, keys.checkpoint(shardCount, shardId), keys.tail(shardCount, shardId)];
  }
}

/** While this node was away for longer than its membership lasts, others have started with other settings. */
function deploymentChanged(
  ours: Deployment,
  [, stored, ...nodeIds]: Extract<RenewReply, readonly ['differs', ...string[]]>,
): ClusterStoreError {
  const { setting } = differenceOf(ours, decodeDeployment(stored), nodeIds);
  return new ClusterStoreError(
    `${setting}: it is not what nodes run with that started while this one was away (${nodeIds.join(', ')}); give all nodes the same`,
  );
}
