/**
 * The bytes that source and sink agree on: WebSocket frames (RFC 6455, 5.2) and where an event keeps its
 * index and send time. No sockets and no JSON here. Runs per event in the sink.
 *
 * The last key of every event's `d` is a `nonce` of fixed width, so it lies at a fixed distance from the end of
 * the frame whatever stands before it, and survives a middle that parses and re-serialises:
 *
 *     …,"nonce":"IIIIIIIIITTTTTTTTTTTTTTTT"}}      I: index (9 digits), T: send time in µs (16 digits)
 */

export const INDEX_DIGITS = 9;
export const TIME_DIGITS = 16;

/** `"}}` closes the nonce, `d` and the payload. */
const CLOSING_BYTES = 3;
const KEY = '"nonce":"';

export const NONCE_PLACEHOLDER = `${KEY}${'0'.repeat(INDEX_DIGITS + TIME_DIGITS)}"`;

/** Distances from the end of a frame. */
export const TIME_FROM_END = CLOSING_BYTES + TIME_DIGITS;
export const INDEX_FROM_END = TIME_FROM_END + INDEX_DIGITS;
const KEY_FROM_END = INDEX_FROM_END + KEY.length;

const DIGIT_ZERO = 0x30;
const QUOTE = 0x22;
const COLON = 0x3a;
const LETTER_N = 0x6e;

/** Whether the frame that ends at `end` is an event of the benchmark; a few bytes tell it from everything else we receive. */
export function isEvent(bytes: Uint8Array, start: number, end: number): boolean {
  const key = end - KEY_FROM_END;
  return (
    key > start &&
    bytes[key] === QUOTE &&
    bytes[key + 1] === LETTER_N &&
    bytes[key + 6] === QUOTE &&
    bytes[key + 7] === COLON
  );
}

export function readDigits(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = at; i < at + count; i++) value = value * 10 + (bytes[i] as number) - DIGIT_ZERO;
  return value;
}

export function writeDigits(bytes: Uint8Array, at: number, count: number, value: number): void {
  for (let i = at + count - 1; i >= at; i--) {
    bytes[i] = DIGIT_ZERO + (value % 10);
    value = Math.floor(value / 10);
  }
}

/** CLOCK_MONOTONIC in µs: the same clock in every process of this machine. */
export function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Bytes of the frame that starts at `at`, header included, or 0 while its header is incomplete. Server frames carry no mask. */
export function frameBytes(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < 2) return 0;
  const short = (bytes[at + 1] as number) & 0x7f;
  if (short < 126) return 2 + short;
  if (short === 126) {
    return end - at < 4 ? 0 : 4 + (((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number));
  }
  if (end - at < 10) return 0;
  return 10 + new DataView(bytes.buffer, bytes.byteOffset + at + 6, 4).getUint32(0);
}

/** Where the payload of a frame of `size` bytes begins. */
export function headerBytes(size: number): number {
  if (size < 2 + 126) return 2;
  return size < 4 + 65_536 ? 4 : 10;
}

const TEXT_FINAL = 0x81;

/** Every event is longer than a one-byte length can say. */
const MIN_EVENT_BYTES = 126;
const MAX_SHORT_EVENT_BYTES = 65_535;

export function eventHeaderBytes(payloadBytes: number): number {
  return payloadBytes > MAX_SHORT_EVENT_BYTES ? 10 : 4;
}

export function writeEventHeader(bytes: Buffer, at: number, payloadBytes: number): void {
  if (payloadBytes < MIN_EVENT_BYTES) throw new RangeError(`an event of ${payloadBytes} bytes`);
  const isShort = payloadBytes <= MAX_SHORT_EVENT_BYTES;
  bytes[at] = TEXT_FINAL;
  bytes[at + 1] = isShort ? 126 : 127;
  if (isShort) bytes.writeUInt16BE(payloadBytes, at + 2);
  else bytes.writeBigUInt64BE(BigInt(payloadBytes), at + 2);
}

/** A client's text frame. Clients must mask; a mask of zeros leaves the payload as it is. */
export function clientTextFrame(payload: object): Buffer {
  const text = Buffer.from(JSON.stringify(payload));
  if (text.length > 65_535) throw new RangeError('a client payload over 64 KiB');
  const length = text.length < 126 ? [0x80 | text.length] : [0xfe, text.length >> 8, text.length & 0xff];
  return Buffer.concat([Buffer.from([TEXT_FINAL, ...length, 0, 0, 0, 0]), text]);
}
