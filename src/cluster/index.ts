export { type AssignmentInput, type AssignmentMember, assign } from './assignment.ts';
export { ApplicationDirectory } from './embedded/application-directory.ts';
export { lockDirectory, StateDirectoryError } from './embedded/directory-lock.ts';
export { EmbeddedStore, type EmbeddedStoreOptions } from './embedded/embedded-store.ts';
export { EmbeddedIdentifySlots, type EmbeddedIdentifySlotsOptions } from './embedded/identify-slots.ts';
export { IdentifySlotsFile } from './embedded/identify-slots-file.ts';
export { TailFiles } from './embedded/tail-files.ts';
export { joinDeployment, NOT_SET, untilAnswered } from './join.ts';
export { Ownership } from './ownership.ts';
export {
  type ClusterMessage,
  type ClusterStore,
  ClusterStoreError,
  type ClusterView,
  type Deployment,
  type JoinResult,
  type Lease,
  LeaseLostError,
  type Member,
  type MemberState,
  type Membership,
  type NodeIdentity,
  type OpenTail,
  type Reach,
  type Renewal,
  StoredGuildsReplacedError,
  type StoredPart,
  type StoredTail,
  StoreUnreachableError,
  type TailPosition,
} from './ports.ts';
export { openRedisShares, openRedisStore } from './redis/open.ts';
export type {
  RedisConnectionOptions,
  RedisHealth,
  RedisShareStore,
  RedisState,
  RedisStore,
  RedisStoreOptions,
  RedisTls,
} from './redis/options.ts';
export type { OwnershipLog, ShardHolder } from './shard-holder.ts';
