/** A tail's base as bytes: JSON, compressed where that is worth it. Pure. */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { TailBase } from '../../log/index.ts';

const COMPRESSED_FROM_BYTES = 1024;

/** JSON of an object begins with this; a zstd frame does not. */
const JSON_FIRST_BYTE = 0x7b;

export function encodeBase(base: TailBase): Buffer {
  const json = Buffer.from(JSON.stringify(base));
  return json.length < COMPRESSED_FROM_BYTES ? json : zstdCompressSync(json);
}

/** Throws where the bytes are not what was written. */
export function decodeBase(bytes: Buffer): TailBase {
  const json = bytes[0] === JSON_FIRST_BYTE ? bytes : zstdDecompressSync(bytes);
  return JSON.parse(json.toString('utf8')) as TailBase;
}
