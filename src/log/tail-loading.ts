/** From stored tail chunks back to records of a log: the reverse of tail.ts. */
import { type PayloadHeader, scanHeader } from '../protocol/header-scan.ts';
import { frameHeaderBytes, readFramePayload } from '../protocol/websocket-frame.ts';
import type { EventLog } from './event-log.ts';
import type { TailChunk } from './tail.ts';
import type { TailCompressor } from './tail-compressor.ts';
import { readNotes } from './tail-notes.ts';

/** Called synchronously. */
export interface ChunkListener {
  onRecord?(typeId: number, payload: Buffer): void;
  /** After the records: what has changed of the shard's state. */
  onChanges?(changes: Readonly<Record<string, unknown>>): void;
}

/** Puts a chunk's records into `log`, and shows each to `listener`. Throws where the bytes are not what was written. */
export function loadChunk(
  chunk: TailChunk,
  log: EventLog,
  compressor: TailCompressor,
  listener: ChunkListener,
): void {
  const frames = compressor.decompress(chunk.compressed);
  const { notes, bytes } = readNotes(frames);
  const audiences = new Map(notes.addressed);
  loadRecords(chunk, log, frames.subarray(bytes), audiences, listener);
  if (chunk.lastSequence > log.head) log.skip(chunk.lastSequence);
  if (notes.changes) listener.onChanges?.(notes.changes);
}

function loadRecords(
  { writtenAtMs }: TailChunk,
  log: EventLog,
  frames: Buffer,
  audiences: ReadonlyMap<number, string>,
  { onRecord }: ChunkListener,
): void {
  readRecords(frames, ({ sequence, typeId }, payload) => {
    log.append(sequence, typeId, payload, writtenAtMs, 0, payload.length, audiences.get(sequence));
    onRecord?.(typeId, payload);
  });
}

/** The records in a log's frames, in order. `header` is the same each time. Throws where something is no frame of a log. */
export function readRecords(
  frames: Buffer,
  onRecord: (header: Readonly<PayloadHeader>, payload: Buffer) => void,
): void {
  const header: PayloadHeader = { op: 0, sequence: 0, typeId: 0, usedParser: false };
  for (let offset = 0; offset < frames.length; ) {
    const payload = readFramePayload(frames, offset);
    if (!payload || !scanHeader(payload, header))
      throw new Error('a tail chunk holds something that is no frame');
    onRecord(header, payload);
    offset += frameHeaderBytes(payload.length) + payload.length;
  }
}
