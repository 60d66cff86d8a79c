/**
 * Request targets, and what their limits are counted per: one table for the node's rules (`request-paths.test.ts`) and for haproxy.cfg
 * (`test/integration/routing/haproxy-rest-paths.test.ts`), so that both agree. Not a test itself.
 */
export interface CountedPath {
  /** With `%` where an id is that decides. */
  readonly target: string;
  readonly method?: string;
  /** The path that stands for what it is counted per; `undefined`: it is counted per application. */
  readonly sameAs: string | undefined;
}

const CHANNEL = '/api/v10/channels/%';
const GUILD = '/api/v10/guilds/%';
const WEBHOOK = '/api/v10/webhooks/%';
const TOKEN = '/api/v10/webhooks/%/aW_token-Aa';
const CALLBACK = '/api/v10/interactions/%/aW_token-Aa/callback';

/** Of one application. */
export const COUNTED_PATHS: readonly CountedPath[] = [
  { target: '/api/v10/channels/%/messages', method: 'POST', sameAs: CHANNEL },
  { target: '/api/v10/channels/%/messages?limit=100&around=/guilds/3', sameAs: CHANNEL },
  { target: '/api/v9/channels/%/messages/4', method: 'DELETE', sameAs: CHANNEL },
  { target: '/api/channels/%/messages/4/reactions/%F0%9F%91%8D/@me', method: 'PUT', sameAs: CHANNEL },
  { target: '/apps/100000000000000000/api/v10/channels/%/typing', method: 'POST', sameAs: CHANNEL },
  { target: '/apps/100000000000000000/api/channels/%', method: 'PATCH', sameAs: CHANNEL },
  { target: '/api/v10/%63hannels/%', sameAs: CHANNEL },
  { target: '/api/v10/channels/%?', sameAs: CHANNEL },
  { target: '/api/v10/guilds/%/members/5', sameAs: GUILD },
  { target: '/api/v10/guilds/%/unheard/of', sameAs: GUILD },
  { target: '/api/v10/webhooks/%', method: 'PATCH', sameAs: WEBHOOK },
  { target: '/api/v10/webhooks/%/aW_token-Aa?wait=true', method: 'POST', sameAs: TOKEN },
  { target: '/api/v10/webhooks/%/aW_token-Aa/messages/@original', method: 'PATCH', sameAs: TOKEN },
  { target: '/apps/100000000000000000/api/v9/webhooks/%/aW_token-Aa/slack', method: 'POST', sameAs: TOKEN },
  { target: '/api/v10/webhooks/%/aW%5Ftoken-Aa', method: 'POST', sameAs: TOKEN },
  {
    target: '/api/v9/interactions/%/aW_token-Aa/callback?with_response=true',
    method: 'POST',
    sameAs: CALLBACK,
  },
  { target: '/api/v10/users/@me', sameAs: undefined },
  { target: '/api/v10/users/%', sameAs: undefined },
  { target: '/api/v10/users/@me/guilds/%/member', sameAs: undefined },
  { target: '/api/v9/guilds', method: 'POST', sameAs: undefined },
  { target: '/api/v10/guilds/templates/%', sameAs: undefined },
  { target: '/api/v10/channels/x%', sameAs: undefined },
  { target: '/api/v10/channels/123456789012345678901', sameAs: undefined },
  { target: '/api/v10/Channels/%', sameAs: undefined },
  { target: '/api/v10/webhooks/x%/token', sameAs: undefined },
  { target: '/api/v10/applications/100000000000000000/guilds/%/commands', method: 'PUT', sameAs: undefined },
  { target: '/api/v10/interactions/%/aW_token-Aa', sameAs: undefined },
  { target: '/api/v10/unheard/channels/%', sameAs: undefined },
  { target: '/apps/100000000000000000/api/v10/invites/%', sameAs: undefined },
];

/** Targets that neither HAProxy nor a node passes on. */
export const TRICKY_TARGETS: readonly string[] = [
  '/api/v10/../v10/users/@me',
  '/api/v10/channels/1/..',
  '/api/v10/channels/./1',
  '/api/v10/channels/.',
  '/api/v10/%2e%2e/users/@me',
  '/api/v10/.%2E/users/@me',
  '/api/v10/channels/1%2e%2e',
  '/api/v10/%252e%252e/users/@me',
  '/api/v10//users/@me',
  '/api//v10/users/@me',
  '/api/v10/users/@me//',
  '/api/v10/channels/1%2Fmessages',
  '/api/v10/channels/1\\..\\2',
  '/api/v10/channels/1%5c..%5C2',
  '/apps/100000000000000000/api/v10/../x',
  'http://discord.com/api/v10/users/@me',
  'http://shardmux/api/v10/users/@me',
  'https://user@discord.com/api/v10/users/@me',
];
