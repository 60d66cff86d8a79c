/** The bot's own user, which is in every guild and whose changes come once, without a guild. */
import { GuildDraft } from './draft.ts';
import { idOf, type JsonObject, objectOf, without } from './json.ts';
import type { GuildOptions } from './lists.ts';

/** What a user is told about itself alone. https://discord.com/developers/docs/resources/user#user-object */
const NOT_IN_MEMBERS: ReadonlySet<string> = new Set(['email', 'verified', 'mfa_enabled', 'locale', 'phone']);

/** `guild` after a USER_UPDATE with this `d`; the very same where that is another user, or none. */
export function reduceOwnUser(guild: JsonObject, d: unknown, options: GuildOptions): JsonObject {
  const user = objectOf(d);
  const draft = new GuildDraft(guild, options);
  const member = draft.find('members', options.ownUserId);
  if (!user || !member || idOf(user['id']) !== options.ownUserId) return guild;
  const merged = { ...objectOf(member['user']), ...without(user, NOT_IN_MEMBERS) };
  draft.put('members', { ...member, user: merged });
  return draft.finish() ?? guild;
}
