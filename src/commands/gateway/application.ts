/**
 * One Discord application at this node: joins its deployment, learns how many shards there are, holds those that the cluster
 * gives to this node, and stops for good where Discord refuses the bot.
 */
import {
  joinDeployment,
  type MemberState,
  type Membership,
  type Ownership,
  untilAnswered,
} from '../../cluster/index.ts';
import { type Logger, moduleLogger } from '../../observability/index.ts';
import { reasonOf } from '../../runtime/reason-of.ts';
import type { IdentifyGate } from '../../upstream/index.ts';
import type { RelayTarget, ShardDirectory } from '../../workers/index.ts';
import type { ApplicationOptions, ApplicationStart } from './application-options.ts';
import { ApplicationUpstream } from './application-upstream.ts';
import { fingerprintsOf } from './fingerprints.ts';
import { Fitness } from './fitness.ts';
import type { HeldShard } from './held-shard.ts';
import { JoinedApplication } from './joined-application.ts';

export class Application implements ShardDirectory, AsyncDisposable {
  readonly id: string;
  /** A shard was handed over to another node, and so long no node served it. Unit: ms. */
  onMoved: (ms: number) => void = () => undefined;
  readonly #options: ApplicationOptions;
  readonly #clusterLog: Logger;
  readonly #upstream: ApplicationUpstream;
  readonly #lifetime = new AbortController();
  readonly #subscribers = new Set<() => void>();
  readonly #fitness: Fitness;
  #shardCount: number | undefined;
  #joining: Promise<Membership | undefined> | undefined;
  #joined: JoinedApplication | undefined;
  #waitingReason: string | undefined;
  #isDraining = false;

  constructor(options: ApplicationOptions) {
    const { application, clock, logger, store, config } = options;
    this.#options = options;
    this.id = application.id;
    this.#clusterLog = moduleLogger(logger, 'cluster').child({ application: application.id });
    this.#fitness = new Fitness({
      unfitAfterMs: config.cluster.unfitAfterMs,
      clock,
      shards: () => this.shards,
      log: this.#clusterLog,
    });
    this.#upstream = new ApplicationUpstream({
      application,
      slots: store.slots,
      maxQueuedCommands: config.workers.maxQueuedCommandsPerShard,
      clock,
      log: moduleLogger(logger, 'upstream').child({ application: application.id }),
      signal: this.#lifetime.signal,
      mayConnect: async (shardId) => this.#joined?.doubt.mayConnect(shardId),
      onStopped: (reason) => this.#onStopped(reason),
    });
  }

  get shardCount(): number | undefined {
    return this.#shardCount;
  }

  /** Those that are here. */
  get shards(): readonly HeldShard[] {
    return this.#joined ? [...this.#joined.shards.here.values()] : [];
  }

  get ownership(): Ownership | undefined {
    return this.#joined?.ownership;
  }

  get gate(): IdentifyGate {
    return this.#upstream.gate;
  }

  get stoppedReason(): string | undefined {
    return this.#upstream.stoppedReason;
  }

  /** What has to happen before it can join, where that is not up to Discord. */
  get waitingReason(): string | undefined {
    return this.#waitingReason;
  }

  /** It has left its shards to other nodes, because it could not connect any of them. */
  get isUnfit(): boolean {
    return this.#fitness.isUnfit;
  }

  /** Why Discord can't be asked how to connect, while it can't. */
  get informationProblem(): string | undefined {
    return this.#upstream.information.problem;
  }

  shard(shardId: number): HeldShard | undefined {
    return this.#joined?.shards.here.get(shardId);
  }

  ownerElsewhere(shardId: number): RelayTarget | undefined {
    return this.#joined?.ownership.ownerElsewhere(shardId);
  }

  isExpected(shardId: number): boolean {
    return this.#joined?.shards.isExpected(shardId) ?? false;
  }

  subscribe(onChange: () => void): Disposable {
    this.#subscribers.add(onChange);
    return { [Symbol.dispose]: () => this.#subscribers.delete(onChange) };
  }

  /**
   * Joins and begins to hold shards; resolves when it has joined, or when the application was stopped.
   * @throws {ClusterStoreError} the deployment refuses this node.
   */
  async start(start: ApplicationStart): Promise<void> {
    const { config, application, store } = this.#options;
    const shardCount = await this.#findShardCount();
    if (this.#lifetime.signal.aborted) return;
    this.#joining = joinDeployment({
      ...this.#waiting,
      store,
      applicationId: application.id,
      identity: start.identity,
      state: { ...this.#memberState(start), isSteady: false },
      deployment: { shardCount, fingerprints: fingerprintsOf(config, application) },
    });
    const membership = await this.#joining;
    if (!membership || this.#lifetime.signal.aborted) return;
    this.#shardCount = shardCount;
    this.#joined = new JoinedApplication({
      application: this.#options,
      start,
      membership,
      shardCount,
      upstream: this.#upstream,
      state: () => this.#memberState(start),
      log: this.#clusterLog,
      onChanged: () => this.#changed(),
      onMoved: (ms) => this.onMoved(ms),
    });
    this.#clusterLog.info({ shards: shardCount, node: start.identity.nodeId }, 'joined');
    this.#changed();
    this.#joined.start();
  }

  /** How the store is waited for. */
  get #waiting() {
    return {
      clock: this.#options.clock,
      signal: this.#lifetime.signal,
      onWaiting: (reason: string) => {
        this.#waitingReason = reason;
        this.#clusterLog.info({}, reason);
      },
    };
  }

  #memberState({ address }: ApplicationStart): Omit<MemberState, 'isSteady'> {
    const { weight } = this.#options.config.cluster;
    return { address, weight, isDraining: this.#isDraining, reach: this.#fitness.reach };
  }

  /** Hands all shards over to the other nodes, as far as there are any, until `signal` aborts. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#isDraining = true;
    await this.#joined?.ownership.drain(signal);
  }

  /**
   * Closes every upstream connection so that its session stays, writes the tails to their ends, and gives the leases back. The
   * logs stay: workers still read from them.
   */
  async close(): Promise<void> {
    this.#lifetime.abort();
    await this.#joined?.close();
    // One that was only just joined, too: to the others it would be there until it lapses.
    const membership = await this.#joining?.catch(() => undefined);
    if (membership) await this.#leave(membership);
  }

  async #leave(membership: Membership): Promise<void> {
    try {
      await membership.leave();
      await membership.publish({ from: membership.identity.nodeId, kind: 'changed' });
    } catch (error) {
      this.#clusterLog.warn(
        { reason: reasonOf(error) },
        'the leases could not be given back; they will lapse',
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    this.#joined?.[Symbol.dispose]();
  }

  /**
   * The configured number; else that of the deployment, whose sessions another number would throw away; else Discord's
   * recommendation.
   */
  async #findShardCount(): Promise<number> {
    const { application, store } = this.#options;
    if (application.shardCount !== 'auto') return application.shardCount;
    const stored = await untilAnswered(() => store.readDeployment(), this.#waiting);
    if (stored === undefined) return (await this.#upstream.information.get()).shards;
    this.#clusterLog.info(
      { shards: stored.shardCount },
      'keeping the number of shards of the sessions that can be resumed',
    );
    return stored.shardCount;
  }

  #onStopped(reason: string): void {
    for (const shard of this.shards) void shard.upstream?.[Symbol.asyncDispose]();
    this.#options.onStopped(reason);
    this.#changed();
  }

  #changed(): void {
    for (const subscriber of [...this.#subscribers]) subscriber();
  }
}
