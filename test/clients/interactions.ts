/** Slash commands of a simulated guild. https://discord.com/developers/docs/interactions/receiving-and-responding */
import { randomBytes } from 'node:crypto';
import type { Simulator } from '../../src/simulator/index.ts';
import type { Entity } from './compare.ts';

/** Milliseconds between 1970 and the first snowflake. https://discord.com/developers/docs/reference#snowflakes */
const DISCORD_EPOCH_MS = 1_420_070_400_000;
const ALL_PERMISSIONS = '562949953421311';

/** `d` of an INTERACTION_CREATE: a member says `/name` in a channel. */
export function interactionIn(simulator: Simulator, channelId: string, name: string): Entity {
  const at = simulator.rest.channelIds(0).indexOf(channelId);
  const guildId = simulator.guildIds(0)[at] ?? '';
  const guild = simulator.guild(guildId) ?? {};
  // The lists of a guild that is not out.
  const [channel] = (guild['channels'] as Entity[]).filter(({ id }) => id === channelId);
  const member = (guild['members'] as Entity[])[3];
  return {
    id: snowflake(),
    application_id: '100000000000000000',
    type: 2,
    version: 1,
    token: randomBytes(64).toString('base64url'),
    guild_id: guildId,
    channel_id: channelId,
    guild: { id: guildId, locale: 'en-US', features: [] },
    channel: { ...channel, guild_id: guildId, permissions: ALL_PERMISSIONS },
    member: { ...member, permissions: ALL_PERMISSIONS },
    data: { id: snowflake(), name, type: 1 },
    locale: 'de',
    guild_locale: 'en-US',
    entitlements: [],
    context: 0,
    authorizing_integration_owners: { '0': guildId },
    attachment_size_limit: 10_485_760,
    app_permissions: ALL_PERMISSIONS,
  };
}

function snowflake(): string {
  return String(BigInt(Date.now() - DISCORD_EPOCH_MS) << 22n);
}
