/**
 * Finds one key of a dispatch's `d` without parsing the rest: a GUILD_CREATE has up to megabytes, and only its `id` is
 * wanted. Walks bytes once, skipping strings and nested values.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COLON = 0x3a;

/** Depth of the keys of `d`: the payload's own braces are 1, those of `d` 2. */
const DEPTH_OF_D = 2;

function stringEnd(bytes: Buffer, start: number): number {
  let end = bytes.indexOf(QUOTE, start);
  while (end > 0) {
    let backslashes = 0;
    while (bytes[end - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
    end = bytes.indexOf(QUOTE, end + 1);
  }
  return bytes.length;
}

/**
 * The raw JSON text of a scalar `key` of `d` (`"123"` with its quotes, `true`, `7`), or `undefined` where `d` has no
 * such key. `payload` is a whole dispatch whose only top-level object is `d`.
 */
export function scalarOfD(payload: Buffer, key: string): string | undefined {
  let depth = 0;
  for (let i = 0; i < payload.length; i++) {
    const byte = payload[i];
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth--;
    else if (byte === QUOTE) {
      const end = stringEnd(payload, i + 1);
      if (
        depth === DEPTH_OF_D &&
        payload[end + 1] === COLON &&
        payload.toString('latin1', i + 1, end) === key
      ) {
        return scalarAt(payload, end + 2);
      }
      i = end;
    }
  }
  return undefined;
}

function scalarAt(payload: Buffer, start: number): string | undefined {
  if (payload[start] === QUOTE) return payload.toString('utf8', start, stringEnd(payload, start + 1) + 1);
  const text = /^[\w.+-]+/.exec(payload.toString('latin1', start, start + 32));
  return text?.[0];
}
