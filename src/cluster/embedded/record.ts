/**
 * What files of ours are made up of: records, each `length (u32) · crc32 (u32) · kind (u8) · body`, big-endian. What a crash tore
 * off ends the reading. Pure.
 */
import { crc32 } from 'node:zlib';

export const RECORD_HEADER_BYTES = 9;

/** The checksum is of all that follows it. */
const CHECKED_FROM = 8;

/** One allocation and one copy: records are large, and there are many of them. */
export function encodeRecord(kind: number, parts: readonly Buffer[]): Buffer {
  const bodyBytes = parts.reduce((sum, { length }) => sum + length, 0);
  const record = Buffer.allocUnsafe(RECORD_HEADER_BYTES + bodyBytes);
  record.writeUInt32BE(bodyBytes, 0);
  record.writeUInt8(kind, CHECKED_FROM);
  let offset = RECORD_HEADER_BYTES;
  for (const part of parts) offset += part.copy(record, offset);
  record.writeUInt32BE(crc32(record.subarray(CHECKED_FROM)), 4);
  return record;
}

/** Header and body together, of a record whose first bytes `bytes` has. */
export function recordBytes(bytes: Buffer): number {
  return RECORD_HEADER_BYTES + bytes.readUInt32BE(0);
}

export interface RawRecord {
  readonly kind: number;
  /** A view. */
  readonly body: Buffer;
}

/** `record`: as long as `recordBytes` says. `undefined` where it is not what was written. */
export function decodeRecord(record: Buffer): RawRecord | undefined {
  if (crc32(record.subarray(CHECKED_FROM)) !== record.readUInt32BE(4)) return undefined;
  return viewRecord(record);
}

/** The same of one that was encoded here, and needs no looking at. */
export function viewRecord(record: Buffer): RawRecord {
  return { kind: record.readUInt8(CHECKED_FROM), body: record.subarray(RECORD_HEADER_BYTES) };
}
