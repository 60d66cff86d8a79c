/** A strict Discord for tests, the demo and the benchmark (design §12). */
export type { ReceivedCommand } from './application.ts';
export { SessionMissingError } from './application.ts';
export type { Fault } from './faults.ts';
export type { SimulatorOptions } from './options.ts';
export { SIMULATOR_TOKEN } from './options.ts';
export { type GuildBody, type ShardTruthState, type Simulator, startSimulator } from './simulator.ts';
export type { GuildSize } from './state/first-state.ts';
export type { GuildView } from './state/view.ts';
export type { SimulatorStats } from './stats.ts';
export type { SessionTruth, ShardTruth, TruthEntry } from './truth.ts';
export type { NoteKind, Violation, ViolationKind } from './violations.ts';
