/** A strict Discord for tests, the demo and the benchmark (design §12). */
export type { ReceivedCommand } from './application.ts';
export { SessionMissingError } from './application.ts';
export type { Fault } from './faults.ts';
export type { SimulatorOptions, TlsOptions } from './options.ts';
export { SIMULATOR_TOKEN } from './options.ts';
export type { ReceivedFile } from './rest/body.ts';
export type { RestControl } from './rest/control.ts';
export { BUCKETS, type BucketName, type SubLimitName } from './rest/limits.ts';
export type { RestOptions } from './rest/options.ts';
export type { ReceivedRequest } from './rest/received.ts';
export type { BucketRule } from './rest/rules/bucket.ts';
export type { RestStats } from './rest/stats.ts';
export { type GuildBody, type ShardTruthState, type Simulator, startSimulator } from './simulator.ts';
export type { GuildSize } from './state/first-state.ts';
export type { GuildView } from './state/view.ts';
export type { SimulatorStats } from './stats.ts';
export type { SessionTruth, ShardTruth, TruthEntry } from './truth.ts';
export type { NoteKind, Violation, ViolationKind } from './violations.ts';
