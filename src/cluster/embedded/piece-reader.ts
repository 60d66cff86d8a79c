/** Reads a file from its beginning to its end, some hundred KiB at a time, for whoever wants it in smaller parts. */
import type { FileHandle } from 'node:fs/promises';
import { decodeRecord, type RawRecord, RECORD_HEADER_BYTES, recordBytes } from './record.ts';

const PIECE_BYTES = 256 * 1024;

/** Many times what the largest record takes; what says that it is larger is not what was written. */
const MAX_RECORD_BYTES = 64 * 1024 * 1024;

export interface PlacedRecord extends RawRecord {
  /** Of the record's body in the file. */
  readonly bodyAt: number;
  /** Of the record. */
  readonly end: number;
}

class PieceReader {
  readonly #handle: FileHandle;
  readonly #fileBytes: number;
  #piece: Buffer = Buffer.alloc(0);
  #pieceAt = 0;

  constructor(handle: FileHandle, fileBytes: number) {
    this.#handle = handle;
    this.#fileBytes = fileBytes;
  }

  /** A view until the next read; shorter than `bytes` at the end of the file. */
  async read(at: number, bytes: number): Promise<Buffer> {
    if (at < this.#pieceAt || at + bytes > this.#pieceAt + this.#piece.length) {
      const length = Math.min(Math.max(bytes, PIECE_BYTES), this.#fileBytes - at);
      this.#piece = await readAt(this.#handle, at, length);
      this.#pieceAt = at;
    }
    return this.#piece.subarray(at - this.#pieceAt, at - this.#pieceAt + bytes);
  }
}

/** Shorter than `bytes` where the file ends. */
export async function readAt(handle: FileHandle, at: number, bytes: number): Promise<Buffer> {
  // Not from Node's shared pool, where a small one would keep others alive.
  const buffer = Buffer.allocUnsafeSlow(bytes);
  let read = 0;
  while (read < bytes) {
    const { bytesRead } = await handle.read(buffer, read, bytes - read, at + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return buffer.subarray(0, read);
}

/** The records of a file, up to the first that is not whole. Each is a view until the next is asked for. */
export async function* readRecords(handle: FileHandle, fileBytes: number): AsyncGenerator<PlacedRecord> {
  const reader = new PieceReader(handle, fileBytes);
  for (let at = 0; at + RECORD_HEADER_BYTES <= fileBytes; ) {
    const header = await reader.read(at, RECORD_HEADER_BYTES);
    if (header.length < RECORD_HEADER_BYTES) return;
    const bytes = recordBytes(header);
    if (bytes > MAX_RECORD_BYTES || at + bytes > fileBytes) return;
    const record = await reader.read(at, bytes);
    const raw = record.length === bytes ? decodeRecord(record) : undefined;
    if (!raw) return;
    yield { ...raw, bodyAt: at + RECORD_HEADER_BYTES, end: at + bytes };
    at += bytes;
  }
}
