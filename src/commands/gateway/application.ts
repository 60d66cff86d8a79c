/**
 * One Discord application at this node: joins its deployment, learns how many shards there are, holds those that the cluster
 * gives to this node, and stops for good where Discord refuses the bot.
 */
import {
  type ClusterStore,
  joinDeployment,
  type Member,
  type Membership,
  type NodeIdentity,
  Ownership,
  untilAnswered,
} from '../../cluster/index.ts';
import type { ApplicationConfig, GatewayConfig } from '../../config/index.ts';
import { EventLog, type LogMemory, type TailCompressor } from '../../log/index.ts';
import { type Logger, moduleLogger } from '../../observability/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import { reasonOf } from '../../runtime/reason-of.ts';
import { IdentifyGate, InformationSource, UpstreamShard } from '../../upstream/index.ts';
import type { RelayTarget, ShardDirectory } from '../../workers/index.ts';
import { fingerprintsOf } from './fingerprints.ts';
import { Fitness } from './fitness.ts';
import { HeldShard } from './held-shard.ts';
import { HeldShards, type ShardRoutes } from './held-shards.ts';
import { LeaseDoubt } from './lease-doubt.ts';
import { MembersLog } from './members-log.ts';

export interface ApplicationOptions {
  readonly config: GatewayConfig;
  readonly application: ApplicationConfig;
  readonly store: ClusterStore;
  /** Nobody else can use the store. */
  readonly isAlone: boolean;
  readonly memory: LogMemory;
  readonly tailCompressor: TailCompressor;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Discord will not have this application (any more): bad token, intents, shards. */
  readonly onStopped: (reason: string) => void;
}

/** What there is only once the node listens. */
export interface ApplicationStart {
  readonly identity: NodeIdentity;
  /** `host:port` at which other nodes reach this one. */
  readonly address: string;
  readonly routes: ShardRoutes;
  readonly sendWorkersAway: (shardId: number) => void;
  readonly askHeldShards: (member: Member) => Promise<ReadonlyMap<number, number>>;
  /** Another process has taken this node's id. */
  readonly onReplaced: (by: Member) => void;
  /** Others have started with settings that this node does not fit, while it was silent. */
  readonly onRefused: (reason: string) => void;
}

/** How often logs are looked through for segments that are too old. */
const TRIM_INTERVAL_MS = 5_000;

interface Joined {
  readonly membership: Membership;
  readonly ownership: Ownership;
  readonly shards: HeldShards;
  readonly doubt: LeaseDoubt;
}

export class Application implements ShardDirectory, AsyncDisposable {
  readonly id: string;
  readonly gate: IdentifyGate;
  /** A shard was handed over to another node, and so long no node served it. Unit: ms. */
  onMoved: (ms: number) => void = () => undefined;
  readonly #options: ApplicationOptions;
  readonly #logger: Logger;
  readonly #clusterLog: Logger;
  readonly #information: InformationSource;
  readonly #lifetime = new AbortController();
  readonly #subscribers = new Set<() => void>();
  readonly #fitness: Fitness;
  #shardCount: number | undefined;
  #joining: Promise<Membership | undefined> | undefined;
  #joined: Joined | undefined;
  #stoppedReason: string | undefined;
  #waitingReason: string | undefined;
  #trimTimer: Disposable | undefined;
  #isDraining = false;

  constructor(options: ApplicationOptions) {
    const { application, clock, logger, store, config } = options;
    this.#options = options;
    this.id = application.id;
    this.#logger = moduleLogger(logger, 'upstream').child({ application: application.id });
    this.#clusterLog = moduleLogger(logger, 'cluster').child({ application: application.id });
    this.#fitness = new Fitness({
      unfitAfterMs: config.cluster.unfitAfterMs,
      clock,
      shards: () => this.shards,
      log: this.#clusterLog,
    });
    this.#information = new InformationSource({
      apiUrl: application.apiUrl,
      token: application.token.reveal(),
      clock,
      random: Math.random,
      log: this.#logger,
      signal: this.#lifetime.signal,
      onUnauthorized: (reason) => this.#stop(reason),
    });
    this.gate = new IdentifyGate({
      slots: store.slots,
      clock,
      random: Math.random,
      reserve: application.identifyReserve,
      fetchBudget: () => this.#information.getBudget(),
      onBudgetHeld: (held) =>
        this.#logger.error(
          held,
          "Discord's IDENTIFY budget is down to the reserve: no IDENTIFY until it resets",
        ),
      onStoreProblem: (reason) =>
        this.#logger.error({ reason }, 'identify slots can not be asked for: no IDENTIFY until they can'),
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

  get stoppedReason(): string | undefined {
    return this.#stoppedReason;
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
    return this.#information.problem;
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
    const { config, application, store, clock } = this.#options;
    const waiting = {
      clock,
      signal: this.#lifetime.signal,
      onWaiting: (reason: string) => {
        this.#waitingReason = reason;
        this.#clusterLog.info({}, reason);
      },
    };
    const shardCount = await this.#findShardCount(waiting);
    if (this.#lifetime.signal.aborted) return;
    this.#joining = joinDeployment({
      ...waiting,
      store,
      applicationId: application.id,
      identity: start.identity,
      state: { ...this.#memberState(start), isSteady: false },
      deployment: { shardCount, fingerprints: fingerprintsOf(config, application) },
    });
    const membership = await this.#joining;
    if (!membership || this.#lifetime.signal.aborted) return;
    this.#shardCount = shardCount;
    this.#joined = this.#join(membership, shardCount, start);
    this.#clusterLog.info({ shards: shardCount, node: start.identity.nodeId }, 'joined');
    this.#changed();
    this.#joined.ownership.start();
    this.#trim();
  }

  #join(membership: Membership, shardCount: number, start: ApplicationStart): Joined {
    const { config, clock, isAlone } = this.#options;
    const { leaseTtlMs, renewIntervalMs, maxParallelMoves } = config.cluster;
    const shards = new HeldShards({
      membership,
      clock,
      log: this.#clusterLog,
      createShard: (shardId) => this.#createShard(shardId, shardCount),
      createUpstream: (shard) => this.#createUpstream(shard),
      keepsTails: config.tail.store !== 'off' || !isAlone,
      routes: start.routes,
      sendWorkersAway: start.sendWorkersAway,
      onChanged: () => this.#changed(),
    });
    const membersLog = new MembersLog(start.identity.nodeId, this.#clusterLog);
    const ownership: Ownership = new Ownership({
      membership,
      applicationId: this.id,
      shardCount,
      state: () => this.#memberState(start),
      holder: shards,
      clock,
      leaseTtlMs,
      renewIntervalMs,
      maxParallelMoves,
      isAlone,
      log: this.#clusterLog,
      onView: () => {
        const nowMs = clock.now();
        const isSteady = ownership.contact.isSteady(nowMs);
        membersLog.update({ members: ownership.view.members, nowMs, isSteady });
        this.#changed();
      },
      onReplaced: start.onReplaced,
      onRefused: start.onRefused,
    });
    ownership.moves.onDuration = (ms) => this.onMoved(ms);
    const { askHeldShards } = start;
    const doubt = new LeaseDoubt({ ownership, askHeldShards, clock, log: this.#clusterLog });
    return { membership, ownership, shards, doubt };
  }

  #memberState({ address }: ApplicationStart) {
    const { weight } = this.#options.config.cluster;
    return { address, weight, isDraining: this.#isDraining || !this.#fitness.isFit };
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
    this.#trimTimer?.[Symbol.dispose]();
    const joined = this.#joined;
    await joined?.ownership[Symbol.asyncDispose]();
    await joined?.shards.close();
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
    this.#joined?.shards[Symbol.dispose]();
  }

  /**
   * The configured number; else that of the deployment, whose sessions another number would throw away; else Discord's
   * recommendation.
   */
  async #findShardCount(waiting: Parameters<typeof untilAnswered>[1]): Promise<number> {
    const { application, store } = this.#options;
    if (application.shardCount !== 'auto') return application.shardCount;
    const stored = await untilAnswered(() => store.readDeployment(), waiting);
    if (stored === undefined) return (await this.#information.get()).shards;
    this.#clusterLog.info(
      { shards: stored.shardCount },
      'keeping the number of shards of the sessions that can be resumed',
    );
    return stored.shardCount;
  }

  #createShard(shardId: number, shardCount: number): HeldShard {
    const { config, clock, logger, memory, tailCompressor } = this.#options;
    return new HeldShard({
      shardId,
      shardCount,
      log: new EventLog({
        maxBytes: config.eventLog.maxBytesPerShard,
        maxAgeMs: config.eventLog.maxAgeMs,
        memory,
      }),
      tailCompressor,
      tailFlush: { intervalMs: config.tail.flushIntervalMs, bytes: config.tail.flushBytes },
      clock,
      logger: logger.child({ module: 'log', application: this.id, shard: shardId }),
      onServingChanged: () => this.#changed(),
    });
  }

  #createUpstream(shard: HeldShard): UpstreamShard | undefined {
    if (this.#stoppedReason !== undefined) return undefined;
    const { config, application, clock } = this.#options;
    const { shardId, shardCount } = shard;
    return new UpstreamShard({
      shardId,
      shardCount,
      token: application.token.reveal(),
      intents: application.intents,
      compression: application.compression,
      ...(application.presence && { presence: application.presence }),
      ...(application.largeThreshold !== undefined && { largeThreshold: application.largeThreshold }),
      ...(shard.session && { session: shard.session }),
      gatewayUrl: async () => application.gatewayUrl ?? (await this.#information.get()).url,
      gate: this.gate,
      mayConnect: async () => this.#joined?.doubt.mayConnect(shardId),
      sink: shard,
      clock,
      random: Math.random,
      log: this.#logger.child({ shard: shardId }),
      maxQueuedCommands: config.workers.maxQueuedCommandsPerShard,
      onStopped: (_closeCode, reason) => this.#stop(reason),
    });
  }

  #trim(): void {
    const { clock, config } = this.#options;
    for (const shard of this.shards) shard.log.trim(clock.now());
    const intervalMs = Math.min(TRIM_INTERVAL_MS, config.eventLog.maxAgeMs);
    this.#trimTimer = clock.setTimer(() => this.#trim(), intervalMs);
  }

  #stop(reason: string): void {
    if (this.#stoppedReason !== undefined) return;
    this.#stoppedReason = reason;
    this.#logger.error({ reason }, 'this application is stopped and will not be tried again');
    for (const shard of this.shards) void shard.upstream?.[Symbol.asyncDispose]();
    this.#options.onStopped(reason);
    this.#changed();
  }

  #changed(): void {
    for (const subscriber of [...this.#subscribers]) subscriber();
  }
}
