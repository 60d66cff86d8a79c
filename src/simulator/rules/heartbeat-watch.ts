/**
 * Judges a connection's heartbeats: soon enough, not too often, a sequence that can be true. Pure: the time is handed in.
 * https://discord.com/developers/docs/events/gateway#sending-heartbeats
 */
import { SlidingWindow } from './sliding-window.ts';

/** A client silent for this many intervals is dropped: one interval and half of one for the way. */
const SILENT_INTERVALS = 1.5;

/** First jittered heartbeat, the regular one, answers to op 1 and some scheduling noise; more in one interval is a loop. */
const MAX_HEARTBEATS_PER_INTERVAL = 5;

export type HeartbeatFault = {
  kind: 'heartbeat-rate' | 'heartbeat-sequence' | 'invalid-payload';
  detail: string;
};

export class HeartbeatWatch {
  readonly #intervalMs: number;
  readonly #window: SlidingWindow;
  #heardAtMs: number;
  #acknowledged: number | null = null;

  constructor(intervalMs: number, nowMs: number) {
    this.#intervalMs = intervalMs;
    this.#heardAtMs = nowMs;
    this.#window = new SlidingWindow(MAX_HEARTBEATS_PER_INTERVAL, intervalMs);
  }

  /**
   * A heartbeat with sequence `d` arrived. `sent` is the last sequence sent to the client, null while it has no session
   * on this connection: then any sequence may be one of an earlier connection.
   */
  beat(d: unknown, sent: number | null, nowMs: number): HeartbeatFault | undefined {
    this.#heardAtMs = nowMs;
    if (!this.#window.admit(nowMs)) {
      return {
        kind: 'heartbeat-rate',
        detail: `over ${MAX_HEARTBEATS_PER_INTERVAL} in ${this.#intervalMs} ms`,
      };
    }
    if (d !== null && !(Number.isSafeInteger(d) && (d as number) >= 0)) {
      return { kind: 'invalid-payload', detail: 'heartbeat d is neither null nor a sequence' };
    }
    if (sent === null) return undefined;
    const sequence = d as number | null;
    if (sequence !== null && sequence > sent) {
      return { kind: 'heartbeat-sequence', detail: `${sequence} is ahead of ${sent}, the last one sent` };
    }
    if (this.#acknowledged !== null && (sequence ?? -1) < this.#acknowledged) {
      return { kind: 'heartbeat-sequence', detail: `${sequence} after ${this.#acknowledged}` };
    }
    this.#acknowledged = sequence;
    return undefined;
  }

  /** The sequences start anew: another session on the same connection. */
  forgetSequence(): void {
    this.#acknowledged = null;
  }

  isSilent(nowMs: number): boolean {
    return nowMs - this.#heardAtMs > this.#intervalMs * SILENT_INTERVALS;
  }

  /** Time in which we did not listen does not count against the client. */
  excuse(ms: number): void {
    this.#heardAtMs += ms;
  }
}
