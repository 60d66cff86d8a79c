/** The bot's own user, which is in every guild and whose changes come once, without a guild. */
import { type GuildDraft, ParsedDraft } from './draft.ts';
import { idOf, type JsonObject, objectOf, without } from './json.ts';
import type { GuildOptions } from './lists.ts';

/** What a user is told about itself alone. https://discord.com/developers/docs/resources/user#user-object */
const NOT_IN_MEMBERS: ReadonlySet<string> = new Set(['email', 'verified', 'mfa_enabled', 'locale', 'phone']);

/** `guild` after a USER_UPDATE with this `d`; the very same where that is another user, or none. */
export function reduceOwnUser(guild: JsonObject, d: unknown, options: GuildOptions): JsonObject {
  const draft = new ParsedDraft(guild, options);
  applyOwnUser(draft, d);
  return draft.finish() ?? guild;
}

export function applyOwnUser(draft: GuildDraft, d: unknown): void {
  const user = objectOf(d);
  const { ownUserId } = draft.options;
  const member = draft.find('members', ownUserId);
  if (!user || !member || idOf(user['id']) !== ownUserId) return;
  const merged = { ...objectOf(member['user']), ...without(user, NOT_IN_MEMBERS) };
  draft.put('members', { ...member, user: merged });
}
