/** Server-to-client WebSocket text frames as bytes (RFC 6455, 5.2): unmasked, never fragmented. On the hot path. */

const FIN_TEXT = 0x81;
const LENGTH_16_BIT = 126;
const LENGTH_64_BIT = 127;

/** Bytes that the frame header of a payload of `payloadBytes` takes: 2, 4 or 10. */
export function frameHeaderBytes(payloadBytes: number): number {
  if (payloadBytes < LENGTH_16_BIT) return 2;
  return payloadBytes < 0x10000 ? 4 : 10;
}

/** Writes the header of a text frame at `offset`; returns where the payload goes. */
export function writeFrameHeader(target: Buffer, offset: number, payloadBytes: number): number {
  target[offset] = FIN_TEXT;
  if (payloadBytes < LENGTH_16_BIT) {
    target[offset + 1] = payloadBytes;
    return offset + 2;
  }
  if (payloadBytes < 0x10000) {
    target[offset + 1] = LENGTH_16_BIT;
    target[offset + 2] = payloadBytes >>> 8;
    target[offset + 3] = payloadBytes & 0xff;
    return offset + 4;
  }
  target[offset + 1] = LENGTH_64_BIT;
  target.writeUInt32BE(0, offset + 2);
  target.writeUInt32BE(payloadBytes, offset + 6);
  return offset + 10;
}

/**
 * The payload of the frame that starts at `offset`, as a view, or `undefined` where the bytes end first or are no
 * frame of ours.
 */
export function readFramePayload(frames: Buffer, offset: number): Buffer | undefined {
  if (offset + 2 > frames.length || frames[offset] !== FIN_TEXT) return undefined;
  const short = frames[offset + 1] ?? 0;
  if (short > LENGTH_64_BIT) return undefined;
  let start = offset + 2;
  let length = short;
  if (short === LENGTH_16_BIT) {
    if (offset + 4 > frames.length) return undefined;
    length = frames.readUInt16BE(offset + 2);
    start = offset + 4;
  } else if (short === LENGTH_64_BIT) {
    if (offset + 10 > frames.length) return undefined;
    length = frames.readUInt32BE(offset + 6);
    start = offset + 10;
  }
  return start + length <= frames.length ? frames.subarray(start, start + length) : undefined;
}
