export type { RequestCounts } from './counts.ts';
export { GuildRequests, type GuildRequestsOptions, type Step } from './guild-requests.ts';
export type {
  Answer,
  AnswerPart,
  Asker,
  GuildBody,
  GuildMemory,
  GuildRequest,
  Reply,
  UpstreamCommand,
} from './ports.ts';
