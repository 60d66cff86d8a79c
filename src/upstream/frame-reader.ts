/**
 * Cuts what a server sends into WebSocket frames (RFC 6455, 5.2) without a copy, a view or a call a frame. On the hot path: `ws`
 * spends more on taking a frame apart than we do on everything else with it (docs/benchmark.md). Only plain data frames
 * are read here: whole, unmasked, uncompressed. All others (control frames, fragments, what breaks the protocol) go to `ws`
 * as they are, each whole, so that it answers, assembles or refuses them as ever. UTF-8 is not checked, as `ws` does not
 * check it in compressed messages either.
 */

export interface FrameListener {
  /** The payload of a data frame is `bytes` from `start` to `end`; valid during the call. */
  onData(bytes: Buffer, start: number, end: number, isBinary: boolean): void;
  /** Any other frame, with its header. */
  onOther(frame: Buffer): void;
}

/** A frame is longer than any of Discord's: the connection can't be read any further. */
export class FrameError extends Error {
  override name = 'FrameError';
}

/** The largest GUILD_CREATEs have some 10 MB. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;

const FIN_TEXT = 0x81;
const FIN_BINARY = 0x82;
const CLOSE = 0x88;
const MASK_BIT = 0x80;
const LENGTH_BITS = 0x7f;
const LENGTH_16_BIT = 126;
const LENGTH_64_BIT = 127;
const MASK_BYTES = 4;
const MAX_HEADER_BYTES = 14;

export class FrameReader {
  readonly #listener: FrameListener;
  /** The beginning of a frame whose end has not come yet. */
  #pending = Buffer.alloc(0);
  #pendingBytes = 0;
  /** How much of it there must be before it is looked at again. */
  #wantedBytes = 0;
  #isClosed = false;

  constructor(listener: FrameListener) {
    this.#listener = listener;
  }

  /** Takes what has arrived. Throws `FrameError`, and is of no use after. */
  push(chunk: Buffer): void {
    let offset = 0;
    while (this.#pendingBytes > 0 && offset < chunk.length) {
      const end = Math.min(chunk.length, offset + this.#wantedBytes - this.#pendingBytes);
      this.#keep(chunk, offset, end);
      offset = end;
      if (this.#pendingBytes < this.#wantedBytes) return;
      const bytes = this.#pendingBytes;
      this.#pendingBytes = 0;
      const read = this.#readFrames(this.#pending, 0, bytes);
      if (read < bytes) this.#pendingBytes = bytes;
    }
    if (offset === chunk.length) return;
    const read = this.#readFrames(chunk, offset, chunk.length);
    if (read < chunk.length && !this.#isClosed) this.#keep(chunk, read, chunk.length);
  }

  /** Reads whole frames from `start` on; returns where the first begins that is not whole. Sets `#wantedBytes` for it. */
  #readFrames(bytes: Buffer, start: number, end: number): number {
    let offset = start;
    while (offset < end && !this.#isClosed) {
      const headerBytes = headerLength(bytes, offset, end);
      const payloadStart = offset + headerBytes;
      if (payloadStart > end) {
        this.#wantedBytes = headerBytes;
        return offset;
      }
      const frameEnd = payloadStart + payloadLength(bytes, offset);
      if (frameEnd - offset > MAX_FRAME_BYTES) throw new FrameError(`a frame of ${frameEnd - offset} bytes`);
      if (frameEnd > end) {
        this.#wantedBytes = frameEnd - offset;
        return offset;
      }
      this.#emit(bytes, offset, payloadStart, frameEnd);
      offset = frameEnd;
    }
    return offset;
  }

  #emit(bytes: Buffer, start: number, payloadStart: number, end: number): void {
    const first = bytes[start];
    const isMasked = ((bytes[start + 1] ?? 0) & MASK_BIT) !== 0;
    if (first === FIN_TEXT && !isMasked) return this.#listener.onData(bytes, payloadStart, end, false);
    if (first === FIN_BINARY && !isMasked) return this.#listener.onData(bytes, payloadStart, end, true);
    // Nothing counts that comes after a close frame.
    if (first === CLOSE) this.#isClosed = true;
    // A copy: `ws` may keep it, and `#pending` is written over.
    this.#listener.onOther(Buffer.from(bytes.subarray(start, end)));
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    const needed = Math.max(this.#wantedBytes, this.#pendingBytes + end - start);
    if (this.#pending.length < needed) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#pending.length * 2));
      this.#pending.copy(larger, 0, 0, this.#pendingBytes);
      this.#pending = larger;
    }
    chunk.copy(this.#pending, this.#pendingBytes, start, end);
    this.#pendingBytes += end - start;
  }
}

/** Bytes of the header that begins at `offset`, as far as they can be told: too few where there is only its first byte. */
function headerLength(bytes: Buffer, offset: number, end: number): number {
  if (end - offset < 2) return 2;
  const second = bytes[offset + 1] ?? 0;
  const short = second & LENGTH_BITS;
  const lengthBytes = short === LENGTH_64_BIT ? 8 : short === LENGTH_16_BIT ? 2 : 0;
  return Math.min(MAX_HEADER_BYTES, 2 + lengthBytes + (second & MASK_BIT ? MASK_BYTES : 0));
}

/** The payload's length from a header that is all there. */
function payloadLength(bytes: Buffer, offset: number): number {
  const short = (bytes[offset + 1] ?? 0) & LENGTH_BITS;
  if (short === LENGTH_16_BIT) return ((bytes[offset + 2] ?? 0) << 8) | (bytes[offset + 3] ?? 0);
  if (short === LENGTH_64_BIT)
    return bytes.readUInt32BE(offset + 2) * 0x1_0000_0000 + bytes.readUInt32BE(offset + 6);
  return short;
}
