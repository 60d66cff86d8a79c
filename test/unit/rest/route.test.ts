import { describe, expect, it } from 'vitest';
import { parsePath } from '../../../src/rest/path.ts';
import { type Method, type Route, routeOf } from '../../../src/rest/route.ts';
import { ROUTE_TEMPLATES } from '../../../src/rest/route-table.ts';

const APPLICATION = '900000000000000001';
const NOW_MS = Date.UTC(2026, 0, 31);

function route(method: Method, path: string, authorization?: string): Route {
  const parsed = parsePath(`/api/v10/${path}`);
  if (parsed.kind === 'refused') throw new Error(parsed.reason);
  return routeOf(method, parsed, { applicationId: APPLICATION, nowMs: NOW_MS, authorization });
}

function messageOf(ageMs: number): string {
  return String(BigInt(NOW_MS - ageMs - 1_420_070_400_000) << 22n);
}

describe('a route', () => {
  it.each<[Method, string, string, string]>([
    ['GET', 'channels/12/messages', 'GET /channels/:channel/messages', '12'],
    ['PATCH', 'guilds/13/members/14', 'PATCH /guilds/:guild/members/:id', '13'],
    [
      'PUT',
      'channels/1/messages/2/reactions/x:5/@me',
      'PUT /channels/:channel/messages/:id/reactions/:emoji/@me',
      '1',
    ],
    ['POST', 'channels/1/messages/bulk-delete', 'POST /channels/:channel/messages/bulk-delete', '1'],
    ['GET', 'users/@me/guilds', 'GET /users/@me/guilds', ''],
    ['GET', 'invites/abc', 'GET /invites/:code', ''],
    ['GET', 'guilds/templates/abc', 'GET /guilds/templates/:code', ''],
    [
      'PUT',
      `applications/${APPLICATION}/guilds/7/commands`,
      'PUT /applications/:id/guilds/:guild/commands',
      '',
    ],
  ])('%s /%s is %s of %j', (method, path, template, major) => {
    expect(route(method, path)).toMatchObject({ template, major, global: 'application', needsToken: true });
  });

  it('that is asked for with a token of OAuth2 has limits for each such token, and no bot token', () => {
    const [bot, ada, bob] = [undefined, 'Bearer ada', 'Bearer bob'].map((token) =>
      route('GET', 'users/@me/guilds', token),
    );
    expect(ada).toMatchObject({
      template: bot?.template,
      shape: 'GET /users/@me/guilds (user)',
      global: 'user',
      needsToken: false,
    });
    expect(new Set([bot?.major, ada?.major, bob?.major]).size).toBe(3);
    expect(`${ada?.major}${bob?.major}`).not.toMatch(/ada|bob/);
  });

  it.each(['oauth2/token', 'oauth2/token/revoke'])('%s is for no bot token', (path) => {
    for (const token of [undefined, 'Basic YTpi']) {
      expect(route('POST', path, token)).toMatchObject({ global: 'address', needsToken: false, major: '' });
    }
    expect(route('POST', `${path}/more`)).toMatchObject({ needsToken: true });
  });

  it('that is not known is counted under its first segment, and learnt by its shape', () => {
    expect(route('GET', 'guilds/13/new-thing/14')).toMatchObject({
      template: 'GET /guilds/…',
      shape: 'GET /guilds/:1/new-thing/:3',
      major: '13',
    });
    expect(route('GET', 'unheard/of')).toMatchObject({ template: 'GET /…', major: '' });
  });

  it.each(['webhooks', 'interactions'])('of %s that is not known keeps no token in its shape', (head) => {
    expect(route('POST', `${head}/1/tokenofsmallletters/unheard-of`).shape).toBe(
      `POST /${head}/:1/:2/unheard-of`,
    );
  });

  it('has a template out of a bounded set', () => {
    const segments = ['channels', '1', 'messages', 'x', '%C3%A9', '@me', 'reactions', 'webhooks'];
    const seen = new Set<string>();
    for (const a of segments) {
      for (const b of segments) {
        for (const c of segments) seen.add(route('GET', `${a}/${b}/${c}`).template.replace('GET /', ''));
      }
    }
    const known = new Set([...ROUTE_TEMPLATES, 'channels/…', 'webhooks/…', '…']);
    expect([...seen].filter((template) => !known.has(template))).toEqual([]);
  });

  it.each([
    [5_000, ' (young)'],
    [60_000, ''],
    [15 * 86_400_000, ' (old)'],
    [14 * 86_400_000 - 500, ' (old)'],
  ])('that deletes a message of %i ms is limited as such', (ageMs, suffix) => {
    expect(route('DELETE', `channels/1/messages/${messageOf(ageMs)}`).template).toBe(
      `DELETE /channels/:channel/messages/:id${suffix}`,
    );
  });

  it.each([
    [60_000, ''],
    [3_600_000 - 500, ' (old)'],
    [86_400_000, ' (old)'],
  ])('that edits a message of %i ms is limited as such', (ageMs, suffix) => {
    expect(route('PATCH', `channels/1/messages/${messageOf(ageMs)}`).template).toBe(
      `PATCH /channels/:channel/messages/:id${suffix}`,
    );
  });

  it('to answer an interaction is exempt from the global limit and goes without the bot token', () => {
    expect(route('POST', 'interactions/77/secret/callback')).toMatchObject({
      template: 'POST /interactions/:interaction/:token/callback',
      major: '77',
      global: 'exempt',
      needsToken: false,
      isInteraction: true,
    });
    expect(route('PATCH', `webhooks/${APPLICATION}/secret/messages/@original`)).toMatchObject({
      template: 'PATCH /webhooks/:webhook/:token/messages/@original',
      global: 'exempt',
      needsToken: false,
      isInteraction: true,
      webhookId: undefined,
    });
  });

  it('of a webhook by its token counts for the address, and has the token in nothing', () => {
    const found = route('POST', 'webhooks/55/secret-token');
    expect(found).toMatchObject({
      global: 'address',
      needsToken: false,
      webhookId: '55',
      isInteraction: false,
    });
    expect(JSON.stringify(found)).not.toContain('secret-token');
    expect(found.major).not.toBe(route('POST', 'webhooks/55/another').major);
  });

  it('of a webhook without its token needs the bot token', () => {
    expect(route('GET', 'webhooks/55')).toMatchObject({
      global: 'application',
      needsToken: true,
      major: '55',
    });
  });
});
