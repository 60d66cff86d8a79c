/**
 * Reads HTTP/1.1 as narrowly as it can be read, from bytes that are there: for tests that ask whether what a program sends can mean one
 * thing only. Not a parser for anything else.
 */

export interface StrictMessage {
  /** The request line or status line. */
  readonly first: string;
  /** Lower-case names, values as they are, in their order. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

export type StrictReading =
  | { readonly kind: 'message'; readonly message: StrictMessage; readonly rest: string }
  /** More bytes may make it one. */
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'malformed'; readonly why: string };

const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)$/;
const INCOMPLETE = { kind: 'incomplete' } as const;

/** The first message in `text`, which is latin1. `hasNoBody`: by its status or method. */
export function readStrictly(text: string, hasNoBody: (first: string) => boolean): StrictReading {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return INCOMPLETE;
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers: [string, string][] = [];
  for (const line of lines) {
    const [, name, value] = HEADER.exec(line) ?? [];
    if (name === undefined || value === undefined) return malformed(`header ${JSON.stringify(line)}`);
    headers.push([name.toLowerCase(), value]);
  }
  const rest = text.slice(end + 4);
  const lengths = valuesOf(headers, 'content-length');
  const codings = valuesOf(headers, 'transfer-encoding');
  if (lengths.length + codings.length > 1) return malformed('framed twice');
  if (codings.length === 1 && codings[0] !== 'chunked') return malformed(`coding ${codings[0]}`);
  if (codings.length === 1) return chunked(first, headers, rest);
  const [length] = lengths;
  if (length !== undefined && !/^\d+$/.test(length)) return malformed(`length ${length}`);
  const bytes = hasNoBody(first) ? 0 : Number(length ?? 0);
  if (rest.length < bytes) return INCOMPLETE;
  return {
    kind: 'message',
    message: { first, headers, body: rest.slice(0, bytes) },
    rest: rest.slice(bytes),
  };
}

export function valuesOf(headers: StrictMessage['headers'], wanted: string): string[] {
  return headers.flatMap(([name, value]) => (name === wanted ? [value] : []));
}

function chunked(first: string, headers: StrictMessage['headers'], text: string): StrictReading {
  let body = '';
  for (let rest = text; ; ) {
    const line = rest.indexOf('\r\n');
    if (line < 0) return INCOMPLETE;
    const size = rest.slice(0, line);
    if (!/^[0-9a-fA-F]+$/.test(size)) return malformed(`chunk size ${JSON.stringify(size)}`);
    const bytes = Number.parseInt(size, 16);
    const after = line + 2 + bytes;
    if (rest.length < after + 2) return INCOMPLETE;
    if (rest.slice(after, after + 2) !== '\r\n') return malformed('a chunk does not end where it says');
    if (bytes === 0)
      return { kind: 'message', message: { first, headers, body }, rest: rest.slice(after + 2) };
    body += rest.slice(line + 2, after);
    rest = rest.slice(after + 2);
  }
}

function malformed(why: string): StrictReading {
  return { kind: 'malformed', why };
}
