/**
 * The node's side of routing: it tells every HAProxy which shards it owns, reads which shard a path asks for, and speaks
 * with other nodes.
 */
export { settingOf, type TeachingProblem } from './diagnosis.ts';
export { askHeldShards, type HeldShardsQuestion, PeerQuestionError } from './relay/held-shards.ts';
export {
  NODE_HEADER,
  PeerHeaders,
  type PeerHeadersOptions,
  RELAY_HEADER,
  relayKey,
} from './relay/peer-header.ts';
export { PeerRelay, type PeerRelayOptions } from './relay/peer-relay.ts';
export { parseRuntimeAddress, RuntimeAddressError } from './runtime-client.ts';
export type { BackendServer, HaproxyProcess, ServerLookup } from './server-state.ts';
export { isRoutingKey, parseShardPath, routingKey, type ShardPath, shardPath } from './shard-path.ts';
export { Teacher, type TeacherOptions, type TeachingStatus } from './teacher.ts';
export { isMisconfigured, type TeachingCounters, type TeachingState } from './teaching-state.ts';
