/**
 * What a node alone has in the place of Redis: membership and leases in memory, tails, guilds and identify slots on disk, or in memory
 * where nothing is kept. `lockDirectory` keeps other nodes off the disk, so what an earlier process left is free at once.
 */
import type { GuildStore, StoredGuilds } from '../../guilds/index.ts';
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
import { EmbeddedGuilds, loadGuilds } from './embedded-guilds.ts';
import { EmbeddedState } from './embedded-state.ts';
import { EmbeddedTail, loadTail } from './embedded-tail.ts';
import type { GuildFiles } from './guild-files.ts';
import { EmbeddedIdentifySlots } from './identify-slots.ts';
import type { TailFiles } from './tail-files.ts';
import { UnkeptGuilds } from './unkept-guilds.ts';

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
  readonly #open = new Set<AsyncDisposable>();
  /** By number of shards and shard: one for all who joined. */
  readonly #guilds = new Map<string, GuildFiles>();

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
      guilds: (shardId) => this.#guildsOf(shardId, shardCount),
      open: this.#open,
      onUnreadable,
    });
    return { kind: 'joined', membership };
  }

  #guildsOf(shardId: number, shardCount: number): GuildFiles | undefined {
    const { directory, onUnreadable } = this.#options;
    const key = `${shardCount}:${shardId}`;
    const files = this.#guilds.get(key) ?? directory?.guilds(shardId, shardCount, onUnreadable);
    if (files) this.#guilds.set(key, files);
    return files;
  }

  /** Closes what is still open; for all who joined. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open].map((store) => store[Symbol.asyncDispose]()));
    this.#open.clear();
  }
}

interface MembershipOptions {
  readonly identity: NodeIdentity;
  readonly state: EmbeddedState;
  readonly files: (shardId: number) => TailFiles | undefined;
  readonly guilds: (shardId: number) => GuildFiles | undefined;
  /** Tails and guilds that are written to. */
  readonly open: Set<AsyncDisposable>;
  readonly onUnreadable: (path: string, reason: string) => void;
}

class EmbeddedMembership implements Membership {
  readonly identity: NodeIdentity;
  readonly #options: MembershipOptions;
  readonly #state: EmbeddedState;
  /** By shard: what of its guilds was read to the end or written last. */
  readonly #revisions = new Map<number, number>();

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
    const { files, open } = this.#options;
    const isHeld = () => this.#state.holds(this.identity, shardId, epoch);
    const tail = new EmbeddedTail(files(shardId), isHeld, () => open.delete(tail));
    open.add(tail);
    return tail;
  }

  async loadGuilds(shardId: number): Promise<StoredGuilds | undefined> {
    const files = this.#options.guilds(shardId);
    return files && loadGuilds(files, (revision) => this.#revisions.set(shardId, revision));
  }

  openGuilds(shardId: number, epoch: number): GuildStore {
    const { guilds, open } = this.#options;
    const files = guilds(shardId);
    if (!files) return new UnkeptGuilds();
    const store = new EmbeddedGuilds({
      files,
      shardId,
      revisions: this.#revisions,
      isHeld: () => this.#state.holds(this.identity, shardId, epoch),
      onClosed: () => open.delete(store),
    });
    open.add(store);
    return store;
  }

  async publish(message: ClusterMessage): Promise<void> {
    this.#state.publish(this.identity, message);
  }

  subscribe(listener: (message: ClusterMessage) => void): Disposable {
    return this.#state.subscribe(this.identity, listener);
  }
}
