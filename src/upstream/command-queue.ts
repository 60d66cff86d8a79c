/**
 * Commands from workers on their way to Discord, one queue a shard: handed over in order, only while the shard is ready,
 * within Discord's send limit less a reserve for heartbeats, IDENTIFY and RESUME. Bounded: a full queue refuses.
 */
import { SEND_WINDOW_MS, SENDS_PER_WINDOW } from '../protocol/limits.ts';
import type { Clock } from '../runtime/clock.ts';
import { SlidingWindow } from '../runtime/sliding-window.ts';

/** Sends a window kept for heartbeats, IDENTIFY and RESUME, which the library sends past this queue. */
const RESERVED_SENDS_PER_WINDOW = 10;

export interface CommandQueueOptions {
  readonly maxQueued: number;
  readonly clock: Clock;
}

export class CommandQueue implements Disposable {
  readonly #options: CommandQueueOptions;
  readonly #window = new SlidingWindow(SENDS_PER_WINDOW - RESERVED_SENDS_PER_WINDOW, SEND_WINDOW_MS);
  readonly #queued: string[] = [];
  #send: ((payload: string) => boolean) | undefined;
  #timer: Disposable | undefined;
  sent = 0;
  refused = 0;

  constructor(options: CommandQueueOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#queued.length;
  }

  /** Takes a command, or refuses it where the queue is full. */
  submit(payload: string): 'queued' | 'full' {
    if (this.#queued.length >= this.#options.maxQueued) {
      this.refused++;
      return 'full';
    }
    this.#queued.push(payload);
    this.#drain();
    return 'queued';
  }

  /** The shard is ready: `send` takes payloads until `close`, or until it returns false and so leaves one for later. */
  open(send: (payload: string) => boolean): void {
    this.#send = send;
    this.#drain();
  }

  /** The connection is gone: what is queued waits for the next. */
  close(): void {
    this.#send = undefined;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  /** A new connection begins: Discord counts from zero. */
  resetWindow(): void {
    this.#window.clear();
  }

  [Symbol.dispose](): void {
    this.close();
    this.#queued.length = 0;
  }

  #drain(): void {
    const send = this.#send;
    if (!send || this.#timer) return;
    while (this.#queued.length > 0) {
      const now = this.#options.clock.now();
      if (!this.#window.take(now)) {
        this.#timer = this.#options.clock.setTimer(() => {
          this.#timer = undefined;
          this.#drain();
        }, this.#window.waitMs(now));
        return;
      }
      if (!send(this.#queued[0] ?? '')) return this.close();
      this.#queued.shift();
      this.sent++;
    }
  }
}
