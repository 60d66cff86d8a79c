/**
 * Reads a gateway payload's `t`, `s` and `op` from its bytes, without parsing `d`. On the hot path: the payload in
 * Discord's own key order (`t,s,op,d`, no white space) costs one pass over some 40 bytes; any other order is parsed
 * whole, which is right but slow, and is counted by callers through `usedParser`.
 */
import { eventTypeId } from './event-types.ts';
import { Opcode } from './opcodes.ts';

export interface PayloadHeader {
  op: number;
  /** Sequence number of a dispatch; 0 where there is none. */
  sequence: number;
  /** Event type id (event-types.ts) of a dispatch; meaningless otherwise. */
  typeId: number;
  /** Whether the slow way was taken. */
  usedParser: boolean;
}

const PREFIX = Buffer.from('{"t":"');
const AFTER_TYPE = Buffer.from('","s":');
const AFTER_SEQUENCE = Buffer.from(',"op":0,"d":');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const CLOSE_BRACE = 0x7d;
/** `{"t":"A","s":1,"op":0,"d":0}` */
const SHORTEST_DISPATCH_BYTES = 29;
/** Event names are some 35 characters at most; a longer run is no event name. */
const MAX_TYPE_BYTES = 64;
/** 15 digits stay below 2^53. */
const MAX_SEQUENCE_DIGITS = 15;

function matches(bytes: Buffer, offset: number, expected: Buffer): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[offset + i] !== expected[i]) return false;
  return true;
}

/** The position just behind the type name's closing quote, or -1. */
function typeEnd(bytes: Buffer, start: number, end: number): number {
  const limit = Math.min(end, start + MAX_TYPE_BYTES);
  for (let i = start; i < limit; i++) {
    if (bytes[i] === QUOTE) return i;
    if (bytes[i] === BACKSLASH) return -1;
  }
  return -1;
}

function scanDispatch(bytes: Buffer, header: PayloadHeader, start: number, end: number): boolean {
  // A payload that was cut short must not be logged; its end is the cheapest sign of that.
  if (end - start < SHORTEST_DISPATCH_BYTES || bytes[end - 1] !== CLOSE_BRACE) return false;
  if (!matches(bytes, start, PREFIX)) return false;
  const typeStart = start + PREFIX.length;
  const quote = typeEnd(bytes, typeStart, end);
  if (quote < 0 || !matches(bytes, quote, AFTER_TYPE)) return false;
  let position = quote + AFTER_TYPE.length;
  const digitsEnd = Math.min(end, position + MAX_SEQUENCE_DIGITS);
  let sequence = 0;
  for (; position < digitsEnd; position++) {
    const digit = (bytes[position] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) break;
    sequence = sequence * 10 + digit;
  }
  if (sequence === 0 || position + AFTER_SEQUENCE.length >= end || !matches(bytes, position, AFTER_SEQUENCE))
    return false;
  header.op = Opcode.Dispatch;
  header.sequence = sequence;
  header.typeId = eventTypeId(bytes, typeStart, quote);
  header.usedParser = false;
  return true;
}

/**
 * Fills `header` from the payload in `bytes`, from `start` to `end`. Returns false where that is no gateway payload: not JSON,
 * no object, no integer `op`, or a dispatch without a name.
 */
export function scanHeader(bytes: Buffer, header: PayloadHeader, start = 0, end = bytes.length): boolean {
  return scanDispatch(bytes, header, start, end) || parseHeader(bytes.toString('utf8', start, end), header);
}

function parseHeader(text: string, header: PayloadHeader): boolean {
  let payload: unknown;
  try {
    payload = JSON.parse(text);
  } catch {
    return false;
  }
  if (typeof payload !== 'object' || payload === null) return false;
  const { op, s, t } = payload as { op?: unknown; s?: unknown; t?: unknown };
  if (!Number.isSafeInteger(op)) return false;
  header.op = op as number;
  header.sequence = 0;
  header.usedParser = true;
  if (op !== Opcode.Dispatch) return true;
  // RESUMED may come without a sequence; whoever needs one looks.
  const isAbsent = s === undefined || s === null;
  if (typeof t !== 'string' || !(isAbsent || (Number.isSafeInteger(s) && (s as number) > 0))) return false;
  header.sequence = isAbsent ? 0 : (s as number);
  const name = Buffer.from(t, 'latin1');
  header.typeId = eventTypeId(name, 0, name.length);
  return true;
}
