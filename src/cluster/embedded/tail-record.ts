/**
 * How a tail file is made up: records, each `length (u32) · crc32 (u32) · kind (u8) · body`, big-endian. A file begins
 * with a base; chunks follow. What a crash tore off ends the reading of that file, nothing more. Pure.
 */
import { crc32 } from 'node:zlib';
import type { TailBase, TailChunk } from '../../log/index.ts';

const HEADER_BYTES = 9;
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

/** One allocation and one copy of the body: chunks are large, and there are many of them. */
function encode(kind: number, bodyHeader: Buffer, body: Buffer): Buffer {
  const record = Buffer.allocUnsafe(HEADER_BYTES + bodyHeader.length + body.length);
  record.writeUInt32BE(bodyHeader.length + body.length, 0);
  record.writeUInt8(kind, 8);
  bodyHeader.copy(record, HEADER_BYTES);
  body.copy(record, HEADER_BYTES + bodyHeader.length);
  record.writeUInt32BE(crc32(record.subarray(8)), 4);
  return record;
}

export function encodeBase({ sequence, state }: TailBase, generation?: string): Buffer {
  const body = JSON.stringify({ sequence, state, generation });
  return encode(RecordKind.Base, Buffer.alloc(0), Buffer.from(body));
}

export function encodeChunk(chunk: TailChunk): Buffer {
  const header = Buffer.alloc(CHUNK_HEADER_BYTES);
  header.writeDoubleBE(chunk.afterSequence, 0);
  header.writeDoubleBE(chunk.lastSequence, 8);
  header.writeDoubleBE(chunk.writtenAtMs, 16);
  return encode(RecordKind.Chunk, header, chunk.compressed);
}

/** The records of a file, up to the first that is not whole. */
export function* decodeRecords(file: Buffer): Generator<TailRecord> {
  for (let offset = 0; offset + HEADER_BYTES <= file.length; ) {
    const end = offset + HEADER_BYTES + file.readUInt32BE(offset);
    if (end > file.length) return;
    if (crc32(file.subarray(offset + 8, end)) !== file.readUInt32BE(offset + 4)) return;
    const body = file.subarray(offset + HEADER_BYTES, end);
    const record = decodeBody(file.readUInt8(offset + 8), body);
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
