/** What is to be seen of a request before its body: where it goes, and what it should not carry. Pure. */
import type { IncomingHttpHeaders } from 'node:http';

export type Target =
  | { kind: 'api'; version: number; path: string; query: string }
  | { kind: 'elsewhere' }
  /** No client writes it like this unless it means to get somewhere else. */
  | { kind: 'strange'; detail: string };

const API = /^\/api(?:\/v(\d{1,3}))?(\/.*)$/;

/** Without a version Discord takes the oldest that it still knows. */
const DEFAULT_VERSION = 6;

export function readTarget(url: string): Target {
  const [path = '', query = ''] = splitAt(url, '?');
  const strange = whatIsStrange(path);
  if (strange !== undefined) return { kind: 'strange', detail: strange };
  const [, version, rest] = API.exec(path) ?? [];
  if (rest === undefined) return { kind: 'elsewhere' };
  return {
    kind: 'api',
    version: version === undefined ? DEFAULT_VERSION : Number(version),
    path: rest,
    query,
  };
}

function whatIsStrange(path: string): string | undefined {
  if (!path.startsWith('/')) return 'an absolute URL';
  if (path.includes('//')) return 'an empty segment';
  if (/%2f|%5c|\\/i.test(path)) return 'an encoded slash';
  if (/\/(?:\.|%2e){1,2}(?:\/|$)/i.test(path)) return 'a dot segment';
  return undefined;
}

function splitAt(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** Headers that concern one hop, or tell of those before it. */
const STRAY = new Set([
  'forwarded',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'trailer',
  'upgrade',
  'x-real-ip',
]);

/** The first header that a proxy should have kept to itself. */
export function strayHeader(headers: IncomingHttpHeaders): string | undefined {
  for (const name of Object.keys(headers)) {
    if (STRAY.has(name) || name.startsWith('x-forwarded-') || name.startsWith('x-shardmux')) return name;
  }
  const { te, connection } = headers;
  if (te !== undefined && te !== 'trailers') return 'te';
  if (connection !== undefined && !/^(?:keep-alive|close)$/i.test(connection)) return 'connection';
  return undefined;
}
