/** Leaves out of a GUILD_CREATE what is switched off. */
import { type JsonObject, objectsOf, without } from './json.ts';
import { type GuildOptions, isOff, keeps, LIST_KEYS, LISTS, type ListKey } from './lists.ts';

/** A list that Discord always sends stays, empty; the bot's own member and voice state stay in theirs. */
export function stripGuild(guild: JsonObject, options: GuildOptions): JsonObject {
  if (options.off.size === 0) return guild;
  const off = LIST_KEYS.filter((key) => isOff(key, options) && key in guild);
  const optional = off.filter((key) => !LISTS[key].isAlwaysSent);
  const emptied = off.filter((key) => LISTS[key].isAlwaysSent);
  return {
    ...without(guild, new Set(optional)),
    ...Object.fromEntries(emptied.map((key) => [key, kept(key, guild[key], options)])),
  };
}

function kept(key: ListKey, list: unknown, options: GuildOptions): JsonObject[] {
  return (objectsOf(list) ?? []).filter((element) => {
    const id = LISTS[key].elementId(element);
    return id !== undefined && keeps(key, id, options);
  });
}
