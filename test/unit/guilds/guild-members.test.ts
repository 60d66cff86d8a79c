import { expect, it } from 'vitest';
import { GuildMembers } from '../../../src/guilds/guild-members.ts';
import { layoutOf } from '../../../src/guilds/text-layout.ts';

const OPTIONS = { ownUserId: '1', off: new Set<never>(), lastMessageIds: false };

function member(id: string, nick: string) {
  return { user: { id, username: `user "${id}" [ä]` }, nick, roles: ['9'] };
}

const MEMBERS = [member('1', 'one'), member('2', ',{]}'), member('3', '"id":"2"')];
const PRESENCES = [{ user: { id: '2' }, status: 'idle' }];

function members(guild: object): GuildMembers {
  const text = Buffer.from(JSON.stringify(guild));
  return new GuildMembers(text, layoutOf(text)!, OPTIONS);
}

const GUILD = { id: '7', member_count: 5, roles: [{ id: '9' }], members: MEMBERS, presences: PRESENCES };

it('members are cut out of the text, in runs', () => {
  const { size, memberCount } = members(GUILD);
  expect([size, memberCount]).toEqual([3, 5]);
  for (const [from, to] of [
    [0, 3],
    [0, 1],
    [1, 2],
    [1, 1_000],
    [3, 1_000],
    [2, 2],
  ] as const) {
    const text = members(GUILD).text(from, to).toString();
    expect(JSON.parse(`[${text}]`)).toEqual(MEMBERS.slice(from, to));
  }
});

it('a member is found by its own id alone', () => {
  const found = members(GUILD);
  expect(found.find('2')).toEqual(MEMBERS[1]);
  expect(found.find('9')).toBeUndefined();
  expect(found.find('4')).toBeUndefined();
});

it('of two members with one id the later one is found', () => {
  const twice = members({ ...GUILD, members: [...MEMBERS, member('2', 'newer')] });
  expect(twice.find('2')).toEqual(member('2', 'newer'));
});

it('all members and presences can be had parsed', () => {
  expect(members(GUILD).all()).toEqual(MEMBERS);
  expect(members(GUILD).presences()).toEqual(PRESENCES);
  expect(members({ ...GUILD, members: [], presences: [] }).all()).toEqual([]);
  expect(members({ id: '7', members: MEMBERS }).presences()).toEqual([]);
});
