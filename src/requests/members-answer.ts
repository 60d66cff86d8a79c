/**
 * Answers a request for members from what is known of the guild, or says why that can't be done. Pure.
 * https://discord.com/developers/docs/events/gateway-events#request-guild-members
 */
import { INTENTS } from '../protocol/intents.ts';
import type { GuildBody, MembersRequest } from './ports.ts';

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

type Member = GuildBody;

export interface MembersKnowledge {
  readonly intents: number;
  readonly ownUserId: string | undefined;
  readonly keepsMembers: boolean;
  readonly keepsPresences: boolean;
  /** Discord has sent all members of the guild since its GUILD_CREATE. */
  readonly isWhole: boolean;
}

export interface FoundMembers {
  readonly members: readonly Member[];
  readonly notFound: readonly string[];
  /** Of the members found; `undefined` where the answer has none. */
  readonly presences: ReadonlyMap<string, GuildBody> | undefined;
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
  guild: GuildBody,
  request: MembersRequest,
  knowledge: MembersKnowledge,
): FoundMembers | undefined {
  const wantsPresences = request.presences === true && has(knowledge.intents, INTENTS.GUILD_PRESENCES);
  if (!mayFind(request, wantsPresences, knowledge)) return undefined;
  const known = membersById(guild);
  const count = guild['member_count'];
  const isComplete = knowledge.isWhole || (typeof count === 'number' && known.size >= count);
  if (wantsPresences && known.size > MAX_MEMBERS_WITH_PRESENCES) return undefined;
  const found = request.user_ids === undefined ? byName(known, request) : byId(known, request.user_ids);
  const isAllThere = request.user_ids !== undefined && found.notFound.length === 0;
  if (!isAllThere && !(isComplete && has(knowledge.intents, INTENTS.GUILD_MEMBERS))) return undefined;
  if (!areCurrent(found.members, knowledge)) return undefined;
  return { ...found, presences: wantsPresences ? presencesById(guild) : undefined };
}

function mayFind(
  request: MembersRequest,
  wantsPresences: boolean,
  { keepsMembers, keepsPresences }: MembersKnowledge,
): boolean {
  if (!Object.keys(request).every((key) => KNOWN_KEYS.has(key))) return false;
  return keepsMembers && (keepsPresences || !wantsPresences);
}

/** Without the intent nobody tells what becomes of members; but of the bot itself Discord always does. */
function areCurrent(members: readonly Member[], { intents, ownUserId }: MembersKnowledge): boolean {
  return has(intents, INTENTS.GUILD_MEMBERS) || members.every((member) => userIdOf(member) === ownUserId);
}

function byId(known: ReadonlyMap<string, Member>, userIds: string | readonly string[]) {
  const wanted = [...new Set([userIds].flat())];
  return {
    members: wanted.map((id) => known.get(id)).filter((member) => member !== undefined),
    notFound: wanted.filter((id) => !known.has(id)),
  };
}

function byName(known: ReadonlyMap<string, Member>, { query = '', limit = 0 }: MembersRequest) {
  const all = [...known.values()];
  if (query === '') return { members: limit === 0 ? all : all.slice(0, limit), notFound: [] };
  const prefix = query.toLowerCase();
  const named = all.filter((member) => isNamed(member, prefix));
  return { members: named.slice(0, Math.min(limit || MAX_NAMED, MAX_NAMED)), notFound: [] };
}

function isNamed(member: Member, prefix: string): boolean {
  return [objectOf(member['user'])?.['username'], member['nick']].some(
    (name) => typeof name === 'string' && name.toLowerCase().startsWith(prefix),
  );
}

/** Of two members with one id the later one is the newer one. */
function membersById(guild: GuildBody): Map<string, Member> {
  return mapOf(guild['members']);
}

function presencesById(guild: GuildBody): Map<string, GuildBody> {
  return mapOf(guild['presences']);
}

function mapOf(list: unknown): Map<string, GuildBody> {
  const map = new Map<string, GuildBody>();
  if (!Array.isArray(list)) return map;
  for (const value of list as unknown[]) {
    const element = objectOf(value);
    const id = element && userIdOf(element);
    if (id !== undefined) map.set(id, element as GuildBody);
  }
  return map;
}

export function userIdOf(member: GuildBody): string | undefined {
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
