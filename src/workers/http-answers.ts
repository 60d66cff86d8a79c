/**
 * What the worker port answers to plain HTTP: `GET /gateway` and `/gateway/bot` (so that stock libraries find their way by
 * themselves), `/healthz` for HAProxy, and what other nodes ask. Pure.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { gatewayBotBody } from '../protocol/gateway-bot.ts';
import { findApplication } from './applications.ts';
import type { Account, Authenticator, Peers, ServedApplication } from './ports.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly body: object;
  readonly retryAfterS?: number;
}

export interface HttpRequest {
  /** Request target, with its query. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

export interface HttpAnswerOptions {
  readonly applications: readonly ServedApplication[];
  readonly authenticator: Authenticator;
  readonly publicUrl: string | undefined;
  readonly peers?: Peers | undefined;
}

/** Seconds a worker that was turned away for load is told to wait. */
export const RETRY_AFTER_S = 5;

const NOT_FOUND: HttpAnswer = { status: 404, body: { message: '404: Not Found', code: 0 } };
const UNAUTHORIZED: HttpAnswer = { status: 401, body: { message: '401: Unauthorized', code: 0 } };

const GATEWAY = /^(?:\/api(?:\/v\d+)?)?\/gateway(\/bot)?$/;
const HELD_SHARDS = /^\/cluster\/applications\/([^/]+)\/shards$/;

export function answerHttp(
  request: HttpRequest,
  options: HttpAnswerOptions,
  isDraining: boolean,
): HttpAnswer {
  const path = pathOf(request.target);
  if (path === '/healthz') {
    return { status: isDraining ? 503 : 200, body: { status: isDraining ? 'draining' : 'ok' } };
  }
  const [, applicationId] = HELD_SHARDS.exec(path) ?? [];
  if (applicationId !== undefined) return answerPeer(applicationId, { path, ...request }, options);
  const gateway = GATEWAY.exec(path);
  if (!gateway) return NOT_FOUND;
  const url = publicUrl(request.headers, options.publicUrl);
  return gateway[1] === undefined
    ? { status: 200, body: { url } }
    : answerGatewayBot(url, request.headers.authorization ?? '', options);
}

/** A request's path: its target without the query. */
export function pathOf(target: string): string {
  return target.split('?', 1)[0] ?? '';
}

/** Where the worker that asks reaches us, without a path. */
export function publicUrl(headers: IncomingHttpHeaders, configured: string | undefined): string {
  if (configured !== undefined) return configured.replace(/\/+$/, '');
  // The first proxy in a row is the one that the worker spoke to.
  const [proto] = String(headers['x-forwarded-proto'] ?? '').split(',', 1);
  const scheme = /^(https|wss)$/i.test(proto?.trim() ?? '') ? 'wss' : 'ws';
  return `${scheme}://${headers.host ?? 'localhost'}`;
}

function answerGatewayBot(url: string, authorization: string, options: HttpAnswerOptions): HttpAnswer {
  const account = options.authenticator.authenticate(authorization.replace(/^Bot /, ''));
  if (!account) return UNAUTHORIZED;
  const application = applicationOf(account, options.applications);
  if (application === 'unbound') {
    const message = `there are ${options.applications.length} applications here and this token is for all of them: bind it to one in workers.tokens, or configure the number of shards in the worker and connect to /apps/<application id>/shards/<n>`;
    return { status: 400, body: { message, code: 0 } };
  }
  if (!application) return UNAUTHORIZED;
  const { shardCount: shards } = application.directory;
  if (shards === undefined) {
    const message = 'shardmux does not know the number of shards yet';
    return { status: 503, body: { message, code: 0 }, retryAfterS: RETRY_AFTER_S };
  }
  return { status: 200, body: gatewayBotBody(url, shards) };
}

function applicationOf(
  { applicationId }: Account,
  applications: readonly ServedApplication[],
): ServedApplication | 'unbound' | undefined {
  if (applicationId !== undefined) return findApplication(applications, applicationId);
  return applications.length > 1 ? 'unbound' : applications[0];
}

/** Which shards of an application this node holds, with their epochs: what a node that can't reach the store asks the others. */
function answerPeer(
  applicationId: string,
  request: { readonly path: string; readonly headers: IncomingHttpHeaders },
  { peers, applications }: HttpAnswerOptions,
): HttpAnswer {
  if (!peers) return NOT_FOUND;
  if (peers.readHeader(request).kind !== 'valid') return UNAUTHORIZED;
  if (!findApplication(applications, applicationId)) return NOT_FOUND;
  return {
    status: 200,
    body: { nodeId: peers.nodeId, shards: Object.fromEntries(peers.heldShards(applicationId)) },
  };
}
