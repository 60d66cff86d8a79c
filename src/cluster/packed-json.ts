/** JSON as bytes, compressed where that is worth it. Pure. */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';

const COMPRESSED_FROM_BYTES = 1024;

/** Many times what anything of ours takes. */
const MAX_JSON_BYTES = 64 * 1024 * 1024;

/** JSON of an object begins with this; a zstd frame does not. */
const JSON_FIRST_BYTE = 0x7b;

export function packJson(value: object): Buffer {
  const json = Buffer.from(JSON.stringify(value));
  return json.length < COMPRESSED_FROM_BYTES ? json : zstdCompressSync(json);
}

/** Throws where the bytes are not what was packed. */
export function unpackJson(bytes: Buffer): unknown {
  const json =
    bytes[0] === JSON_FIRST_BYTE ? bytes : zstdDecompressSync(bytes, { maxOutputLength: MAX_JSON_BYTES });
  return JSON.parse(json.toString('utf8'));
}
