/** What the proxy needs from the rest of the program. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '../../runtime/clock.ts';
import type { RestLimiter } from '../limiter.ts';
import type { Upstream } from './upstream.ts';

/** Whoever a worker token belongs to. */
export interface Caller {
  readonly name: string;
  /** The only application that it may be used for; otherwise all. */
  readonly applicationId?: string | undefined;
}

export interface CallerAuthenticator {
  authenticate(token: string): Caller | undefined;
}

export interface ProxiedApplication {
  readonly id: string;
  /** The application's own; read for each request, because it may change. */
  readonly botToken: () => string;
  readonly limiter: RestLimiter;
  readonly upstream: Upstream;
  /** `undefined` as long as it is not known. */
  readonly shardCount: () => number | undefined;
}

export interface ProxyLimits {
  /** Workers' connections; one more gets a 503. */
  readonly maxConnections: number;
  /** Bodies of this size and less are read before they wait, and can be sent again; larger ones wait in the socket. */
  readonly maxSmallBodyBytes: number;
  /** What all bodies in memory may take: beyond it small ones wait in their sockets as well. */
  readonly maxHeldBytes: number;
  /** How long a request waits that does not say. */
  readonly defaultDeadlineMs: number;
  readonly maxDeadlineMs: number;
  /** For so long a worker may send or read nothing of a body. */
  readonly stallTimeoutMs: number;
  readonly headersTimeoutMs: number;
}

export interface ProxyLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ProxyOptions {
  readonly host: string;
  /** 0 takes one of the system's choice. */
  readonly port: number;
  readonly applications: readonly ProxiedApplication[];
  readonly authenticator: CallerAuthenticator;
  /** Where workers find our gateway; `undefined`: `GET /gateway` and `/gateway/bot` are Discord's to answer. */
  readonly gatewayUrl: ((headers: IncomingHttpHeaders) => string) | undefined;
  readonly limits: ProxyLimits;
  readonly clock: Clock;
  readonly log: ProxyLog;
}
