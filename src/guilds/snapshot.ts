/** A guild as a worker gets it that has just IDENTIFYed. */
import { idOf, type JsonObject, objectOf, objectsOf } from './json.ts';
import { LIST_KEYS, LISTS } from './lists.ts';

export interface SnapshotOptions {
  readonly ownUserId: string;
  /** `user` of READY: stands in for a member of the bot that was never seen. */
  readonly ownUser?: JsonObject | undefined;
}

/** Whether Discord has said that an outage hides the guild: workers get a GUILD_DELETE then, not a GUILD_CREATE. */
export function isUnavailable(guild: JsonObject): boolean {
  return guild['unavailable'] === true;
}

/**
 * `d` of the GUILD_CREATE that follows READY: `unavailable: false`, which tells it from a join; each member once and the bot's
 * own among them; `member_count` no less than they are; every list that Discord always sends. Of an unavailable guild it is
 * `d` of the GUILD_DELETE that workers get instead.
 */
export function asSnapshot(guild: JsonObject, options: SnapshotOptions): JsonObject {
  if (isUnavailable(guild)) return { id: guild['id'], unavailable: true };
  const members = membersOf(guild, options);
  const count = guild['member_count'];
  return {
    ...guild,
    ...missingLists(guild),
    unavailable: false,
    member_count: Math.max(typeof count === 'number' ? count : 0, members.length),
    members,
  };
}

function missingLists(guild: JsonObject): JsonObject {
  const missing = LIST_KEYS.filter((key) => LISTS[key].isAlwaysSent && !Array.isArray(guild[key]));
  return Object.fromEntries(missing.map((key) => [key, []]));
}

/** Of two members with one id the later one is the newer one. */
function membersOf(guild: JsonObject, { ownUserId, ownUser }: SnapshotOptions): JsonObject[] {
  const byId = new Map<string, JsonObject>();
  for (const member of objectsOf(guild['members']) ?? []) {
    const id = LISTS.members.elementId(member);
    if (id !== undefined) byId.set(id, member);
  }
  if (!byId.has(ownUserId)) byId.set(ownUserId, unseenMember(guild, { id: ownUserId, ...objectOf(ownUser) }));
  return [...byId.values()];
}

/** What a member cannot do without. https://discord.com/developers/docs/resources/guild#guild-member-object */
function unseenMember(guild: JsonObject, user: JsonObject): JsonObject {
  const joinedAt = idOf(guild['joined_at']) ?? null;
  return { user, roles: [], joined_at: joinedAt, deaf: false, mute: false, flags: 0, pending: false };
}
