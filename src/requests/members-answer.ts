/**
 * Answers a request for members from what is known of the guild, or says why that can't be done. Pure.
 * https://discord.com/developers/docs/events/gateway-events#request-guild-members
 */
import { INTENTS } from '../protocol/intents.ts';
import type { GuildBody, GuildMembers, MembersRequest } from './ports.ts';

/** Members that a search by name finds at most. */
const MAX_NAMED = 100;

/** Of a guild with more members Discord does not tell presences at first, so that nobody knows whether they are all there. */
const MAX_MEMBERS_WITH_PRESENCES = 75_000;

/** All keys that are understood here; what Discord may add to them, Discord answers. */
const KNOWN_KEYS: ReadonlySet<string> = new Set([
  'guild_id',
  'query',
  'limit',
  'presences',
  'user_ids',
  'nonce',
]);

export interface MembersKnowledge {
  readonly intents: number;
  readonly ownUserId: string | undefined;
  readonly keepsMembers: boolean;
  readonly keepsPresences: boolean;
  /** Discord has sent all members of the guild since its GUILD_CREATE. */
  readonly isWhole: boolean;
}

export interface FoundMembers {
  readonly size: number;
  /** Those from one index to another (exclusive), as JSON without the brackets. */
  text(from: number, to: number): Buffer;
  readonly notFound: readonly string[];
  /** Of those whose text it is; `undefined` where the answer has none. */
  readonly presences: ((members: Buffer) => readonly GuildBody[]) | undefined;
}

/** All members of a guild, which Discord sends once in 30 s. */
export function isFullRequest({ query, limit }: MembersRequest): boolean {
  return query === '' && limit === 0;
}

/** Discord does not answer a request for members of no name without the intent, and may do worse. */
export function isAllowed({ query }: MembersRequest, intents: number): boolean {
  return query !== '' || has(intents, INTENTS.GUILD_MEMBERS);
}

/** `undefined` where it takes Discord to know. */
export function findMembers(
  guild: GuildMembers,
  request: MembersRequest,
  knowledge: MembersKnowledge,
): FoundMembers | undefined {
  const wantsPresences = request.presences === true && has(knowledge.intents, INTENTS.GUILD_PRESENCES);
  if (!mayFind(guild, request, wantsPresences, knowledge)) return undefined;
  const found =
    request.user_ids === undefined ? byName(guild, request) : byId(guild, request.user_ids, knowledge);
  return found && { ...found, presences: wantsPresences ? presencesOf(guild) : undefined };
}

function mayFind(
  guild: GuildMembers,
  request: MembersRequest,
  wantsPresences: boolean,
  knowledge: MembersKnowledge,
): boolean {
  if (!knowledge.keepsMembers || !Object.keys(request).every((key) => KNOWN_KEYS.has(key))) return false;
  if (wantsPresences && (!knowledge.keepsPresences || guild.size > MAX_MEMBERS_WITH_PRESENCES)) return false;
  return request.user_ids !== undefined || isComplete(guild, knowledge);
}

/** Whether all members are known, and will be: without the intent nobody tells what becomes of them. */
function isComplete({ size, memberCount }: GuildMembers, { isWhole, intents }: MembersKnowledge): boolean {
  const areAll = isWhole || (typeof memberCount === 'number' && size >= memberCount);
  return areAll && has(intents, INTENTS.GUILD_MEMBERS);
}

type Found = Omit<FoundMembers, 'presences'>;

function byId(
  guild: GuildMembers,
  userIds: string | readonly string[],
  knowledge: MembersKnowledge,
): Found | undefined {
  const { intents, ownUserId } = knowledge;
  const wanted = [...new Set([userIds].flat())];
  // Of the bot itself every bot is told.
  if (!has(intents, INTENTS.GUILD_MEMBERS) && wanted.some((id) => id !== ownUserId)) return undefined;
  const found = wanted.map((id) => guild.find(id));
  const notFound = wanted.filter((_, index) => found[index] === undefined);
  if (notFound.length > 0 && !isComplete(guild, knowledge)) return undefined;
  return { ...listed(found.filter((member) => member !== undefined)), notFound };
}

function byName(guild: GuildMembers, { query = '', limit = 0 }: MembersRequest): Found {
  if (query === '') {
    const size = limit === 0 ? guild.size : Math.min(limit, guild.size);
    return { size, text: (from, to) => guild.text(from, Math.min(to, size)), notFound: [] };
  }
  const prefix = query.toLowerCase();
  const named = guild.all().filter((member) => isNamed(member, prefix));
  return { ...listed(named.slice(0, Math.min(limit || MAX_NAMED, MAX_NAMED))), notFound: [] };
}

function isNamed(member: GuildBody, prefix: string): boolean {
  return [objectOf(member['user'])?.['username'], member['nick']].some(
    (name) => typeof name === 'string' && name.toLowerCase().startsWith(prefix),
  );
}

function listed(members: readonly GuildBody[]): Pick<Found, 'size' | 'text'> {
  return { size: members.length, text: (from, to) => textOf(members.slice(from, to)) };
}

function textOf(members: readonly GuildBody[]): Buffer {
  return Buffer.from(JSON.stringify(members).slice(1, -1));
}

function presencesOf(guild: GuildMembers): (members: Buffer) => readonly GuildBody[] {
  const presences = byUserId(guild.presences());
  return (members) => {
    // A list of members, as Discord or JSON.stringify has written it.
    const list = JSON.parse(`[${members.toString()}]`) as GuildBody[];
    return list
      .map((member) => presences.get(userIdOf(member) ?? ''))
      .filter((presence) => presence !== undefined);
  };
}

/** The members in a guild's body, as they are where its text can't be used. */
export function membersIn(guild: GuildBody): GuildMembers {
  // Of two with one id the later one is the newer one.
  const members = byUserId(guild['members']);
  const all = [...members.values()];
  return {
    size: all.length,
    memberCount: guild['member_count'],
    text: (from, to) => textOf(all.slice(from, to)),
    find: (userId) => members.get(userId),
    all: () => all,
    presences: () => [...byUserId(guild['presences']).values()],
  };
}

function byUserId(list: unknown): Map<string, GuildBody> {
  const map = new Map<string, GuildBody>();
  if (!Array.isArray(list)) return map;
  for (const value of list as unknown[]) {
    const element = objectOf(value);
    const id = element && userIdOf(element);
    if (element && id !== undefined) map.set(id, element);
  }
  return map;
}

function userIdOf(member: GuildBody): string | undefined {
  const id = objectOf(member['user'])?.['id'];
  return typeof id === 'string' ? id : undefined;
}

function objectOf(value: unknown): GuildBody | undefined {
  // A JSON value: what is an object and neither null nor an array is a record.
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as GuildBody)
    : undefined;
}

function has(intents: number, intent: number): boolean {
  return (intents & intent) !== 0;
}
