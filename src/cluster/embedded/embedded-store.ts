/**
 * What a node alone has in the place of Redis: membership and leases in memory, tails and identify slots on disk, or in memory where
 * nothing is kept. `lockDirectory` keeps other nodes off the disk, so what an earlier process left is free at once.
 */
import type { Clock } from '../../runtime/clock.ts';
import type { IdentifySlots } from '../../upstream/index.ts';
import type {
  ClusterMessage,
  ClusterStore,
  Deployment,
  JoinResult,
  Lease,
  MemberState,
  Membership,
  NodeIdentity,
  OpenTail,
  Renewal,
  StoredTail,
} from '../ports.ts';
import type { ApplicationDirectory } from './application-directory.ts';
import { EmbeddedState } from './embedded-state.ts';
import { EmbeddedTail, loadTail } from './embedded-tail.ts';
import { EmbeddedIdentifySlots } from './identify-slots.ts';
import type { TailFiles } from './tail-files.ts';

export interface EmbeddedStoreOptions {
  readonly clock: Clock;
  readonly leaseTtlMs: number;
  /** `undefined`: nothing is kept. */
  readonly directory: ApplicationDirectory | undefined;
  /** The number of shards of tails that are older is forgotten: their sessions are over. */
  readonly maxSessionAgeMs: number;
  readonly onUnreadable: (path: string, reason: string) => void;
  readonly onSlotsError: (error: Error) => void;
}

export class EmbeddedStore implements ClusterStore {
  /** Nobody else can be in it, unless this process lets them. */
  readonly isShared = false;
  readonly slots: IdentifySlots;
  readonly #options: EmbeddedStoreOptions;
  readonly #state: EmbeddedState;
  readonly #openTails = new Set<AsyncDisposable>();

  constructor(options: EmbeddedStoreOptions) {
    const { clock, leaseTtlMs, directory, onSlotsError } = options;
    this.#options = options;
    this.#state = new EmbeddedState(clock, leaseTtlMs);
    this.slots = directory?.identifySlots(clock, onSlotsError) ?? new EmbeddedIdentifySlots({ clock });
  }

  /** Of an earlier process only the number of shards is known. */
  async readDeployment(): Promise<Deployment | undefined> {
    const { clock, directory, maxSessionAgeMs } = this.#options;
    if (this.#state.deployment) return this.#state.deployment;
    const shardCount = await directory?.newestShardCount(clock.now() - maxSessionAgeMs);
    return shardCount === undefined ? undefined : { shardCount, fingerprints: {} };
  }

  async join(identity: NodeIdentity, state: MemberState, deployment: Deployment): Promise<JoinResult> {
    const refusal = this.#state.join(identity, state, deployment);
    if (refusal) return refusal;
    const { shardCount } = deployment;
    const { clock, directory, onUnreadable } = this.#options;
    await directory?.removeOthers(shardCount, clock.now());
    const membership = new EmbeddedMembership({
      identity,
      state: this.#state,
      files: (shardId) => directory?.tail(shardId, shardCount),
      openTails: this.#openTails,
      onUnreadable,
    });
    return { kind: 'joined', membership };
  }

  /** Closes what is still open; for all who joined. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#openTails].map((tail) => tail[Symbol.asyncDispose]()));
    this.#openTails.clear();
  }
}

interface MembershipOptions {
  readonly identity: NodeIdentity;
  readonly state: EmbeddedState;
  readonly files: (shardId: number) => TailFiles | undefined;
  readonly openTails: Set<AsyncDisposable>;
  readonly onUnreadable: (path: string, reason: string) => void;
}

class EmbeddedMembership implements Membership {
  readonly identity: NodeIdentity;
  readonly #options: MembershipOptions;
  readonly #state: EmbeddedState;

  constructor(options: MembershipOptions) {
    this.identity = options.identity;
    this.#options = options;
    this.#state = options.state;
  }

  async renew(state: MemberState, held: ReadonlyMap<number, number>): Promise<Renewal> {
    return this.#state.renew(this.identity, state, held);
  }

  async acquire(
    shardIds: readonly number[],
    { mayTakeLapsed }: { readonly mayTakeLapsed: boolean },
  ): Promise<readonly Lease[]> {
    return this.#state.acquire(this.identity, shardIds, mayTakeLapsed);
  }

  async pass(shardId: number, epoch: number, to: NodeIdentity | undefined): Promise<Lease | undefined> {
    return this.#state.pass(this.identity, shardId, epoch, to);
  }

  async leave(): Promise<void> {
    this.#state.leave(this.identity);
  }

  /** Always everything: it is read from this machine's disk. */
  loadTail(shardId: number): Promise<StoredTail> {
    return loadTail(this.#options.files(shardId), this.#options.onUnreadable);
  }

  openTail(shardId: number, epoch: number): OpenTail {
    const { files, openTails } = this.#options;
    const isHeld = () => this.#state.holds(this.identity, shardId, epoch);
    const tail = new EmbeddedTail(files(shardId), isHeld, () => openTails.delete(tail));
    openTails.add(tail);
    return tail;
  }

  async publish(message: ClusterMessage): Promise<void> {
    this.#state.publish(this.identity, message);
  }

  subscribe(listener: (message: ClusterMessage) => void): Disposable {
    return this.#state.subscribe(this.identity, listener);
  }
}
