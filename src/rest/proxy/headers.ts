/**
 * Which headers pass, in both directions: all but those that concern one hop (RFC 9110, 7.6.1) and those that are ours. Names and
 * values stay as they were written, in their order. Pure; runs per request.
 */

/** Of one hop, both ways. */
const HOP_BY_HOP = [
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** Of requests: those we write ourselves, and what proxies before us say of the worker. */
const REQUEST_DROPPED: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'authorization',
  'content-length',
  'expect',
  'forwarded',
  'host',
  'via',
  'x-real-ip',
]);
const REQUEST_DROPPED_PREFIXES = ['x-shardmux-', 'x-forwarded-'];

/** Of answers: also the offer to speak with Discord's own address by another protocol. */
const RESPONSE_DROPPED: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'alt-svc']);

/** Names and values in turn. `connection` is the request's own header of that name. */
export function forwardedRequestHeaders(raw: readonly string[], connection: string | undefined): string[] {
  const listed = listedIn(connection);
  const headers: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? '';
    const lower = name.toLowerCase();
    if (listed?.has(lower) || REQUEST_DROPPED.has(hyphened(lower))) continue;
    if (
      lower.startsWith('x') &&
      REQUEST_DROPPED_PREFIXES.some((prefix) => hyphened(lower).startsWith(prefix))
    )
      continue;
    headers.push(name, raw[at + 1] ?? '');
  }
  return headers;
}

/** Some servers take `_` for `-`: what is dropped is dropped under both names. */
function hyphened(name: string): string {
  return name.includes('_') ? name.replaceAll('_', '-') : name;
}

export type ParsedHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** As undici gives them: pairs of HTTP/1.1, an object of HTTP/2. */
export type RawHeaders = readonly (Buffer | string)[] | ParsedHeaders;

/** Names and values in turn. `parsed` are the same headers by lower-case name: a value that is text there needs no decoding again. */
export function forwardedResponseHeaders(raw: RawHeaders, parsed: ParsedHeaders = {}): string[] {
  const pairs = isPairs(raw) ? raw : pairsOf(raw);
  const headers: string[] = [];
  let connection: string | undefined;
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    const name = textOf(pairs[at]);
    const lower = name.toLowerCase();
    const known = parsed[lower];
    const isDropped = RESPONSE_DROPPED.has(lower);
    if (isDropped && lower !== 'connection') continue;
    const value = typeof known === 'string' ? known : textOf(pairs[at + 1]);
    if (!isDropped) headers.push(name, value);
    else connection = connection === undefined ? value : `${connection},${value}`;
  }
  const listed = listedIn(connection);
  return listed ? without(listed, headers) : headers;
}

function without(names: ReadonlySet<string>, headers: readonly string[]): string[] {
  // A value stands behind its name.
  return headers.filter((_, at) => !names.has((headers[at - (at % 2)] ?? '').toLowerCase()));
}

function isPairs(raw: RawHeaders): raw is readonly (Buffer | string)[] {
  return Array.isArray(raw);
}

function textOf(part: Buffer | string | undefined): string {
  return typeof part === 'string' ? part : (part?.toString('latin1') ?? '');
}

function pairsOf(headers: Exclude<RawHeaders, readonly unknown[]>): string[] {
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    // HTTP/2 has the status and the like among them.
    if (value === undefined || name.startsWith(':')) continue;
    for (const one of Array.isArray(value) ? value : [value]) pairs.push(name, one);
  }
  return pairs;
}

/** What a `Connection` header says is of this hop. Nothing for the usual ones, which name no header. */
function listedIn(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || /^(?:keep-alive|close)$/i.test(connection)) return undefined;
  return new Set(connection.split(',').map((token) => token.trim().toLowerCase()));
}
