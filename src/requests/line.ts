/**
 * Requests on their way to Discord. Few of them are in the shard's queue of commands at a time, so that other commands do not
 * wait behind hundreds. Those in line are bounded by those who wait for them: `sweep` is called when one of these has left.
 */
import type { Clock } from '../runtime/clock.ts';
import type { Upstream } from './ports.ts';
import type { Question } from './question.ts';

/** Requests that wait in the queue of commands. */
const MAX_QUEUED = 8;

/** When a queue that had no room is tried again. */
const RETRY_MS = 1_000;

/** One payload, which may ask several questions. */
export interface Sending {
  readonly questions: readonly Question[];
  readonly payload: string;
}

export interface LineOptions {
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly onLeft: (sending: Sending, isSent: boolean) => void;
}

export class Line implements Disposable {
  readonly #options: LineOptions;
  #sendings: Sending[] = [];
  #queued = 0;
  #isPumping = false;
  #retry: Disposable | undefined;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  add(sending: Sending): void {
    this.#sendings.push(sending);
    this.#pump();
  }

  /** Nobody wants some of them any more, maybe: who asks and leaves, again and again, does not fill the line. */
  sweep(): void {
    const unwanted = this.#sendings.filter((sending) => !isWanted(sending));
    if (unwanted.length === 0) return;
    this.#sendings = this.#sendings.filter(isWanted);
    for (const sending of unwanted) this.#options.onLeft(sending, false);
  }

  [Symbol.dispose](): void {
    this.#retry?.[Symbol.dispose]();
    this.#sendings.length = 0;
  }

  /** What is sent at once leaves the queue while this runs. */
  #pump(): void {
    if (this.#isPumping || this.#retry) return;
    this.#isPumping = true;
    while (this.#queued < MAX_QUEUED) {
      const sending = this.#sendings.shift();
      if (!sending) break;
      this.#queued++;
      if (this.#submit(sending)) continue;
      this.#queued--;
      this.#sendings.unshift(sending);
      this.#retryLater();
      break;
    }
    this.#isPumping = false;
  }

  #submit(sending: Sending): boolean {
    return this.#options.upstream.send({
      payload: () => (isWanted(sending) ? sending.payload : undefined),
      onLeft: (isSent) => {
        this.#queued--;
        // Wanted, and not sent: the queue has ended. Where the shard stays after all, there will be another.
        if (!isSent && isWanted(sending)) this.#sendings.push(sending);
        else this.#options.onLeft(sending, isSent);
        this.#pump();
      },
    });
  }

  #retryLater(): void {
    this.#retry = this.#options.clock.setTimer(() => {
      this.#retry = undefined;
      this.#pump();
    }, RETRY_MS);
  }
}

function isWanted({ questions }: Sending): boolean {
  return questions.some(({ asks }) => asks.size > 0);
}
