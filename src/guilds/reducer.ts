/**
 * The current GUILD_CREATE of a guild out of an earlier one and the dispatches since. Rules alone: no clock, no bytes. Bodies are
 * JSON as Discord sent it, so that fields that nobody here knows survive.
 */
import { type GuildDraft, ParsedDraft } from './draft.ts';
import { activityEvents } from './events/activity-events.ts';
import { channelEvents } from './events/channel-events.ts';
import type { GuildEvent } from './events/event.ts';
import { guildEvents } from './events/guild-events.ts';
import { memberEvents } from './events/member-events.ts';
import { threadEvents } from './events/thread-events.ts';
import { idOf, type JsonObject, objectOf } from './json.ts';
import type { GuildOptions } from './lists.ts';

/** A dispatch as far as guilds depend on it. */
export interface GuildDispatch {
  readonly t: string;
  readonly d: unknown;
}

// A Map: a type that is named like a member of Object is still an unknown one.
const EVENTS: ReadonlyMap<string, GuildEvent> = new Map(
  [guildEvents, channelEvents, threadEvents, memberEvents, activityEvents].flatMap(Object.entries),
);

/** Events whose `d` is the guild itself. */
const OF_THE_GUILD: ReadonlySet<string> = new Set(['GUILD_CREATE', 'GUILD_UPDATE', 'GUILD_DELETE']);

/** The key of `d` that holds the guild's id. */
export function guildIdKey(type: string): 'id' | 'guild_id' {
  return OF_THE_GUILD.has(type) ? 'id' : 'guild_id';
}

/** The guild that a dispatch speaks of; `undefined` where it speaks of none. */
export function guildIdOf(type: string, d: unknown): string | undefined {
  return idOf(objectOf(d)?.[guildIdKey(type)]);
}

/** The types that can change a guild under these options; all others need not be kept for it. */
export function relevantEventTypes(options: GuildOptions): ReadonlySet<string> {
  return new Set([...EVENTS].filter(([, event]) => isRelevant(event, options)).map(([type]) => type));
}

/**
 * `guild` after a dispatch; `undefined` before its GUILD_CREATE and once the bot has left. The result depends on the arguments
 * alone, which stay as they are; it shares objects with them. A dispatch that is malformed, unknown, of another guild or of a
 * kind that is switched off gives back `guild` itself. An outage keeps what is known, marked `unavailable: true`.
 */
export function reduceGuild(
  guild: JsonObject | undefined,
  type: string,
  d: unknown,
  options: GuildOptions,
): JsonObject | undefined {
  return reduceGuildAll(guild, [{ t: type, d }], options);
}

/** As `reduceGuild` for one dispatch after the other, but in one pass over the guild for all of them. */
export function reduceGuildAll(
  guild: JsonObject | undefined,
  dispatches: Iterable<GuildDispatch>,
  options: GuildOptions,
): JsonObject | undefined {
  const draft = new ParsedDraft(guild, options);
  for (const dispatch of dispatches) applyDispatch(draft, dispatch);
  return draft.finish();
}

export function applyDispatch(draft: GuildDraft, { t, d }: GuildDispatch): void {
  const event = EVENTS.get(t);
  const body = objectOf(d);
  if (!event || !body || !isRelevant(event, draft.options) || !speaksOf(draft, t, body)) return;
  event.apply(draft, body);
}

function speaksOf(draft: GuildDraft, type: string, d: JsonObject): boolean {
  const id = guildIdOf(type, d);
  if (!draft.isKnown) return id !== undefined && OF_THE_GUILD.has(type);
  return id !== undefined && id === draft.field('id');
}

function isRelevant(event: GuildEvent, options: GuildOptions): boolean {
  if (event.isWanted && !event.isWanted(options)) return false;
  return event.kinds === undefined || event.kinds.some((kind) => !options.off.has(kind));
}
