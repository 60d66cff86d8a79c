/** An application at this node once it has joined its deployment: which shards are to be here, and those that are. */
import { type MemberState, type Membership, Ownership } from '../../cluster/index.ts';
import { EventLog } from '../../log/index.ts';
import { type Logger, moduleLogger } from '../../observability/index.ts';
import type { ApplicationOptions, ApplicationStart } from './application-options.ts';
import type { ApplicationUpstream } from './application-upstream.ts';
import { HeldShard } from './held-shard.ts';
import { HeldShards } from './held-shards.ts';
import { LeaseDoubt } from './lease-doubt.ts';
import { MembersLog } from './members-log.ts';
import { createRequests } from './shard-requests.ts';

export interface JoinedApplicationOptions {
  readonly application: ApplicationOptions;
  readonly start: ApplicationStart;
  readonly membership: Membership;
  readonly shardCount: number;
  readonly upstream: ApplicationUpstream;
  /** Of this node, as of now. */
  readonly state: () => Omit<MemberState, 'isSteady'>;
  readonly log: Logger;
  /** Shards, owners or members have changed. */
  readonly onChanged: () => void;
  /** A shard was handed over to another node, and so long no node served it. Unit: ms. */
  readonly onMoved: (ms: number) => void;
}

/** How often logs are looked through for segments that are too old. */
const TRIM_INTERVAL_MS = 5_000;

export class JoinedApplication implements Disposable {
  readonly ownership: Ownership;
  readonly shards: HeldShards;
  readonly doubt: LeaseDoubt;
  readonly #options: JoinedApplicationOptions;
  readonly #membersLog: MembersLog;
  #trimTimer: Disposable | undefined;

  constructor(options: JoinedApplicationOptions) {
    const { application, start, log, onMoved } = options;
    const { clock } = application;
    this.#options = options;
    this.#membersLog = new MembersLog(start.identity.nodeId, log);
    this.shards = this.#createShards();
    this.ownership = this.#createOwnership();
    this.ownership.moves.onDuration = onMoved;
    const { askHeldShards } = start;
    this.doubt = new LeaseDoubt({ ownership: this.ownership, askHeldShards, clock, log });
  }

  #createShards(): HeldShards {
    const { application, start, membership, upstream, log, onChanged } = this.#options;
    const { config, isAlone, clock } = application;
    return new HeldShards({
      membership,
      clock,
      log,
      createShard: (shardId) => this.#createShard(shardId),
      createUpstream: (shard) => upstream.create(shard),
      keepsTails: config.tail.store !== 'off' || !isAlone,
      routes: start.routes,
      sendWorkersAway: start.sendWorkersAway,
      onChanged,
    });
  }

  #createOwnership(): Ownership {
    const { application, start, membership, shardCount, state, log } = this.#options;
    const { leaseTtlMs, renewIntervalMs, maxParallelMoves } = application.config.cluster;
    return new Ownership({
      membership,
      applicationId: application.application.id,
      shardCount,
      state,
      holder: this.shards,
      clock: application.clock,
      leaseTtlMs,
      renewIntervalMs,
      maxParallelMoves,
      isAlone: application.isAlone,
      log,
      onView: () => this.#onView(),
      onReplaced: start.onReplaced,
      onRefused: start.onRefused,
    });
  }

  #onView(): void {
    const { contact, view } = this.ownership;
    const nowMs = this.#options.application.clock.now();
    this.#membersLog.update({ members: view.members, nowMs, isSteady: contact.isSteady(nowMs) });
    this.#options.onChanged();
  }

  #createShard(shardId: number): HeldShard {
    const { application, shardCount, onChanged } = this.#options;
    const { config, clock, logger, memory, tailCompressor, guildState } = application;
    const { id } = application.application;
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
      logger: logger.child({ module: 'log', application: id, shard: shardId }),
      createRequests: (shard) =>
        createRequests(shard, {
          intents: application.application.intents,
          maxUnanswered: config.workers.maxQueuedCommandsPerShard,
          clock,
          log: moduleLogger(logger, 'requests').child({ application: id, shard: shardId }),
        }),
      voiceMode: config.workers.voice,
      guildState,
      loadGuilds: () => this.#options.membership.loadGuilds(shardId),
      onServingChanged: onChanged,
    });
  }

  /** Begins to hold shards. */
  start(): void {
    this.ownership.start();
    this.#trim();
  }

  #trim(): void {
    const { clock, config } = this.#options.application;
    for (const shard of this.shards.here.values()) shard.trimLog();
    const intervalMs = Math.min(TRIM_INTERVAL_MS, config.eventLog.maxAgeMs);
    this.#trimTimer = clock.setTimer(() => this.#trim(), intervalMs);
  }

  /** Closes every upstream connection so that its session stays, and writes the tails to their ends. The logs stay. */
  async close(): Promise<void> {
    this.#trimTimer?.[Symbol.dispose]();
    await this.ownership[Symbol.asyncDispose]();
    await this.shards.close();
  }

  /** After `close`: gives the logs' memory back. */
  [Symbol.dispose](): void {
    this.shards[Symbol.dispose]();
  }
}
