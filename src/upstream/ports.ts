/** What the upstream module needs from the rest of the program. */

/** Discord's side of a shard, enough to RESUME it. */
export interface UpstreamSession {
  readonly sessionId: string;
  readonly resumeUrl: string;
}

/** Takes what Discord sends, in order. Called synchronously from the socket: it must not wait, block or throw. */
export interface DispatchSink {
  /** Sequence of the last dispatch taken; what a RESUME continues after. */
  readonly head: number;
  /** A new upstream session began with READY, whose bytes are `payload` (a view) and `d` is `ready`. */
  sessionStarted(session: UpstreamSession, sequence: number, ready: Readonly<Record<string, unknown>>): void;
  /** One dispatch: `bytes` from `start` to `end`, to be copied before the call ends. `sequence` is above `head`. */
  dispatch(sequence: number, typeId: number, bytes: Buffer, start: number, end: number): void;
  /** Discord used `sequence` for something that is not for workers. */
  skip(sequence: number): void;
  /** The connection is ready: after READY, or after RESUMED when all that was missed has been taken. */
  connected(): void;
  disconnected(): void;
  /** The upstream session is over for good; a new one will start. */
  sessionLost(reason: string): void;
}

/** Words for the operator. One line a change of state; never a payload. */
export interface UpstreamLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}

/** Discord's `session_start_limit`. */
export interface IdentifyBudget {
  readonly maxConcurrency: number;
  /** IDENTIFYs left until the reset. */
  readonly remaining: number;
  readonly resetAfterMs: number;
}

/** Whether an IDENTIFY may be sent now. */
export type SlotAnswer =
  /** At once, and `noteSent` right after. */
  | { readonly kind: 'granted' }
  /** The one before it in its bucket was late; ask again then. */
  | { readonly kind: 'wait'; readonly waitMs: number }
  /** No more than `reserve` are left; ask again after the reset. */
  | { readonly kind: 'held'; readonly remaining: number; readonly waitMs: number }
  /** The budget is not known, or was reset since: ask Discord, then `setBudget`. */
  | { readonly kind: 'budget-unknown' };

/**
 * The lines at Discord's identify buckets and what is left of the daily budget, shared by all nodes of an application and
 * kept over restarts. Every decision is atomic and by the store's own clock. Where nothing is known of a bucket, it counts
 * as used at the moment that the store began to exist. Methods reject where the store can't be reached.
 */
export interface IdentifySlots {
  /** The next place in a bucket's line, first come first served, `IDENTIFY_INTERVAL_MS` and a margin behind the one before. */
  reserve(bucket: number): Promise<{ readonly waitMs: number }>;
  /** When its turn has come: takes one from the budget, unless no more than `reserve` would be left. */
  take(bucket: number, reserve: number): Promise<SlotAnswer>;
  /** The IDENTIFY is on the wire: the bucket counts as used now. */
  noteSent(bucket: number): Promise<void>;
  /** Call before asking Discord, and give the mark to `setBudget`: what is taken in between may be missing from its answer. */
  markBudget(): Promise<number>;
  setBudget(budget: IdentifyBudget, mark: number): Promise<void>;
  /** As last known, less what was taken since; `undefined` before anybody asked, or after the reset. */
  budget(): Promise<IdentifyBudget | undefined>;
}
