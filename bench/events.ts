/**
 * The events of the benchmark: dispatches (key order t,s,op,d; median 600 bytes) encoded as finished WebSocket frames
 * before any clock starts.
 */
import { makeBodies } from './bodies.ts';
import {
  EVENT_HEADER_BYTES,
  INDEX_DIGITS,
  INDEX_FROM_END,
  NONCE_PLACEHOLDER,
  TIME_DIGITS,
  TIME_FROM_END,
  writeDigits,
  writeEventHeader,
} from './wire.ts';

/** Different events; enough of them that no cache or branch predictor learns them by heart. */
const TEMPLATES = 4_096;

export interface EventTemplate {
  readonly beforeSequence: Buffer;
  readonly afterSequence: Buffer;
}

export interface EncodedEvents {
  /** All frames, one after the other. */
  readonly bytes: Buffer;
  /** Where each frame ends; it begins where the one before it ends. */
  readonly ends: Uint32Array;
}

export function makeTemplates(): EventTemplate[] {
  return makeBodies(TEMPLATES).map(({ type, body }) => ({
    beforeSequence: Buffer.from(`{"t":"${type}","s":`),
    afterSequence: Buffer.from(`,"op":0,"d":${JSON.stringify(body).slice(0, -1)},${NONCE_PLACEHOLDER}}}`),
  }));
}

/** `count` events with consecutive sequences and indices; their send times are still zero. */
export function encodeEvents(
  templates: readonly EventTemplate[],
  count: number,
  firstSequence: number,
  firstIndex: number,
): EncodedEvents {
  const at = (i: number) => templates[(firstIndex + i) % templates.length] as EventTemplate;
  const size = (i: number) =>
    at(i).beforeSequence.length + `${firstSequence + i}`.length + at(i).afterSequence.length;
  const ends = new Uint32Array(count);
  let total = 0;
  for (let i = 0; i < count; i++) {
    total += EVENT_HEADER_BYTES + size(i);
    ends[i] = total;
  }
  const bytes = Buffer.allocUnsafeSlow(total);
  let offset = 0;
  for (let i = 0; i < count; i++) {
    const template = at(i);
    writeEventHeader(bytes, offset, size(i));
    offset += EVENT_HEADER_BYTES;
    offset += template.beforeSequence.copy(bytes, offset);
    offset += bytes.write(`${firstSequence + i}`, offset, 'latin1');
    offset += template.afterSequence.copy(bytes, offset);
    writeDigits(bytes, offset - INDEX_FROM_END, INDEX_DIGITS, firstIndex + i);
  }
  return { bytes, ends };
}

/** Writes the send time into the frame that ends at `end`. */
export function stampEvent(bytes: Buffer, end: number, timeUs: number): void {
  writeDigits(bytes, end - TIME_FROM_END, TIME_DIGITS, timeUs);
}
