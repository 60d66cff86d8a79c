/**
 * What one application has with Discord: how to connect, the turns to IDENTIFY, and the connections of its shards. Where Discord
 * refuses the bot, all of that is over for good.
 */
import type { ApplicationConfig } from '../../config/index.ts';
import type { Logger } from '../../observability/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import { IdentifyGate, type IdentifySlots, InformationSource, UpstreamShard } from '../../upstream/index.ts';
import { discordApiOf } from '../discord-api.ts';
import type { HeldShard } from './held-shard.ts';

export interface ApplicationUpstreamOptions {
  readonly application: ApplicationConfig;
  readonly slots: IdentifySlots;
  readonly maxQueuedCommands: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Ends all asking. */
  readonly signal: AbortSignal;
  /** Resolves when a shard may connect, as far as its lease goes. */
  readonly mayConnect: (shardId: number) => Promise<void>;
  /** Discord will not have this application (any more). Called once. */
  readonly onStopped: (reason: string) => void;
}

export class ApplicationUpstream {
  readonly gate: IdentifyGate;
  readonly information: InformationSource;
  readonly #options: ApplicationUpstreamOptions;
  #stoppedReason: string | undefined;

  constructor(options: ApplicationUpstreamOptions) {
    const { application, slots, clock, log, signal } = options;
    this.#options = options;
    this.information = new InformationSource({
      api: discordApiOf(application),
      token: application.token.reveal(),
      clock,
      random: Math.random,
      log,
      signal,
      onUnauthorized: (reason) => this.#stop(reason),
    });
    this.gate = new IdentifyGate({
      slots,
      clock,
      random: Math.random,
      reserve: application.identifyReserve,
      fetchBudget: () => this.information.getBudget(),
      onBudgetHeld: (held) =>
        log.error(held, "Discord's IDENTIFY budget is down to the reserve: no IDENTIFY until it resets"),
      onStoreProblem: (reason) =>
        log.error({ reason }, 'identify slots can not be asked for: no IDENTIFY until they can'),
    });
  }

  get stoppedReason(): string | undefined {
    return this.#stoppedReason;
  }

  /** A connection for the shard, not yet started; `undefined` where Discord has refused the application. */
  create(shard: HeldShard): UpstreamShard | undefined {
    if (this.#stoppedReason !== undefined) return undefined;
    const { application, clock, log, maxQueuedCommands, mayConnect } = this.#options;
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
      gatewayUrl: async () => application.gatewayUrl ?? (await this.information.get()).url,
      gate: this.gate,
      mayConnect: () => mayConnect(shardId),
      sink: shard,
      clock,
      random: Math.random,
      log: log.child({ shard: shardId }),
      maxQueuedCommands,
      onStopped: (_closeCode, reason) => this.#stop(reason),
    });
  }

  #stop(reason: string): void {
    if (this.#stoppedReason !== undefined) return;
    this.#stoppedReason = reason;
    this.#options.log.error({ reason }, 'this application is stopped and will not be tried again');
    this.#options.onStopped(reason);
  }
}
