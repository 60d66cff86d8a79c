export { createAuthenticator, type WorkerToken } from './authenticator.ts';
export type { WorkerCounts } from './counts.ts';
export { GatewayServer, GatewayServerError, type GatewayServerOptions } from './gateway-server.ts';
export { publicUrl } from './http-answers.ts';
export type {
  Account,
  Answer,
  AnswerPart,
  Asker,
  GuildReading,
  GuildSnapshot,
  PeerHeader,
  PeerRequest,
  Peers,
  Relay,
  RelayFailure,
  RelayLink,
  RelayListener,
  RelayRequest,
  RelayTarget,
  Reply,
  RequestStep,
  ServedApplication,
  Serving,
  ShardDirectory,
  ShardListener,
  ShardRequests,
  Submission,
  WorkerLog,
  WorkerShard,
  WorkerVoice,
} from './ports.ts';
export { Rejections } from './rejection.ts';
export { sessionKey, upstreamEpoch } from './session-id.ts';
