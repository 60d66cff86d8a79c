import { describe, expect, it } from 'vitest';
import { ALL_INTENTS, INTENTS, UNPRIVILEGED_INTENTS } from '../../../src/protocol/intents.ts';
import {
  findMembers,
  isAllowed,
  isFullRequest,
  type MembersKnowledge,
  membersIn,
} from '../../../src/requests/members-answer.ts';
import type { GuildBody, MembersRequest } from '../../../src/requests/ports.ts';

const KNOWLEDGE: MembersKnowledge = {
  intents: ALL_INTENTS,
  ownUserId: '1',
  keepsMembers: true,
  keepsPresences: true,
  isWhole: false,
};

function member(id: string, username: string, nick?: string): GuildBody {
  return { user: { id, username }, ...(nick && { nick }) };
}

const MEMBERS = [member('1', 'bot'), member('2', 'Ann', 'zoe'), member('3', 'anton'), member('4', 'bert')];
const WHOLE: GuildBody = {
  member_count: 4,
  members: MEMBERS,
  presences: [{ user: { id: '3' }, status: 'idle' }],
};
const PART: GuildBody = { ...WHOLE, member_count: 5 };

function find(guild: GuildBody, request: Partial<MembersRequest>, change: Partial<MembersKnowledge> = {}) {
  return findMembers(membersIn(guild), { guild_id: '9', ...request }, { ...KNOWLEDGE, ...change });
}

function membersFound(...args: Parameters<typeof find>): GuildBody[] | undefined {
  const found = find(...args);
  return found && JSON.parse(`[${found.text(0, found.size)}]`);
}

function idsFound(...args: Parameters<typeof find>) {
  return membersFound(...args)?.map(({ user }) => (user as GuildBody)['id']);
}

describe('members of a guild that is known whole', () => {
  it('are all found, or as many as are asked for', () => {
    expect(idsFound(WHOLE, { query: '', limit: 0 })).toEqual(['1', '2', '3', '4']);
    expect(idsFound(WHOLE, { query: '', limit: 2 })).toEqual(['1', '2']);
  });

  it('are found by the beginning of their name or nickname, whatever the case', () => {
    expect(idsFound(WHOLE, { query: 'AN', limit: 0 })).toEqual(['2', '3']);
    expect(idsFound(WHOLE, { query: 'Zo', limit: 10 })).toEqual(['2']);
    expect(idsFound(WHOLE, { query: 'nobody', limit: 10 })).toEqual([]);
  });

  it('are found by name up to 100, whatever is asked for', () => {
    const many = Array.from({ length: 300 }, (_, index) => member(String(index + 10), 'same'));
    const guild = { member_count: 300, members: many };
    expect(idsFound(guild, { query: 's', limit: 0 })).toHaveLength(100);
    expect(idsFound(guild, { query: 's', limit: 200 })).toHaveLength(100);
    expect(idsFound(guild, { query: 's', limit: 7 })).toHaveLength(7);
  });

  it('are found by id, once each, and the others are named', () => {
    const request = { user_ids: ['4', '7', '4', '2'] };
    expect(idsFound(WHOLE, request)).toEqual(['4', '2']);
    expect(find(WHOLE, request)?.notFound).toEqual(['7']);
    expect(idsFound(WHOLE, { user_ids: '3' })).toEqual(['3']);
  });

  it('come with the presences there are, where that is asked for and the intent is there', () => {
    const presences = (request: Partial<MembersRequest>, intents = ALL_INTENTS) => {
      const found = find(WHOLE, { query: '', limit: 0, ...request }, { intents });
      return found?.presences?.(found.text(0, 3));
    };
    expect(presences({ presences: true })).toEqual(WHOLE['presences']);
    expect(presences({})).toBeUndefined();
    expect(presences({ presences: true }, ALL_INTENTS & ~INTENTS.GUILD_PRESENCES)).toBeUndefined();
  });

  it('count once where they are listed twice, and then the newer one', () => {
    const guild = { member_count: 5, members: [...MEMBERS, member('2', 'newer')] };
    expect(find(guild, { query: '', limit: 0 })).toBeUndefined();
    expect(membersFound(guild, { user_ids: ['2'] })).toEqual([member('2', 'newer')]);
  });
});

describe('members are left to Discord', () => {
  it.each<[string, GuildBody, Partial<MembersRequest>, Partial<MembersKnowledge>]>([
    ['where not all are known and all are asked for', PART, { query: '', limit: 0 }, {}],
    ['where not all are known and a name is asked for', PART, { query: 'a', limit: 1 }, {}],
    ['where not all are known and an id is not', PART, { user_ids: ['2', '7'] }, {}],
    ['where nothing says how many there are', { members: MEMBERS }, { query: '', limit: 0 }, {}],
    ['where members are not kept', WHOLE, { query: '', limit: 0 }, { keepsMembers: false }],
    ['where presences are not kept', WHOLE, { user_ids: ['2'], presences: true }, { keepsPresences: false }],
    ['without the intent', WHOLE, { user_ids: ['2'] }, { intents: UNPRIVILEGED_INTENTS }],
    [
      'without the intent, also those not found',
      WHOLE,
      { user_ids: ['7'] },
      { intents: UNPRIVILEGED_INTENTS },
    ],
    ['where the request has more than is known here', WHOLE, { query: '', limit: 0, new: 1 } as object, {}],
  ])('%s', (_, guild, request, change) => {
    expect(find(guild, request, change)).toBeUndefined();
  });

  it('but not those by id that are all known, nor all once Discord has sent all', () => {
    expect(idsFound(PART, { user_ids: ['2', '3'] })).toEqual(['2', '3']);
    expect(idsFound(PART, { query: '', limit: 0 }, { isWhole: true })).toHaveLength(4);
  });

  it('but not the bot itself, of whom every bot is told', () => {
    expect(idsFound(WHOLE, { user_ids: ['1'] }, { intents: UNPRIVILEGED_INTENTS })).toEqual(['1']);
  });
});

it('a request for members of no name takes the intent, and only that of no limit is for all', () => {
  const request = (query: string, limit: number) => ({ guild_id: '9', query, limit });
  expect(isAllowed(request('', 5), UNPRIVILEGED_INTENTS)).toBe(false);
  expect(isAllowed(request('', 5), ALL_INTENTS)).toBe(true);
  expect(isAllowed(request('a', 0), UNPRIVILEGED_INTENTS)).toBe(true);
  expect(isAllowed({ guild_id: '9', user_ids: [] }, UNPRIVILEGED_INTENTS)).toBe(true);
  expect([
    isFullRequest(request('', 0)),
    isFullRequest(request('', 5)),
    isFullRequest(request('a', 0)),
  ]).toEqual([true, false, false]);
});
