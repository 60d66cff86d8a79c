/**
 * A guild's GUILD_CREATE as of now, as a session with certain intents gets it.
 * https://discord.com/developers/docs/events/gateway-events#guild-create
 */
import { ALL_INTENTS, INTENTS } from '../../protocol/intents.ts';
import { BOT_USER_ID } from '../payloads/users.ts';
import { type Entity, type LiveGuild, text, texts, userIdOf } from './entities.ts';

/** A guild with more members is `large` where IDENTIFY says nothing else. */
export const DEFAULT_LARGE_THRESHOLD = 50;

/** Whose GUILD_CREATE it is. */
export interface GuildView {
  intents?: number;
  /** As in IDENTIFY. */
  largeThreshold?: number;
}

/** Without a view: all there is, with all members however large the guild. */
export function guildCreateBody(guild: LiveGuild, view?: GuildView): Entity {
  const { id } = guild.identity;
  if (!guild.isAvailable) return { id, unavailable: true };
  const intents = view?.intents ?? ALL_INTENTS;
  const { lists } = guild;
  const has = (intent: number) => (intents & intent) !== 0;
  const isLarge = guild.fullSize > (view?.largeThreshold ?? DEFAULT_LARGE_THRESHOLD);
  const members = [...lists.members.values()];
  const isShown = view && shownMembers(guild, has(INTENTS.GUILD_PRESENCES), isLarge);
  return {
    ...guild.settings,
    ...guild.extras,
    large: isLarge,
    unavailable: false,
    member_count: guild.memberCount,
    roles: [...lists.roles.values()],
    emojis: [...lists.emojis.values()],
    stickers: [...lists.stickers.values()],
    channels: [...lists.channels.values()],
    threads: [...lists.threads.values()],
    members: isShown ? members.filter(isShown) : members,
    presences: has(INTENTS.GUILD_PRESENCES) ? [...lists.presences.values()] : [],
    voice_states: has(INTENTS.GUILD_VOICE_STATES) ? [...lists.voice_states.values()] : [],
    stage_instances: [...lists.stage_instances.values()],
    guild_scheduled_events: has(INTENTS.GUILD_SCHEDULED_EVENTS)
      ? [...lists.guild_scheduled_events.values()]
      : [],
    soundboard_sounds: [...lists.soundboard_sounds.values()],
  };
}

/**
 * Without presences: the bot and who is in voice. In a large guild besides: who is online, has a role or a nickname.
 * https://discord.com/developers/docs/events/gateway-events#request-guild-members
 */
function shownMembers(
  { lists }: LiveGuild,
  hasPresences: boolean,
  isLarge: boolean,
): ((member: Entity) => boolean) | undefined {
  if (hasPresences && !isLarge) return undefined;
  return (member) => {
    const id = userIdOf(member);
    if (id === BOT_USER_ID || lists.voice_states.has(id)) return true;
    if (!hasPresences) return false;
    return lists.presences.has(id) || texts(member, 'roles').length > 0 || text(member, 'nick') !== '';
  };
}
