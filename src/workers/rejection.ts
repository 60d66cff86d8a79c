/** Every way in which we close a worker's connection: code, reason, and why it is that code. */
import { CloseCode } from '../protocol/close-codes.ts';
import { MAX_CLOSE_REASON_BYTES } from '../protocol/limits.ts';

export interface Rejection {
  readonly code: number;
  /** At most 123 bytes of UTF-8; never holds a secret. */
  readonly reason: string;
}

/** Cut between two characters: half of one becomes a longer one, and `ws` throws over a reason that is too long. */
function rejection(code: number, reason: string): Rejection {
  const { read } = new TextEncoder().encodeInto(reason, new Uint8Array(MAX_CLOSE_REASON_BYTES));
  return { code, reason: reason.slice(0, read) };
}

/** RFC 6455, 7.4.1. */
const PROTOCOL_ERROR = 1002;
const INVALID_UTF8 = 1007;

/**
 * A code of ours between nodes: the connection was relayed to a node that does not hold the shard, and no session has begun.
 * No worker ever sees it.
 */
export const NOT_OWNER = 4900;

/** What `ws` calls faults that it closes with another code than 1002. */
const FRAME_FAULTS: Readonly<Record<string, number>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: CloseCode.MessageTooBig,
  WS_ERR_INVALID_UTF8: INVALID_UTF8,
};

/** A worker that gets one of Discord's 4xxx codes is told what Discord would tell it for the same fault. */
export const Rejections = {
  unknownOpcode: (op: number) => rejection(CloseCode.UnknownOpcode, `opcode ${op} is unknown`),
  decodeError: (what: string) => rejection(CloseCode.DecodeError, what),
  oversized: (bytes: number, maxBytes: number) =>
    rejection(CloseCode.DecodeError, `a payload of ${bytes} bytes; ${maxBytes} are allowed`),
  /** `ws` has closed already, with this code and no reason. */
  unreadableFrame: (fault: { readonly code?: string; readonly message: string }) =>
    rejection(FRAME_FAULTS[fault.code ?? ''] ?? PROTOCOL_ERROR, fault.message),
  guildOfAnotherShard: (guildId: string, shardId: number) =>
    rejection(CloseCode.DecodeError, `guild ${guildId} is on shard ${shardId}; send its commands there`),
  notAuthenticated: (op: number) =>
    rejection(CloseCode.NotAuthenticated, `opcode ${op} before IDENTIFY or RESUME`),
  identifyTimeout: (ms: number) =>
    rejection(CloseCode.NotAuthenticated, `no IDENTIFY or RESUME within ${Math.round(ms / 1000)} s`),
  tooManyUnidentified: () =>
    rejection(
      CloseCode.TryAgainLater,
      'too many connections without IDENTIFY or RESUME; this was the oldest',
    ),
  authenticationFailed: () =>
    rejection(
      CloseCode.AuthenticationFailed,
      'the token is none of workers.tokens (or, without those, not the bot token)',
    ),
  /** The account is of another application than the path. */
  boundElsewhere: (applicationId: string) =>
    rejection(
      CloseCode.AuthenticationFailed,
      `the token may not be used for application ${applicationId}; see workers.tokens`,
    ),
  boundToUnserved: (applicationId: string) =>
    rejection(
      CloseCode.AuthenticationFailed,
      `the token is for application ${applicationId}, which is not served here`,
    ),
  ambiguousApplication: (count: number) =>
    rejection(
      CloseCode.InvalidShard,
      `there are ${count} applications here; connect to /apps/<application id>/shards/<n>`,
    ),
  alreadyAuthenticated: () => rejection(CloseCode.AlreadyAuthenticated, 'IDENTIFY or RESUME a second time'),
  invalidSequence: (sequence: number, head: number) =>
    rejection(CloseCode.InvalidSequence, `RESUME with sequence ${sequence}; the newest is ${head}`),
  rateLimited: (sends: number, windowMs: number) =>
    rejection(CloseCode.RateLimited, `more than ${sends} payloads in ${windowMs / 1000} s`),
  tooManyCommands: () =>
    rejection(
      CloseCode.RateLimited,
      'too many commands of this connection are waiting for Discord; send fewer',
    ),
  /** Others may have filled it; libraries RESUME after 1013, and some forget their session over 4008. */
  commandQueueFull: () =>
    rejection(
      CloseCode.TryAgainLater,
      'too many commands of all workers wait for the shard; see workers.maxQueuedCommandsPerShard',
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
  /** Of a connection that another node relayed. */
  notOwner: (shardId: number) => rejection(NOT_OWNER, `shard ${shardId} is not held here`),
  /** The node that held its session is gone: 1012 makes libraries RESUME. */
  ownerLost: () => rejection(CloseCode.ServiceRestart, 'the node of the session is gone; RESUME'),
  /** As another node closed. */
  passedOn: (code: number, reason: string) => rejection(code, reason),
  /** Some time after op 7, as `draining`. */
  shardMoved: () => rejection(CloseCode.ServiceRestart, 'the shard has moved to another node; RESUME'),
  ownerUnreachable: (ms: number) =>
    rejection(
      CloseCode.TryAgainLater,
      `the node of the shard could not be reached for ${Math.round(ms / 1000)} s; try again`,
    ),
  applicationStopped: (reason: string) => rejection(CloseCode.TryAgainLater, reason),
  /** Some time after op 7; 1012 makes libraries RESUME where 1000 makes them IDENTIFY. */
  draining: () => rejection(CloseCode.ServiceRestart, 'shardmux restarts; RESUME'),
  /** The worker reads so slowly that not even INVALID_SESSION or heartbeat ACKs get through. */
  tooSlow: () => rejection(CloseCode.RateLimited, 'reads too slowly: what waits for it can not be kept'),
} as const;
