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
