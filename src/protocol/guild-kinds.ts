/** What a GUILD_CREATE lists beside the guild itself and its roles: what can be left out of guild state, one by one. */
export const GUILD_KINDS = [
  'members',
  'presences',
  'voiceStates',
  'threads',
  'channels',
  'emojis',
  'stickers',
  'soundboard',
  'stageInstances',
  'scheduledEvents',
  'integrations',
] as const;

export type GuildKind = (typeof GUILD_KINDS)[number];
