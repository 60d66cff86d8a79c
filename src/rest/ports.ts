/** What the limiter is asked and answers: its words towards the proxy. */
import type { Clock } from '../runtime/clock.ts';
import type { Admission } from './admission.ts';
import type { Egress } from './egress.ts';
import type { GlobalBudget } from './global-budget.ts';
import type { ApiPath, PathRefusal } from './path.ts';
import type { Priority } from './priority.ts';
import type { MajorLeases } from './shares/lease.ts';

export interface RestRequest {
  readonly method: string;
  /** As it stands in the request line: path and query. */
  readonly target: string;
  /** What it was parsed to, where that is known already. */
  readonly path?: ApiPath;
  /** An `Authorization` of OAuth2 that it is sent with: then its limits are not the application's. */
  readonly authorization?: string | undefined;
  /** The name of the service account that sends it. */
  readonly account: string;
  /** By default `interaction` for the routes of interactions, else `normal`. */
  readonly priority?: Priority | undefined;
  /** How long from now it may wait; cut at `maxDeadlineMs`. */
  readonly deadlineMs: number;
  /** All of its body, where that has been read: a few limits depend on what is in it. */
  readonly body?: Buffer | null | undefined;
  /** What it keeps in memory as long as it waits. */
  readonly bytes: number;
}

export const REFUSAL_REASONS = [
  'method',
  'path',
  /** It would have to wait longer than its deadline, or has. */
  'deadline',
  'bucket-queue-full',
  'account-queue-full',
  'queue-full',
  'too-many-buckets',
  /** Discord does not accept the bot token. */
  'token-locked',
  /** Discord says that this webhook does not exist. */
  'unknown-webhook',
  /** Too many invalid requests leave from this address. */
  'invalid-requests',
  'closed',
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

export interface Refused {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  /** After how long the same would be taken, as far as that can be told; `undefined` where waiting does not help. */
  readonly retryAfterMs: number | undefined;
  readonly pathRefusal?: PathRefusal;
  /** What tells its route from others, where it has one. */
  readonly route?: string | undefined;
  /** What Discord's headers call the limit of that, where it is known. */
  readonly bucket?: string | undefined;
}

export type Submission = Admission | Refused;

/** What to do with an answer. */
export type Verdict =
  | { readonly kind: 'deliver' }
  /** A 429, which Discord did not execute. Whoever has the body still may call `again()`, which waits for the turn, about so long. */
  | { readonly kind: 'retry'; readonly afterMs: number };

export interface LimiterLimits {
  /** Requests that wait, in all. */
  readonly maxQueued: number;
  /** What those may take in memory. */
  readonly maxQueuedBytes: number;
  readonly maxQueuedPerBucket: number;
  readonly maxQueuedBytesPerBucket: number;
  readonly maxQueuedPerAccount: number;
  readonly maxQueuedBytesPerAccount: number;
  readonly maxDeadlineMs: number;
  /** Routes with their major parameters of which it is known how far they are used. The idle that were used longest ago go first. */
  readonly maxLanes: number;
  /** Routes of which it is known which limit they have; as many limits. */
  readonly maxRoutes: number;
  readonly maxLockedWebhooks: number;
}

export const DEFAULT_LIMITER_LIMITS: LimiterLimits = {
  maxQueued: 100_000,
  maxQueuedBytes: 1024 * 1024 * 1024,
  maxQueuedPerBucket: 1_000,
  maxQueuedBytesPerBucket: 64 * 1024 * 1024,
  maxQueuedPerAccount: 20_000,
  maxQueuedBytesPerAccount: 256 * 1024 * 1024,
  maxDeadlineMs: 600_000,
  maxLanes: 50_000,
  maxRoutes: 2_000,
  maxLockedWebhooks: 10_000,
};

export interface LimiterOptions {
  readonly clock: Clock;
  readonly applicationId: string;
  /** Tells one bot token from another without giving it away: a digest. */
  readonly tokenId: string;
  /** Of the application. */
  readonly budget: GlobalBudget;
  /** Of requests without its token; shared by all applications that leave from one address. */
  readonly addressBudget: GlobalBudget;
  readonly egress: Egress;
  readonly limits: LimiterLimits;
  /** Discord has refused the bot token: nothing that needs it goes until it is another. */
  readonly onTokenLocked: (tokenId: string) => void;
  /** Which major parameters may go from here, where several nodes share the application. */
  readonly leases?: MajorLeases | undefined;
  /** A 429 of the global limit: nothing that counts for it goes for so long. */
  readonly onGlobalHold?: ((kind: 'application' | 'address', forMs: number) => void) | undefined;
}
