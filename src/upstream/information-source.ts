/**
 * Discord's answer to GET /gateway/bot for whoever needs it, asked for once and as long as it takes: with growing pauses
 * while Discord can't be reached, and never again after it refused the token.
 */
import { abortable } from '../runtime/abortable.ts';
import { backoffMs } from '../runtime/backoff.ts';
import type { Clock } from '../runtime/clock.ts';
import { fetchGatewayInformation, type GatewayInformation } from './gateway-information.ts';
import type { IdentifyBudget } from './identify-gate.ts';
import type { UpstreamLog } from './ports.ts';

export interface InformationSourceOptions {
  readonly apiUrl: string;
  readonly token: string;
  readonly clock: Clock;
  /** In [0, 1), for back-off. */
  readonly random: () => number;
  readonly log: UpstreamLog;
  /** Ends all asking. */
  readonly signal: AbortSignal;
  readonly onUnauthorized: (reason: string) => void;
}

const BACKOFF = { firstMs: 1_000, maxMs: 30_000 };

export class InformationSource {
  readonly #options: InformationSourceOptions;
  #answer: Promise<GatewayInformation> | undefined;
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
    this.#answer ??= this.#askUntilAnswered();
    return this.#answer;
  }

  /** The budget as of now. What else was answered is asked for again by the next who needs it. */
  async takeBudget(): Promise<IdentifyBudget> {
    const askedAtMs = this.#options.clock.now();
    const { sessionStartLimit } = await this.get();
    this.#answer = undefined;
    return {
      maxConcurrency: sessionStartLimit.maxConcurrency,
      remaining: sessionStartLimit.remaining,
      resetAtMs: askedAtMs + sessionStartLimit.resetAfterMs,
    };
  }

  async #askUntilAnswered(): Promise<GatewayInformation> {
    const { apiUrl, token, signal, random, log, onUnauthorized } = this.#options;
    for (let failures = 1; !signal.aborted; failures++) {
      const result = await fetchGatewayInformation(apiUrl, token, signal);
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
      const waitMs = Math.max(result.retryAfterMs ?? 0, backoffMs(failures, random(), BACKOFF));
      log.warn({ reason: result.reason, retryInMs: waitMs }, 'Discord can not be asked how to connect');
      await this.#wait(waitMs);
    }
    return new Promise(() => undefined);
  }

  async #wait(ms: number): Promise<void> {
    const { clock, signal } = this.#options;
    let timer: Disposable | undefined;
    const elapsed = new Promise<void>((resolve) => {
      timer = clock.setTimer(resolve, ms);
    });
    await abortable(elapsed, signal)
      .catch(() => undefined)
      .finally(() => timer?.[Symbol.dispose]());
  }
}
