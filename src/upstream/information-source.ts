/**
 * Discord's answer to GET /gateway/bot for whoever needs it, asked for once and as long as it takes: with growing pauses
 * while Discord can't be reached, and never again after it refused the token.
 */
import { backoffMs } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { sleep } from '../runtime/sleep.ts';
import {
  type DiscordApi,
  type FetchGatewayInformation,
  fetchGatewayInformation,
  type GatewayInformation,
} from './gateway-information.ts';
import type { IdentifyBudget, UpstreamLog } from './ports.ts';

export interface InformationSourceOptions {
  readonly api: DiscordApi;
  readonly token: string;
  readonly clock: Clock;
  /** In [0, 1), for back-off. */
  readonly random: () => number;
  readonly log: UpstreamLog;
  /** Ends all asking. */
  readonly signal: AbortSignal;
  readonly onUnauthorized: (reason: string) => void;
  /** How Discord is asked, where that has to wait for its turn. */
  readonly fetch?: FetchGatewayInformation;
}

/** An answer older than this says nothing about the budget. */
const MAX_BUDGET_AGE_MS = 10_000;

/** However long Discord says: a day's ban is better looked at once an hour than trusted to a timer. */
const MAX_RETRY_AFTER_MS = 3_600_000;

const BACKOFF = { firstMs: 1_000, maxMs: 30_000 };

interface Answered {
  readonly information: GatewayInformation;
  readonly atMs: number;
}

export class InformationSource {
  readonly #options: InformationSourceOptions;
  #answer: Promise<GatewayInformation> | undefined;
  /** What `#answer` resolved with; undefined while it is waited for. */
  #answered: Answered | undefined;
  #problem: string | undefined;

  constructor(options: InformationSourceOptions) {
    this.#options = options;
  }

  /** Why Discord can't be asked, while it can't. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Never rejects; never resolves after a refusal or the end. */
  get(): Promise<GatewayInformation> {
    this.#answer ??= this.#askUntilAnswered().then((information) => {
      this.#answered = { information, atMs: this.#options.clock.now() };
      return information;
    });
    return this.#answer;
  }

  /** The budget as of now: asks anew where the last answer is not of these seconds, or its reset has passed. Never rejects. */
  async getBudget(): Promise<IdentifyBudget> {
    const { clock } = this.#options;
    if (this.#answered && isOld(this.#answered, clock.now())) {
      this.#answer = undefined;
      this.#answered = undefined;
    }
    const { sessionStartLimit } = await this.get();
    const { maxConcurrency, remaining, resetAfterMs } = sessionStartLimit;
    const ageMs = this.#answered ? clock.now() - this.#answered.atMs : 0;
    return { maxConcurrency, remaining, resetAfterMs: Math.max(0, resetAfterMs - ageMs) };
  }

  async #askUntilAnswered(): Promise<GatewayInformation> {
    const { api, token, clock, signal, random, log, onUnauthorized } = this.#options;
    const fetch = this.#options.fetch ?? fetchGatewayInformation;
    for (let failures = 1; !signal.aborted; failures++) {
      const result = await fetch(api, token, signal);
      if (result.kind === 'ok') {
        this.#problem = undefined;
        return result.information;
      }
      if (result.kind === 'unauthorized') {
        onUnauthorized(
          'Discord refused the bot token (401): set discord.token to the current one from the developer portal',
        );
        break;
      }
      if (signal.aborted) break;
      this.#problem = result.reason;
      const retryAfterMs = Math.min(result.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
      const waitMs = Math.max(retryAfterMs, backoffMs(failures, random(), BACKOFF));
      log.warn({ reason: result.reason, retryInMs: waitMs }, 'Discord can not be asked how to connect');
      await sleep(clock, waitMs, signal).catch(() => undefined);
    }
    return new Promise(() => undefined);
  }
}

function isOld({ information, atMs }: Answered, nowMs: number): boolean {
  const ageMs = nowMs - atMs;
  return ageMs > MAX_BUDGET_AGE_MS || ageMs >= information.sessionStartLimit.resetAfterMs;
}
