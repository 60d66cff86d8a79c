/**
 * The events of the benchmark: dispatches (key order t,s,op,d; median 600 bytes) encoded as finished WebSocket frames
 * before any clock starts.
 */
import { makeBodies } from './bodies.ts';
import {
  eventHeaderBytes,
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

/** Makes the shortest event long enough for the one kind of frame header that is written here. */
const MIN_BODY_BYTES = 120;

export function makeTemplates(): EventTemplate[] {
  return makeBodies(TEMPLATES).map(({ type, body }) => templateOf(type, JSON.stringify(body)));
}

/** `d`: an object as JSON text, with at least one key. */
export function templateOf(type: string, d: string): EventTemplate {
  const padding = d.length < MIN_BODY_BYTES ? `,"padding":"${'-'.repeat(MIN_BODY_BYTES - d.length)}"` : '';
  return {
    beforeSequence: Buffer.from(`{"t":"${type}","s":`),
    afterSequence: Buffer.from(`,"op":0,"d":${d.slice(0, -1)}${padding},${NONCE_PLACEHOLDER}}}`),
  };
}

/** Which event has this index. */
export type Choice = (index: number) => EventTemplate;

/** One after the other, over and over. */
export function inTurn(templates: readonly EventTemplate[]): Choice {
  return (index) => templates[index % templates.length] as EventTemplate; // There is one at each place.
}

/** `count` events with consecutive sequences and indices; their send times are still zero. */
export function encodeEvents(
  choose: Choice,
  count: number,
  firstSequence: number,
  firstIndex: number,
): EncodedEvents {
  const at = (i: number) => choose(firstIndex + i);
  const size = (i: number) =>
    at(i).beforeSequence.length + `${firstSequence + i}`.length + at(i).afterSequence.length;
  const ends = new Uint32Array(count);
  let total = 0;
  for (let i = 0; i < count; i++) {
    total += eventHeaderBytes(size(i)) + size(i);
    ends[i] = total;
  }
  const bytes = Buffer.allocUnsafeSlow(total);
  let offset = 0;
  for (let i = 0; i < count; i++) {
    const template = at(i);
    writeEventHeader(bytes, offset, size(i));
    offset += eventHeaderBytes(size(i));
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
