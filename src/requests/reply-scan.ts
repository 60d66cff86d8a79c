/**
 * Finds what tells of an answer which request it is to, and puts another nonce in its place, as bytes: a chunk has up to 1,000 members
 * and is not parsed. Pure. `"nonce":"` can't be part of a string, where its quotes would have a backslash each.
 */
import { CHANNEL_FIELDS } from './answers.ts';

/** Nonces of ours begin so, in every process: what an earlier one asked for is not for workers either. */
export const NONCE_PREFIX = 'shardmux:';

const NONCE_KEY = Buffer.from('"nonce":"');
const OUR_NONCE = Buffer.from(`"nonce":"${NONCE_PREFIX}`);
const CHUNK_INDEX = Buffer.from('"chunk_index":');
const CHUNK_COUNT = Buffer.from('"chunk_count":');
const QUOTE = 0x22;
const COMMA = 0x2c;
/** More than a number takes. */
const MAX_NUMBER_BYTES = 16;

export interface FoundNonce {
  readonly nonce: string;
  /** Of the key and its value, without commas. */
  readonly start: number;
  readonly end: number;
}

/** Where a nonce of ours is in the payload; `undefined` where there is none. */
export function findOurNonce(payload: Buffer): FoundNonce | undefined {
  const start = payload.indexOf(OUR_NONCE);
  if (start < 0) return undefined;
  const from = start + NONCE_KEY.length;
  const to = payload.indexOf(QUOTE, from);
  return to < 0 ? undefined : { nonce: payload.toString('latin1', from, to), start, end: to + 1 };
}

/** Which chunk of how many it is; `undefined` where it does not say. */
export function chunkNumbers(
  payload: Buffer,
): { readonly index: number; readonly count: number } | undefined {
  const index = numberAfter(payload, CHUNK_INDEX);
  const count = numberAfter(payload, CHUNK_COUNT);
  return index === undefined || count === undefined ? undefined : { index, count };
}

/** Of a CHANNEL_INFO, what it tells of channels. */
export function fieldsIn(payload: Buffer): readonly string[] {
  return [...CHANNEL_FIELDS].filter((field) => payload.includes(`"${field}":`));
}

/** The payload with another nonce, or without one, in pieces that are views of it. */
export function withNonce(payload: Buffer, { start, end }: FoundNonce, nonce: string | undefined): Buffer[] {
  if (nonce !== undefined) {
    const member = Buffer.from(`"nonce":${JSON.stringify(nonce)}`);
    return [payload.subarray(0, start), member, payload.subarray(end)];
  }
  // One of the commas beside it goes with it.
  if (payload[start - 1] === COMMA) return [payload.subarray(0, start - 1), payload.subarray(end)];
  return [payload.subarray(0, start), payload.subarray(payload[end] === COMMA ? end + 1 : end)];
}

function numberAfter(payload: Buffer, key: Buffer): number | undefined {
  const at = payload.indexOf(key);
  if (at < 0) return undefined;
  const from = at + key.length;
  const digits = /^\d+/.exec(payload.toString('latin1', from, from + MAX_NUMBER_BYTES))?.[0];
  return digits === undefined ? undefined : Number(digits);
}
