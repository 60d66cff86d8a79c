/** One request on its way through the API. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ReceivedBody } from './body.ts';
import type { Call } from './conduct.ts';
import type { Disturbance } from './faults.ts';
import type { Excess, VisibleBucket } from './limiter.ts';
import type { Route } from './route.ts';

export interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Where it comes from. */
  readonly address: string;
  /** After `/api/v10`. */
  readonly path: string;
  readonly query: string;
  readonly version: number;
  /** Undefined where there is no such route. */
  readonly route: Route | undefined;
  readonly params: Record<string, string>;
  /** What follows `Bot `; undefined without. */
  readonly token: string | undefined;
  readonly call: Call;
  readonly disturbance: Disturbance;
  /** What is known of it so far. */
  visible?: VisibleBucket;
  excess?: Excess;
  body?: ReceivedBody;
}

/** Parameters that have limits of their own, where the path begins with them. */
const MAJOR = ['channel', 'guild', 'webhook'] as const;

/** The major parameter of a route, without the secret that a webhook's has. */
export function majorOf(route: Route, params: Readonly<Record<string, string>>): string {
  const name = MAJOR.find((each) => route.template.startsWith(`/${each}s/:${each}`));
  if (name === undefined) return '';
  const token = name === 'webhook' ? params['token'] : undefined;
  return token === undefined ? `${params[name]}` : `${params[name]} ${digest(token)}`;
}

export function routeName(route: Route | undefined): string {
  return route ? `${route.method} ${route.template}` : 'unknown';
}

export function botToken(authorization: string | undefined): string | undefined {
  return authorization?.startsWith('Bot ') ? authorization.slice('Bot '.length) : undefined;
}

/** Enough to tell secrets apart without telling them. */
function digest(secret: string): string {
  return createHash('sha256').update(secret).digest('hex').slice(0, 12);
}
