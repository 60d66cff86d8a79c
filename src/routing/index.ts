/** The node's side of routing: it tells every HAProxy which shards it owns, and reads which shard a path asks for. */
export type { TeachingProblem } from './diagnosis.ts';
export { parseRuntimeAddress, RuntimeAddressError } from './runtime-client.ts';
export type { BackendServer, HaproxyProcess, ServerLookup } from './server-state.ts';
export { isRoutingKey, parseShardPath, routingKey, type ShardPath, shardPath } from './shard-path.ts';
export type { TeachingCounters, TeachingState } from './taught-haproxy.ts';
export { Teacher, type TeacherOptions, type TeachingStatus } from './teacher.ts';
