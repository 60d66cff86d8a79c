/** Every way in which we close a worker's connection: code, reason, and why it is that code. */
import { CloseCode } from '../protocol/close-codes.ts';
import { MAX_CLOSE_REASON_BYTES } from '../protocol/limits.ts';

export interface Rejection {
  readonly code: number;
  /** At most 123 bytes of UTF-8; never holds a secret. */
  readonly reason: string;
}

function rejection(code: number, reason: string): Rejection {
  return { code, reason: Buffer.from(reason).subarray(0, MAX_CLOSE_REASON_BYTES).toString('utf8') };
}

/** A worker that gets one of Discord's 4xxx codes is told what Discord would tell it for the same fault. */
export const Rejections = {
  unknownOpcode: (op: number) => rejection(CloseCode.UnknownOpcode, `opcode ${op} is unknown`),
  decodeError: (what: string) => rejection(CloseCode.DecodeError, what),
  oversized: (bytes: number, maxBytes: number) =>
    rejection(CloseCode.DecodeError, `a payload of ${bytes} bytes; ${maxBytes} are allowed`),
  notAuthenticated: (op: number) =>
    rejection(CloseCode.NotAuthenticated, `opcode ${op} before IDENTIFY or RESUME`),
  identifyTimeout: (ms: number) =>
    rejection(CloseCode.NotAuthenticated, `no IDENTIFY or RESUME within ${Math.round(ms / 1000)} s`),
  authenticationFailed: () =>
    rejection(
      CloseCode.AuthenticationFailed,
      'the token is none of workers.tokens (or, without those, not the bot token)',
    ),
  alreadyAuthenticated: () => rejection(CloseCode.AlreadyAuthenticated, 'IDENTIFY or RESUME a second time'),
  invalidSequence: (sequence: number, head: number) =>
    rejection(CloseCode.InvalidSequence, `RESUME with sequence ${sequence}; the newest is ${head}`),
  rateLimited: (sends: number, windowMs: number) =>
    rejection(CloseCode.RateLimited, `more than ${sends} payloads in ${windowMs / 1000} s`),
  commandQueueFull: () =>
    rejection(
      CloseCode.RateLimited,
      'too many commands are waiting for Discord; send fewer, or see workers.maxQueuedCommandsPerShard',
    ),
  heartbeatTimeout: (ms: number) =>
    rejection(CloseCode.SessionTimedOut, `no heartbeat for ${Math.round(ms / 1000)} s`),
  invalidShard: (what: string) => rejection(CloseCode.InvalidShard, what),
  invalidApiVersion: (version: string) =>
    rejection(CloseCode.InvalidApiVersion, `gateway version ${version}; 9 and 10 are spoken here`),
  invalidIntents: () =>
    rejection(CloseCode.InvalidIntents, 'intents must be a whole number, as in an IDENTIFY to Discord'),
  /** Not a 4xxx: libraries try again after this one, and find another node or a connected shard. */
  holdTimeout: (ms: number) =>
    rejection(
      CloseCode.TryAgainLater,
      `the shard has had no session with Discord for ${Math.round(ms / 1000)} s; try again`,
    ),
  applicationStopped: (reason: string) => rejection(CloseCode.TryAgainLater, reason),
  /** After op 7; 1012 makes libraries RESUME where 1000 makes them IDENTIFY. */
  draining: () => rejection(CloseCode.ServiceRestart, 'shardmux restarts; RESUME'),
  /** The worker reads so slowly that what it needs next is gone, and not even INVALID_SESSION gets through. */
  tooSlow: () => rejection(CloseCode.RateLimited, 'reads too slowly: its events have left the log'),
} as const;
