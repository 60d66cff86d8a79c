/**
 * Commands from workers on their way to Discord, one queue a shard: handed over in order, only while the shard is ready,
 * within Discord's send limit less a reserve for heartbeats, IDENTIFY and RESUME. Bounded as a whole and for each sender, so
 * that one of them can not fill it.
 */
import { SEND_WINDOW_MS, SENDS_PER_WINDOW } from '../protocol/limits.ts';
import type { Clock } from '../runtime/clock.ts';
import { SlidingWindow } from '../runtime/sliding-window.ts';

/** Sends a window kept for heartbeats, IDENTIFY and RESUME, which the library sends past this queue. */
const RESERVED_SENDS_PER_WINDOW = 10;

/** Commands of one sender that may wait: as many as it may send in one window, had it the connection to itself. */
const MAX_QUEUED_PER_SENDER = SENDS_PER_WINDOW;

export type Submission =
  | 'queued'
  /** The queue has no room for anyone. */
  | 'full'
  /** As many commands of this sender wait as may. */
  | 'sender-full'
  /** Nothing is sent any more. */
  | 'closed';

/** Where commands go: nowhere while the shard is not ready, and nowhere again after the queue's end. */
type Receiver = ((payload: string) => boolean) | 'none' | 'ended';

/** A command that is made when its turn comes. */
export interface LateCommand {
  /** The JSON text; `undefined` where nobody wants it any more. Asked again where the connection did not take it. */
  payload(): string | undefined;
  /** It has left the queue: sent; or not, because it was not wanted, or the queue has ended. */
  onLeft(isSent: boolean): void;
}

interface QueuedCommand {
  readonly command: string | LateCommand;
  readonly sender: symbol;
}

export interface CommandQueueOptions {
  readonly maxQueued: number;
  readonly clock: Clock;
}

export class CommandQueue implements Disposable {
  readonly #options: CommandQueueOptions;
  readonly #window = new SlidingWindow(SENDS_PER_WINDOW - RESERVED_SENDS_PER_WINDOW, SEND_WINDOW_MS);
  readonly #queued: QueuedCommand[] = [];
  /** How many of each sender's commands wait; a sender without any has no entry. */
  readonly #waiting = new Map<symbol, number>();
  #receiver: Receiver = 'none';
  #timer: Disposable | undefined;
  sent = 0;
  refused = 0;
  /** Taken, and not sent when the queue ended. */
  dropped = 0;

  constructor(options: CommandQueueOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#queued.length;
  }

  /** Takes a command, or says why not. Where it can be sent at once, that is done before this returns. */
  submit(command: string | LateCommand, sender: symbol): Submission {
    if (this.#receiver === 'ended') return 'closed';
    const waiting = this.#waiting.get(sender) ?? 0;
    const isSenderFull = waiting >= MAX_QUEUED_PER_SENDER;
    if (isSenderFull || this.#queued.length >= this.#options.maxQueued) {
      this.refused++;
      return isSenderFull ? 'sender-full' : 'full';
    }
    this.#waiting.set(sender, waiting + 1);
    this.#queued.push({ command, sender });
    this.#drain();
    return 'queued';
  }

  /** The shard is ready: `send` takes payloads until `close`, or until it returns false and so leaves one for later. */
  open(send: (payload: string) => boolean): void {
    if (this.#receiver === 'ended') return;
    this.#receiver = send;
    this.#drain();
  }

  /** The connection is gone: what is queued waits for the next. */
  close(): void {
    if (this.#receiver !== 'ended') this.#receiver = 'none';
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  /** A new connection begins: Discord counts from zero. */
  resetWindow(): void {
    this.#window.clear();
  }

  [Symbol.dispose](): void {
    this.close();
    this.#receiver = 'ended';
    this.dropped += this.#queued.length;
    this.#waiting.clear();
    for (const { command } of this.#queued.splice(0)) if (typeof command !== 'string') command.onLeft(false);
  }

  #drain(): void {
    const send = this.#receiver;
    if (typeof send === 'string' || this.#timer) return;
    for (let next = this.#queued[0]; next; next = this.#queued[0]) {
      // `onLeft` may have submitted more, and so have been here.
      if (this.#receiver !== send || this.#timer) return;
      const { command, sender } = next;
      const payload = typeof command === 'string' ? command : command.payload();
      if (payload === undefined) {
        this.#queued.shift();
        this.#left(sender);
        if (typeof command !== 'string') command.onLeft(false);
        continue;
      }
      const now = this.#options.clock.now();
      if (!this.#window.take(now)) {
        this.#timer = this.#options.clock.setTimer(() => {
          this.#timer = undefined;
          this.#drain();
        }, this.#window.waitMs(now));
        return;
      }
      if (!send(payload)) return this.close();
      this.#queued.shift();
      this.#left(sender);
      this.sent++;
      if (typeof command !== 'string') command.onLeft(true);
    }
  }

  #left(sender: symbol): void {
    const waiting = (this.#waiting.get(sender) ?? 0) - 1;
    if (waiting > 0) this.#waiting.set(sender, waiting);
    else this.#waiting.delete(sender);
  }
}
