/** Finds out which guild a dispatch is of, mostly without parsing it. Rules alone. */
import { scalarOfD } from '../protocol/json-scan.ts';
import { guildIdKey, guildIdOf } from './reducer.ts';

const KEY = Buffer.from('"guild_id":"');
const QUOTED = /^"(.+)"$/;
const QUOTE = 0x22;

/**
 * The id of the guild that the dispatch in `bytes`, from `start` to `end`, speaks of; `undefined` where it speaks of none, or is no
 * JSON.
 */
export function scanGuildId(type: string, bytes: Buffer, start: number, end: number): string | undefined {
  const id =
    guildIdKey(type) === 'id'
      ? QUOTED.exec(scalarOfD(bytes.subarray(start, end), 'id') ?? '')?.[1]
      : onlyGuildId(bytes, start, end);
  return id ?? parsedGuildId(type, bytes, start, end);
}

/**
 * Where the key's value is the same wherever it stands, it is that of `d`, or `d` has none and then the reducer ignores the dispatch.
 * What strings say can't be mistaken for it, because their quotes have a backslash before them; only a key could that ends so.
 */
function onlyGuildId(bytes: Buffer, start: number, end: number): string | undefined {
  let found: string | undefined;
  const last = bytes.lastIndexOf(KEY, end - 1);
  for (let position = last < start ? -1 : bytes.indexOf(KEY, start); position >= 0; ) {
    const from = position + KEY.length;
    const id = bytes.toString('latin1', from, bytes.indexOf(QUOTE, from));
    if (found !== undefined && found !== id) return undefined;
    found = id;
    position = position === last ? -1 : bytes.indexOf(KEY, from);
  }
  return found;
}

function parsedGuildId(type: string, bytes: Buffer, start: number, end: number): string | undefined {
  try {
    return guildIdOf(type, (JSON.parse(bytes.toString('utf8', start, end)) as { d?: unknown } | null)?.d);
  } catch {
    return undefined;
  }
}
