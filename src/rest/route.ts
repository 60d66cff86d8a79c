/**
 * What a request is for the limits: its template, its major parameter, and which of the wider limits it counts for. Pure,
 * but for the age of a message, for which the caller gives the time.
 */
import { createHash } from 'node:crypto';
import type { ApiPath } from './path.ts';
import { ROUTE_HEADS, ROUTE_TEMPLATES } from './route-table.ts';
import { specialOf } from './special-limits.ts';

export const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type Method = (typeof METHODS)[number];

export interface Route {
  /** `GET /channels/:channel/messages`: of a bounded set, fit for a metrics label. */
  readonly template: string;
  /** What limits are learnt for: the template; for routes that we don't know, their shape with ids left out. */
  readonly shape: string;
  /** What Discord counts a route's limit per; empty where there is none. Holds no token. */
  readonly major: string;
  /**
   * Whose limit of requests per second it counts for: the application's, that of the address it leaves from, that of a user whose token
   * it has (which is not known here), or none.
   */
  readonly global: 'application' | 'address' | 'user' | 'exempt';
  /** Whether the application's token belongs on it. */
  readonly needsToken: boolean;
  /** Where it uses a webhook by its token. */
  readonly webhookId: string | undefined;
  /** Whether a user waits for it and Discord gives it three seconds, or fifteen minutes for a follow-up. */
  readonly isInteraction: boolean;
}

interface TrieNode {
  readonly literals: Map<string, TrieNode>;
  number: TrieNode | undefined;
  any: TrieNode | undefined;
  template: string | undefined;
}

const NUMBERS = new Set([':channel', ':guild', ':webhook', ':id', ':interaction']);
const SNOWFLAKE = /^\d{1,20}$/;

const ROOT = newNode();
for (const template of ROUTE_TEMPLATES) addTemplate(template);

/** By method and template: the same text each time, which is looked up sooner than an equal one. */
const LABELS = new Map(
  METHODS.map((method) => [method, new Map(ROUTE_TEMPLATES.map((path) => [path, `${method} /${path}`]))]),
);

export interface RouteFacts {
  readonly applicationId: string;
  readonly nowMs: number;
  /** All of it, where that is known. */
  readonly body?: Buffer | null | undefined;
  /** Of OAuth2, where it is sent with such a one in place of the application's token. */
  readonly authorization?: string | undefined;
}

export function routeOf(method: Method, path: ApiPath, facts: RouteFacts): Route {
  const route = ownRouteOf(method, path, facts);
  const { authorization } = facts;
  if (isOAuth2TokenRoute(path)) return { ...route, global: 'address', needsToken: false };
  if (authorization === undefined || !route.needsToken) return route;
  // Discord counts per user what a user's token is for, and other limits are learnt there than for bots.
  const major = `${route.major}@${digest(authorization)}`;
  return { ...route, shape: `${route.shape} (user)`, major, global: 'user', needsToken: false };
}

/** Where OAuth2 clients get tokens and give them back: no bot token is for it. https://discord.com/developers/docs/topics/oauth2 */
export function isOAuth2TokenRoute({ segments }: ApiPath): boolean {
  if (segments[0] !== 'oauth2' || segments[1] !== 'token') return false;
  return segments.length === 2 || (segments.length === 3 && segments[2] === 'revoke');
}

function ownRouteOf(method: Method, path: ApiPath, { applicationId, nowMs, body }: RouteFacts): Route {
  const { segments } = path;
  const known = find(ROOT, segments, 0);
  const general = known ?? generalTemplate(segments);
  const maySpecial = method === 'PATCH' || method === 'DELETE';
  const special = maySpecial ? specialOf({ method, route: known, segments, nowMs, body }) : '';
  const template = `${LABELS.get(method)?.get(general) ?? `${method} /${general}`}${special}`;
  const shape = known === undefined ? `${method} /${shapeOf(segments)}` : template;
  const [head, id = '', token] = segments;
  const base = { template, shape, webhookId: undefined, isInteraction: false } as const;
  if (head === 'interactions' && token !== undefined && segments[3] === 'callback') {
    return { ...base, major: id, global: 'exempt', needsToken: false, isInteraction: true };
  }
  if (head === 'webhooks' && token !== undefined && SNOWFLAKE.test(id)) {
    const isInteraction = id === applicationId;
    return {
      ...base,
      major: `${id}/${digest(token)}`,
      global: isInteraction ? 'exempt' : 'address',
      needsToken: false,
      webhookId: isInteraction ? undefined : id,
      isInteraction,
    };
  }
  const hasMajor = (head === 'channels' || head === 'guilds' || head === 'webhooks') && SNOWFLAKE.test(id);
  return { ...base, major: hasMajor ? id : '', global: 'application', needsToken: true };
}

export function isMethod(text: string): text is Method {
  return (METHODS as readonly string[]).includes(text);
}

/** Whether Discord may do it twice and leave the same. */
export function isIdempotent(method: Method): boolean {
  return method !== 'POST' && method !== 'PATCH';
}

function newNode(): TrieNode {
  return { literals: new Map(), number: undefined, any: undefined, template: undefined };
}

function addTemplate(template: string): void {
  let node = ROOT;
  for (const part of template.split('/')) {
    if (NUMBERS.has(part)) node = node.number ??= newNode();
    else if (part.startsWith(':')) node = node.any ??= newNode();
    else {
      const next = node.literals.get(part) ?? newNode();
      node.literals.set(part, next);
      node = next;
    }
  }
  node.template = template;
}

function find(node: TrieNode, segments: readonly string[], at: number): string | undefined {
  const segment = segments[at];
  if (segment === undefined) return node.template;
  const literal = node.literals.get(segment);
  const found = literal && find(literal, segments, at + 1);
  if (found !== undefined) return found;
  const byNumber = node.number && SNOWFLAKE.test(segment) ? find(node.number, segments, at + 1) : undefined;
  return byNumber ?? (node.any && find(node.any, segments, at + 1));
}

function generalTemplate(segments: readonly string[]): string {
  const head = segments[0] ?? '';
  return ROUTE_HEADS.has(head) ? `${head}/…` : '…';
}

/** Words stay, whatever may name something goes. Unbounded in itself: the table of what was learnt is not. */
function shapeOf(segments: readonly string[]): string {
  const hasToken = segments[0] === 'webhooks' || segments[0] === 'interactions';
  return segments
    .map((part, at) => (!(hasToken && at === 2) && /^@?[a-z][a-z_-]{0,30}$/.test(part) ? part : `:${at}`))
    .join('/');
}

/** A webhook's token is a secret, and what is learnt about it outlives the process. */
function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64url').slice(0, 16);
}
