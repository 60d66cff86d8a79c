/** What becomes of a request for a WebSocket, before the handshake: the rules, in one place. Pure. */
import type { IncomingHttpHeaders } from 'node:http';
import { findApplication } from './applications.ts';
import { type HttpRequest, pathOf } from './http-answers.ts';
import type { Peers, ServedApplication } from './ports.ts';

/** How a request's path names a shard. */
export type PathReading =
  | { readonly kind: 'any' }
  | { readonly kind: 'shard'; readonly shardId: number; readonly applicationId?: string }
  | { readonly kind: 'invalid' };

export interface UpgradeOptions {
  readonly applications: readonly ServedApplication[];
  readonly peers?: Peers | undefined;
  readonly readPath: (requestTarget: string) => PathReading;
}

/** What the request for a connection said. */
export interface ConnectionRequest {
  readonly pathApplication: ServedApplication | undefined;
  readonly pathShardId: number | undefined;
  /** Of the gateway, as it was asked for. */
  readonly version: string;
  /** Another node has passed it on. */
  readonly isRelayed: boolean;
}

export type UpgradeReading =
  | ({ readonly kind: 'accepted' } & ConnectionRequest)
  | { readonly kind: 'refused'; readonly status: number; readonly message: string };

export function readUpgrade(
  { target, headers }: HttpRequest,
  { applications, peers, readPath }: UpgradeOptions,
): UpgradeReading {
  const path = readPath(target);
  if (path.kind === 'invalid') return refused(404, 'connect to / or /shards/<n>');
  const applicationId = path.kind === 'shard' ? path.applicationId : undefined;
  const pathApplication =
    applicationId === undefined ? undefined : findApplication(applications, applicationId);
  if (applicationId !== undefined && !pathApplication) {
    return refused(404, `application ${applicationId} is not served here; check the path, or discord.token`);
  }
  const header = peerHeader(pathOf(target), headers, peers);
  if (header.kind === 'invalid') return refused(401, header.why);
  const query = new URLSearchParams(target.split('?', 2)[1]);
  const unsupported = unsupportedFormat(query);
  if (unsupported !== undefined) return refused(400, unsupported);
  return {
    kind: 'accepted',
    pathApplication,
    pathShardId: path.kind === 'shard' ? path.shardId : undefined,
    version: query.get('v') ?? '10',
    isRelayed: header.kind === 'valid',
  };
}

/** What the owner of the shard should know about a worker that is passed on, so that it makes the same URLs for it. */
export function forwardedHeaders(
  headers: IncomingHttpHeaders,
  remoteAddress: string | undefined,
): Record<string, string> {
  const { host, 'x-forwarded-for': via, 'x-forwarded-proto': proto } = headers;
  const address = via === undefined ? remoteAddress : String(via);
  return {
    ...(host !== undefined && { host }),
    ...(address !== undefined && { 'x-forwarded-for': address }),
    ...(proto !== undefined && { 'x-forwarded-proto': String(proto) }),
  };
}

function peerHeader(path: string, headers: IncomingHttpHeaders, peers: Peers | undefined) {
  return peers ? peers.readHeader({ path, headers }) : ({ kind: 'none' } as const);
}

function unsupportedFormat(query: URLSearchParams): string | undefined {
  const encoding = query.get('encoding') ?? 'json';
  if (encoding !== 'json') return `encoding=${encoding} is not supported; use json`;
  const compression = query.get('compress');
  return compression === 'zlib-stream' || compression === 'zstd-stream'
    ? `compress=${compression} is not supported yet; switch compression off in your library (see docs/libraries.md)`
    : undefined;
}

function refused(status: number, message: string): UpgradeReading {
  return { kind: 'refused', status, message };
}
