/**
 * The routes of Discord's API as far as we know them: the bounded set of templates for metrics and limits. A route that
 * is missing still works; it is limited and counted under a general template. `:channel`, `:guild`, `:webhook` and `:id`
 * stand for numbers, the others for any segment. https://discord.com/developers/docs/reference
 */

const CHANNEL = `
messages messages/:id messages/bulk-delete messages/pins messages/pins/:id messages/:id/crosspost messages/:id/threads
messages/:id/reactions messages/:id/reactions/:emoji messages/:id/reactions/:emoji/@me messages/:id/reactions/:emoji/:user
permissions/:id invites followers typing pins pins/:id recipients/:id threads threads/archived/public
threads/archived/private users/@me/threads/archived/private thread-members thread-members/@me thread-members/:id webhooks
voice-status send-soundboard-sound polls/:id/answers/:id polls/:id/expire attachments`;

const GUILD = `
preview channels threads/active members members/search members/@me members/@me/nick members/:id members/:id/roles/:id
bans bans/:id bulk-ban roles roles/:id roles/member-counts mfa prune regions invites integrations integrations/:id widget
widget.json widget.png vanity-url welcome-screen onboarding voice-states/@me voice-states/:id audit-logs
auto-moderation/rules auto-moderation/rules/:id emojis emojis/:id stickers stickers/:id scheduled-events
scheduled-events/:id scheduled-events/:id/users templates templates/:code soundboard-sounds soundboard-sounds/:id webhooks
incident-actions messages/search new-member-welcome requests requests/:id`;

const APPLICATION = `
commands commands/:id guilds/:guild/commands guilds/:guild/commands/:id guilds/:guild/commands/permissions
guilds/:guild/commands/:id/permissions emojis emojis/:id entitlements entitlements/:id entitlements/:id/consume skus
role-connections/metadata activity-instances/:instance attachment`;

const WEBHOOK = `:token :token/slack :token/github :token/messages/@original :token/messages/:id`;

const USER = `
users/@me users/@me/guilds users/@me/guilds/:guild users/@me/guilds/:guild/member users/@me/channels
users/@me/connections users/@me/applications/:id/role-connection users/:id`;

const OTHER = `
gateway gateway/bot interactions/:interaction/:token/callback invites/:code oauth2/applications/@me oauth2/@me oauth2/token
oauth2/token/revoke applications/@me guilds guilds/templates/:code stage-instances stage-instances/:channel sticker-packs
sticker-packs/:id stickers/:id soundboard-default-sounds voice/regions skus/:id/subscriptions
skus/:id/subscriptions/:id lobbies lobbies/:id lobbies/:id/members/:id lobbies/:id/members/@me
lobbies/:id/channel-linking lobbies/:id/messages`;

function under(prefix: string, routes: string): string[] {
  return [prefix, ...words(routes).map((route) => `${prefix}/${route}`)];
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

export const ROUTE_TEMPLATES: readonly string[] = [
  ...under('channels/:channel', CHANNEL),
  ...under('guilds/:guild', GUILD),
  ...under('applications/:id', APPLICATION),
  ...under('webhooks/:webhook', WEBHOOK),
  ...words(USER),
  ...words(OTHER),
];

/** First segments that unknown routes are counted under. */
export const ROUTE_HEADS: ReadonlySet<string> = new Set(
  ROUTE_TEMPLATES.map((template) => template.split('/', 1)[0] ?? ''),
);
