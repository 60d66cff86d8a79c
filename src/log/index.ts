export { type Addressed, EVERYTHING, type Reader } from './audience.ts';
export type { Cursor } from './cursor.ts';
export { EventLog, type EventLogOptions } from './event-log.ts';
export { LogMemory } from './log-memory.ts';
export {
  type StateChanges,
  Tail,
  type TailBase,
  type TailChunk,
  type TailOptions,
  type TailStore,
} from './tail.ts';
export { TailCompressor } from './tail-compressor.ts';
export { type ChunkListener, loadChunk, readRecords } from './tail-loading.ts';
