/** How HTTP requests get to a server: to itself, or to a proxy that stands for it and knows it by `Host`. */
import { isIP } from 'node:net';
import { buildConnector } from 'undici';

export interface WayOutOptions {
  /** Of the server. */
  readonly url: string;
  /** `http://host:port` to connect to in its place. */
  readonly egressUrl: string | undefined;
  /** PEM; in place of the authorities that Node comes with. */
  readonly ca: string | undefined;
  readonly connectTimeoutMs: number;
  readonly allowHttp2: boolean;
}

export interface WayOut {
  /** To connect to. */
  readonly origin: string;
  /** For `Host`. */
  readonly host: string;
  readonly connect: buildConnector.connector;
}

export function wayOut({ url, egressUrl, ca, connectTimeoutMs, allowHttp2 }: WayOutOptions): WayOut {
  const server = new URL(url);
  const target = new URL(egressUrl ?? server.origin);
  // The certificate is that of whom we connect to, whatever `Host` says; TLS knows no names that are addresses.
  const isAddress = isIP(target.hostname.replace(/^\[|\]$/g, '')) !== 0;
  const named = isAddress ? {} : { servername: target.hostname };
  const connect = buildConnector({
    timeout: connectTimeoutMs,
    allowH2: allowHttp2,
    ...(ca === undefined ? {} : { ca }),
  });
  return {
    origin: target.origin,
    host: server.host,
    connect: ({ servername: _, ...options }, callback) => connect({ ...options, ...named }, callback),
  };
}
