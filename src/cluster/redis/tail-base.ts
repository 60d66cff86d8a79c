/** A tail's base as bytes. Pure. */
import type { TailBase } from '../../log/index.ts';
import { packJson, unpackJson } from '../packed-json.ts';

export function encodeBase(base: TailBase): Buffer {
  return packJson(base);
}

/** Throws where the bytes are not what was written. */
export function decodeBase(bytes: Buffer): TailBase {
  return unpackJson(bytes) as TailBase; // Only `encodeBase` writes them.
}
