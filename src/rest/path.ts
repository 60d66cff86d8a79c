/**
 * The one parser of what a worker asks for. Its result is both what the limiter judges and what is forwarded: nobody else
 * reads a path, so that no spelling can be one thing here and another at Discord. Pure.
 */

export type PathRefusal =
  /** An absolute URL, an authority, `*`: anything that does not begin with one slash. */
  | 'not-a-path'
  | 'too-long'
  /** Control characters, spaces, non-ASCII, and `\`, `#`, `;`, `<`, `>`, `"`, `{`, `}`, `|`, `^`, backquote. */
  | 'characters'
  /** A broken escape, one that is no UTF-8, or one that hides `/`, `\`, `.`, `%`, `;` or a control character. */
  | 'escape'
  /** `.` or `..`, plain or escaped. */
  | 'dot-segment'
  /** `//` or a slash at the end. */
  | 'empty-segment'
  | 'outside-api'
  | 'version';

export interface ApiPath {
  readonly kind: 'path';
  /** Canonical, with `/api` and the version, without the query. Parsing it again gives the same. */
  readonly path: string;
  /** With its `?`, as it came; empty where there was none. */
  readonly query: string;
  /** `undefined` where the path names none: Discord's default. */
  readonly version: number | undefined;
  /** What follows the version, unescaped. */
  readonly segments: readonly string[];
}

export type PathParse = ApiPath | { readonly kind: 'refused'; readonly reason: PathRefusal };

/** Longest request target, query included. Discord's longest are searches of some hundred characters. */
export const MAX_TARGET_CHARACTERS = 4_096;

/** https://discord.com/developers/docs/reference#api-versioning-api-versions; those below 9 are deprecated, and answered by Discord. */
const MIN_VERSION = 6;
const MAX_VERSION = 10;

const TARGET = /^[!$-:=?-[\]_a-z~]*$/;
/** In a path, not in a query. */
const SEGMENT = /^[!$&-.0-:=@A-Z_a-z~%]*$/;
/** Characters that stand for themselves in a segment; the others are escaped. */
const NEEDS_ESCAPE = /[^!$&-.0-:=@A-Z_a-z~]/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f/\\%;.]/;

export function parsePath(target: string): PathParse {
  if (target.length > MAX_TARGET_CHARACTERS) return refused('too-long');
  if (target.charCodeAt(0) !== 0x2f) return refused('not-a-path');
  if (!TARGET.test(target)) return refused('characters');
  const queryAt = target.indexOf('?');
  const raw = queryAt < 0 ? target : target.slice(0, queryAt);
  const query = queryAt < 0 ? '' : target.slice(queryAt);
  const segments: string[] = [];
  for (const segment of raw.slice(1).split('/')) {
    const plain = unescapeSegment(segment);
    if (typeof plain !== 'string') return plain;
    segments.push(plain);
  }
  return withinApi(raw, segments, query === '?' ? '' : query);
}

function unescapeSegment(segment: string): string | Extract<PathParse, { kind: 'refused' }> {
  if (segment === '') return refused('empty-segment');
  if (segment === '.' || segment === '..') return refused('dot-segment');
  if (!SEGMENT.test(segment)) return refused('characters');
  if (!segment.includes('%')) return segment;
  if (/^(?:\.|%2e)+$/i.test(segment)) return refused('dot-segment');
  if (/%(?![0-9A-Fa-f]{2})/.test(segment)) return refused('escape');
  // Whatever an escape hides is looked at apart from what stands there openly: a dot in a file name is no danger.
  for (const escaped of segment.match(/(?:%[0-9A-Fa-f]{2})+/g) ?? []) {
    const hidden = decode(escaped);
    if (hidden === undefined || HIDDEN.test(hidden)) return refused('escape');
  }
  return decode(segment) ?? refused('escape');
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function withinApi(raw: string, segments: readonly string[], query: string): PathParse {
  if (segments[0] !== 'api' || segments.length < 2) return refused('outside-api');
  const second = segments[1] ?? '';
  let version: number | undefined;
  if (/^v\d+$/i.test(second)) {
    version = Number(second.slice(1));
    if (second !== `v${version}` || version < MIN_VERSION || version > MAX_VERSION) return refused('version');
    if (segments.length < 3) return refused('outside-api');
  }
  return {
    kind: 'path',
    path: raw.includes('%') ? `/${segments.map(escapeSegment).join('/')}` : raw,
    query,
    version,
    segments: segments.slice(version === undefined ? 1 : 2),
  };
}

function escapeSegment(segment: string): string {
  return segment.replace(NEEDS_ESCAPE, (character) => encodeURIComponent(character));
}

function refused(reason: PathRefusal): Extract<PathParse, { kind: 'refused' }> {
  return { kind: 'refused', reason };
}
