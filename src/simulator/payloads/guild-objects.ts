/**
 * What a guild consists of, as Discord documents it: settings, roles, channels. Its ids may be gaps that events.ts fills in.
 * https://discord.com/developers/docs/resources/guild#guild-object
 */
import type { Random } from '../random.ts';
import { BOT_USER_ID } from './users.ts';

/** What a guild always has, and what its members and events may refer to. */
export interface GuildIds {
  id: string;
  channelId: string;
  voiceChannelId: string;
  /** The roles that its members can have. It may have more roles than these. */
  roleIds: readonly string[];
}

/** Bits of a permission set, as a decimal string. https://discord.com/developers/docs/topics/permissions */
export const PERMISSIONS = '2222085186637376';

/** What GUILD_CREATE and GUILD_UPDATE have in common, without the roles. */
export function guildSettings(guild: GuildIds, random: Random): Record<string, unknown> {
  return {
    id: guild.id,
    icon: null,
    splash: null,
    discovery_splash: null,
    banner: null,
    description: null,
    owner_id: BOT_USER_ID,
    application_id: null,
    afk_channel_id: null,
    afk_timeout: 300,
    verification_level: 1,
    default_message_notifications: 0,
    explicit_content_filter: 0,
    mfa_level: 0,
    nsfw_level: 0,
    features: ['COMMUNITY', 'NEWS'],
    system_channel_id: guild.channelId,
    system_channel_flags: 0,
    rules_channel_id: guild.channelId,
    public_updates_channel_id: guild.channelId,
    safety_alerts_channel_id: null,
    vanity_url_code: null,
    max_members: 500_000,
    max_presences: null,
    max_video_channel_users: 25,
    max_stage_video_channel_users: 50,
    premium_tier: 0,
    premium_subscription_count: random.below(20),
    premium_progress_bar_enabled: false,
    preferred_locale: 'en-US',
    widget_enabled: false,
    widget_channel_id: null,
    incidents_data: null,
    emojis: [],
    stickers: [],
  };
}

/** `@everyone`, whose id is the guild's, and those of `roleIds`. https://discord.com/developers/docs/topics/permissions#role-object */
export function roles(guildId: string, roleIds: readonly string[], random: Random): unknown[] {
  return [role(guildId, '@everyone', 0, 0)].concat(
    roleIds.map((id, index) => role(id, `role ${index} 🛡`, index + 1, random.below(0xffffff))),
  );
}

function role(id: string, name: string, position: number, color: number): Record<string, unknown> {
  return {
    id,
    name,
    position,
    color,
    colors: { primary_color: color, secondary_color: null, tertiary_color: null },
    hoist: false,
    managed: false,
    mentionable: false,
    permissions: PERMISSIONS,
    flags: 0,
    icon: null,
    unicode_emoji: null,
  };
}

/** A text channel without its `guild_id`, which GUILD_CREATE leaves out. https://discord.com/developers/docs/resources/channel */
export function textChannel(id: string, position: number): Record<string, unknown> {
  return { ...channel(id, 0, position), last_message_id: null };
}

export function voiceChannel(id: string, position: number): Record<string, unknown> {
  return {
    ...channel(id, 2, position),
    last_message_id: null,
    bitrate: 64_000,
    user_limit: 0,
    rtc_region: null,
  };
}

function channel(id: string, type: number, position: number): Record<string, unknown> {
  return {
    id,
    type,
    name: `channel-${position}`,
    position,
    topic: null,
    nsfw: false,
    parent_id: null,
    permission_overwrites: [],
    rate_limit_per_user: 0,
    flags: 0,
  };
}
