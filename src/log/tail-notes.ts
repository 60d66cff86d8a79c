/**
 * What a tail chunk says besides its records: whom some of them are for, and what has changed of the shard's state. It stands in
 * the chunk's first frame, which is no dispatch; a chunk with nothing to say has none. Pure. A shardmux from before it can't read
 * such a chunk, and goes on behind it.
 */
import { frameHeaderBytes, readFramePayload, writeFrameHeader } from '../protocol/websocket-frame.ts';
import type { Addressed } from './audience.ts';

export interface TailNotes {
  readonly addressed: readonly Addressed[];
  /** Parts of the shard's state as they were behind the chunk's last record. JSON-safe. */
  readonly changes?: Readonly<Record<string, unknown>> | undefined;
}

/** No dispatch begins so. */
const PREFIX = '{"shardmux":';

/** `undefined` where there is nothing to say. */
export function encodeNotes(notes: TailNotes): Buffer | undefined {
  if (notes.addressed.length === 0 && notes.changes === undefined) return undefined;
  const payload = Buffer.from(`${PREFIX}${JSON.stringify(notes)}}`);
  const header = Buffer.alloc(frameHeaderBytes(payload.length));
  writeFrameHeader(header, 0, payload.length);
  return Buffer.concat([header, payload]);
}

/** The notes that `frames` begin with, and how many bytes they take. */
export function readNotes(frames: Buffer): { readonly notes: TailNotes; readonly bytes: number } {
  const payload = frames.length > 0 ? readFramePayload(frames, 0) : undefined;
  if (!payload || payload.toString('latin1', 0, PREFIX.length) !== PREFIX)
    return { notes: { addressed: [] }, bytes: 0 };
  // Nobody but `encodeNotes` writes what begins so.
  const { shardmux } = JSON.parse(payload.toString('utf8')) as { readonly shardmux: TailNotes };
  return { notes: shardmux, bytes: frameHeaderBytes(payload.length) + payload.length };
}
