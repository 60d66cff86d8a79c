export type { Admission } from './admission.ts';
export { type Answer, needsBody } from './answer.ts';
export { Egress, type EgressAlarm, type EgressInspection, type EgressState } from './egress.ts';
export {
  type GlobalBudget,
  type GlobalPlace,
  LocalGlobalBudget,
  type LocalGlobalBudgetOptions,
} from './global-budget.ts';
export type { BucketInspection, LimiterInspection } from './inspection.ts';
export type { InvalidLevel, InvalidRequestLimits } from './invalid-requests.ts';
export { RestLimiter } from './limiter.ts';
export type { LimiterReadings } from './limiter-counts.ts';
export { type ApiPath, type PathParse, type PathRefusal, parsePath } from './path.ts';
export {
  DEFAULT_LIMITER_LIMITS,
  type LimiterLimits,
  type LimiterOptions,
  REFUSAL_REASONS,
  type RefusalReason,
  type Refused,
  type RestRequest,
  type Submission,
  type Verdict,
} from './ports.ts';
export { PRIORITIES, type Priority } from './priority.ts';
export { DURATION_BUCKETS_S, type DurationCounts, type FailureKind } from './proxy/counts.ts';
export type {
  Caller,
  CallerAuthenticator,
  ProxiedApplication,
  ProxyLimits,
  ProxyLog,
  ProxyOptions,
} from './proxy/ports.ts';
export { RestServer, RestServerError } from './proxy/server.ts';
export { Upstream, type UpstreamOptions } from './proxy/upstream.ts';
export { isIdempotent, isMethod, type Method, type Route, routeOf } from './route.ts';
export type { LimiterState } from './saved-state.ts';
export { LeasedBudget } from './shares/leased-budget.ts';
export { ShareMember } from './shares/member.ts';
export { Newsroom } from './shares/news.ts';
export type { SharePart } from './shares/part.ts';
export type {
  ShareGrant,
  ShareNote,
  ShareReply,
  ShareRequest,
  ShareScope,
  ShareStore,
} from './shares/ports.ts';
export { SharedMajors } from './shares/shared-majors.ts';
