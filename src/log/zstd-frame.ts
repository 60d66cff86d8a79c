/** What a zstd frame says of itself (RFC 8878, section 3.1.1.1). Pure. */

const MAGIC = 0xfd2fb528;
const DESCRIPTOR_OFFSET = 4;

/** Of the dictionary id, by the two lowest bits of the descriptor. */
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;

/** A size in two bytes begins to count here. */
const TWO_BYTE_BASE = 256;

/** How many bytes the frame decompresses to; `undefined` where it does not say, or is no frame. */
export function contentBytes(frame: Buffer): number | undefined {
  if (frame.length <= DESCRIPTOR_OFFSET || frame.readUInt32LE(0) !== MAGIC) return undefined;
  const descriptor = frame.readUInt8(DESCRIPTOR_OFFSET);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionaryIdBytes = DICTIONARY_ID_BYTES[descriptor & 0x03] ?? 0;
  const offset = DESCRIPTOR_OFFSET + 1 + (isSingleSegment ? 0 : 1) + dictionaryIdBytes;
  const kind = descriptor >> 6;
  const sizeBytes = kind === 0 ? Number(isSingleSegment) : 1 << kind;
  if (sizeBytes === 0 || frame.length < offset + sizeBytes) return undefined;
  if (sizeBytes === 8) return Number(frame.readBigUInt64LE(offset));
  return frame.readUIntLE(offset, sizeBytes) + (sizeBytes === 2 ? TWO_BYTE_BASE : 0);
}
