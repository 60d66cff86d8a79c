/** What can be made to go wrong, on purpose. One schema for the in-process API and for `POST /simulator/inject`. */
import { z } from 'zod';
import { restFaultSchemas } from './rest/faults.ts';

const shard = z.union([z.int().min(0), z.literal('all')]).default('all');
const ms = z.number().min(0);

export const faultSchema = z.discriminatedUnion('kind', [
  /** Close the connection; `terminate` resets it instead, losing what is in flight. */
  z.strictObject({
    kind: z.literal('disconnect'),
    shard,
    code: z.int().min(1000).max(4999).optional(),
    terminate: z.boolean().optional(),
  }),
  /** Op 7, and a close of ours if the client stays. */
  z.strictObject({ kind: z.literal('reconnect'), shard }),
  /** Op 9. Not resumable ends the session. */
  z.strictObject({ kind: z.literal('invalid-session'), shard, resumable: z.boolean() }),
  /** A zombie: the connection stays, nothing is read, acknowledged or sent; for ever, or for `ms`. */
  z.strictObject({ kind: z.literal('silence'), shard, ms: ms.optional() }),
  /** Nothing is read for `ms`, but sending goes on. */
  z.strictObject({ kind: z.literal('slow-reads'), shard, ms }),
  z.strictObject({
    kind: z.literal('malformed'),
    shard,
    what: z.enum(['not-json', 'truncated-frame', 'corrupt-compression', 'unknown-op', 'binary-garbage']),
  }),
  /** Discord asks for a heartbeat (op 1). */
  z.strictObject({ kind: z.literal('request-heartbeat'), shard }),
  /** READY comes this much after IDENTIFY, from now on. */
  z.strictObject({ kind: z.literal('delay-ready'), ms }),
  /** The next RESUME gets op 9 `d:false`. */
  z.strictObject({ kind: z.literal('forget-session'), shard }),
  /** Requests for all members of this guild get RATE_LIMITED for `ms`; the first of them is no violation. */
  z.strictObject({ kind: z.literal('limit-member-requests'), guild: z.string(), ms }),
  /** IDENTIFY and RESUME get 4004, HTTP 401, from now on. */
  z.strictObject({ kind: z.literal('refuse-token') }),
  /** The next `count` requests of GET /gateway/bot get this status. */
  z.strictObject({
    kind: z.literal('http-error'),
    status: z.int().min(400).max(599),
    count: z.int().min(1),
  }),
  ...restFaultSchemas,
]);

/** `shard` may be left out, for all of them. */
export type Fault = z.input<typeof faultSchema>;
export type ParsedFault = z.output<typeof faultSchema>;
