/** What a balancer before the node asks: whether it takes requests. Not counted as requests of workers. */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/sleep.ts';
import type { OwnAnswer } from './own-answers.ts';

const PATH = '/healthz';

/** Who asked within this time looks again and again. */
const WATCHED_MS = 5_000;
/** Until haproxy.cfg has noticed: two checks, half a second and a fifth of a second apart, and as much again. */
const NOTICE_MS = 1_500;

export class Health {
  readonly #clock: Clock;
  #lastAskedAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `undefined` where it is another request. */
  answer({ url, method, headers }: IncomingMessage, isDraining: boolean): OwnAnswer | undefined {
    if (url !== PATH || method !== 'GET') return undefined;
    // With a body it has to be looked at like all others.
    if (headers['transfer-encoding'] !== undefined || headers['content-length'] !== undefined)
      return undefined;
    this.#lastAskedAtMs = this.#clock.now();
    return { status: isDraining ? 503 : 200, body: { status: isDraining ? 'draining' : 'ok' } };
  }

  /** Once it says 503: resolves when those who watch have had the time to see it, at once where nobody does. */
  async noticed(): Promise<void> {
    if (this.#clock.now() - this.#lastAskedAtMs < WATCHED_MS) await sleep(this.#clock, NOTICE_MS);
  }
}
