/**
 * What can happen in a guild: an event type, how often, and the dispatches that tell of it. They are made from the state and don't
 * change it: changes.ts does, dispatch by dispatch.
 */
import { INTENTS } from '../../protocol/intents.ts';
import type { User } from '../payloads/users.ts';
import type { Random } from '../random.ts';
import type { Entity, ListName, LiveGuild } from './entities.ts';
import type { GuildSize } from './first-state.ts';
import type { People } from './people.ts';

/** One dispatch of what happened. */
export interface Emission {
  t: string;
  d: Entity;
  /** Where they differ from those of the event type. */
  intents?: number;
}

export interface Scene {
  readonly guild: LiveGuild;
  readonly size: GuildSize;
  readonly people: People;
  readonly random: Random;
  /** A snowflake that nothing has yet. */
  freshId(): string;
  /** Later than those before it. */
  freshTime(): string;
}

export interface Happening {
  /** The event type, and how a test names it. */
  t: string;
  /** Out of the sum of all weights. */
  weight: number;
  /** Where they differ from those of the event type. */
  intents?: number;
  /** Undefined where it can't happen just now. */
  make(scene: Scene): Emission[] | undefined;
}

/** Sent when any of these intents is there; 0: always. https://discord.com/developers/docs/events/gateway#list-of-intents */
const INTENTS_BY_PREFIX: readonly (readonly [string, number])[] = [
  ['GUILD_MEMBER', INTENTS.GUILD_MEMBERS],
  ['GUILD_EMOJIS', INTENTS.GUILD_EXPRESSIONS],
  ['GUILD_STICKERS', INTENTS.GUILD_EXPRESSIONS],
  ['GUILD_SOUNDBOARD', INTENTS.GUILD_EXPRESSIONS],
  ['GUILD_SCHEDULED_EVENT', INTENTS.GUILD_SCHEDULED_EVENTS],
  ['GUILD', INTENTS.GUILDS],
  ['CHANNEL', INTENTS.GUILDS],
  ['THREAD', INTENTS.GUILDS],
  ['STAGE', INTENTS.GUILDS],
  ['VOICE_CHANNEL', INTENTS.GUILDS],
  ['VOICE_STATE', INTENTS.GUILD_VOICE_STATES],
  ['PRESENCE', INTENTS.GUILD_PRESENCES],
  ['MESSAGE_REACTION', INTENTS.GUILD_MESSAGE_REACTIONS],
  ['MESSAGE', INTENTS.GUILD_MESSAGES],
  ['TYPING', INTENTS.GUILD_MESSAGE_TYPING],
];

export function intentsOf(t: string): number {
  return INTENTS_BY_PREFIX.find(([prefix]) => t.startsWith(prefix))?.[1] ?? 0;
}

export function isWanted(event: { t: string; intents?: number }, intents: number): boolean {
  const asked = event.intents ?? intentsOf(event.t);
  return asked === 0 || (asked & intents) !== 0;
}

/** An element of a list that passes, at random; undefined where none does. */
export function pickFrom(
  { guild, random }: Scene,
  list: ListName,
  passes: (one: Entity) => boolean = () => true,
): Entity | undefined {
  const found = [...guild.lists[list].values()].filter(passes);
  return found.length > 0 ? random.pick(found) : undefined;
}

/** Of a member. */
export function userOf(member: Entity): User {
  // The reason for the cast: members are made with a user.
  return member['user'] as User;
}
