/**
 * How a tail file is made up: records, of which the first is a base; chunks follow. What a crash tore off ends the reading of that
 * file, nothing more. Pure.
 */
import type { TailBase, TailChunk } from '../../log/index.ts';
import { decodeRecord, encodeRecord, RECORD_HEADER_BYTES, recordBytes } from './record.ts';

const CHUNK_HEADER_BYTES = 24;

const RecordKind = { Base: 1, Chunk: 2 } as const;

export type TailRecord =
  | {
      readonly kind: 'base';
      readonly base: TailBase;
      /** Names the run of files since the tail last began. */
      readonly generation?: string;
    }
  | { readonly kind: 'chunk'; readonly chunk: TailChunk };

export function encodeBase({ sequence, state }: TailBase, generation?: string): Buffer {
  const body = JSON.stringify({ sequence, state, generation });
  return encodeRecord(RecordKind.Base, [Buffer.from(body)]);
}

export function encodeChunk(chunk: TailChunk): Buffer {
  const header = Buffer.alloc(CHUNK_HEADER_BYTES);
  header.writeDoubleBE(chunk.afterSequence, 0);
  header.writeDoubleBE(chunk.lastSequence, 8);
  header.writeDoubleBE(chunk.writtenAtMs, 16);
  return encodeRecord(RecordKind.Chunk, [header, chunk.compressed]);
}

/** The records of a file, up to the first that is not whole. */
export function* decodeRecords(file: Buffer): Generator<TailRecord> {
  for (let offset = 0; offset + RECORD_HEADER_BYTES <= file.length; ) {
    const end = offset + recordBytes(file.subarray(offset));
    if (end > file.length) return;
    const raw = decodeRecord(file.subarray(offset, end));
    const record = raw && decodeBody(raw.kind, raw.body);
    if (!record) return;
    yield record;
    offset = end;
  }
}

function decodeBody(kind: number, body: Buffer): TailRecord | undefined {
  if (kind === RecordKind.Base) {
    const parsed = JSON.parse(body.toString('utf8')) as TailBase & { readonly generation?: string };
    const { generation, ...base } = parsed;
    return { kind: 'base', base, ...(generation !== undefined && { generation }) };
  }
  if (kind !== RecordKind.Chunk || body.length < CHUNK_HEADER_BYTES) return undefined;
  return {
    kind: 'chunk',
    chunk: {
      afterSequence: body.readDoubleBE(0),
      lastSequence: body.readDoubleBE(8),
      writtenAtMs: body.readDoubleBE(16),
      compressed: body.subarray(CHUNK_HEADER_BYTES),
    },
  };
}
