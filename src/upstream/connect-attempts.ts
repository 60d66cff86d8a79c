/** When a shard tries to connect again, and where: pauses that grow, and never an address that may be dead for good. */
import { backoffMs } from '../runtime/backoff.ts';
import type { UpstreamSession } from './ports.ts';
import type { UpstreamShardOptions } from './shard-options.ts';

/** Failed connects after which a RESUME is tried at the gateway's own address too: Discord may have retired the session's. */
const RESUME_URL_ATTEMPTS = 2;

/** https://discord.com/developers/docs/events/gateway#resuming: wait 1 to 5 seconds after op 9 before IDENTIFY. */
const INVALID_SESSION_PAUSE = { minMs: 1_000, spreadMs: 4_000 };

const CONNECT_BACKOFF = { firstMs: 1_000, maxMs: 30_000 };

export class ConnectAttempts implements Disposable {
  readonly #options: Pick<UpstreamShardOptions, 'clock' | 'random' | 'gatewayUrl'>;
  /** Since the last connection that got as far as READY or RESUMED. */
  #failed = 0;
  /** What Discord wants a client to wait after a session was refused. */
  #pauseMs = 0;
  #gatewayUrl = '';
  #wake: Disposable | undefined;

  constructor(options: Pick<UpstreamShardOptions, 'clock' | 'random' | 'gatewayUrl'>) {
    this.#options = options;
  }

  /** Empty until it was learnt. */
  get gatewayUrl(): string {
    return this.#gatewayUrl;
  }

  /** Where to RESUME: every second time at the gateway's own address, once the session's has failed a few times. */
  resumeUrl(session: UpstreamSession): string {
    const isDoubtful = this.#failed > RESUME_URL_ATTEMPTS && this.#failed % 2 === 1;
    return isDoubtful && this.#gatewayUrl !== '' ? this.#gatewayUrl : session.resumeUrl;
  }

  /** Waits for as long as it takes until the next. Does not resolve once disposed of. */
  async begin(): Promise<void> {
    const { clock, random } = this.#options;
    const waitMs = Math.max(this.#pauseMs, backoffMs(this.#failed, random(), CONNECT_BACKOFF));
    this.#pauseMs = 0;
    this.#failed++;
    if (waitMs <= 0) return;
    await new Promise<void>((resolve) => {
      this.#wake = clock.setTimer(resolve, waitMs);
    });
  }

  /** A RESUME must not wait for Discord's API. */
  async learnGatewayUrl(isResume: boolean): Promise<void> {
    const learnt = async () => {
      this.#gatewayUrl = await this.#options.gatewayUrl();
    };
    if (!isResume) await learnt();
    else if (this.#failed >= RESUME_URL_ATTEMPTS) void learnt();
  }

  succeeded(): void {
    this.#failed = 0;
  }

  onSessionRefused(): void {
    this.#pauseMs = INVALID_SESSION_PAUSE.minMs + this.#options.random() * INVALID_SESSION_PAUSE.spreadMs;
  }

  [Symbol.dispose](): void {
    this.#wake?.[Symbol.dispose]();
  }
}
