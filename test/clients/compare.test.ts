/** The comparison itself: that each kind of difference is told. */
import { expect, it } from 'vitest';
import { differences, type Entity, type GuildRules } from './compare.ts';

const byId = ({ id }: Entity) => String(id);

const rules: GuildRules = {
  names: { owner_id: 'owner' },
  values: { joined_at: (value) => Date.parse(String(value)) },
  absent: { version: 'not kept' },
  lists: { roles: { cachedAs: 'roles', idOf: byId, nested: { colors: {} } } },
};

const truth = {
  '1': {
    id: '1',
    owner_id: '7',
    joined_at: '2026-01-01T00:00:00.000Z',
    version: 5,
    roles: [{ id: '2', can_hoist: true, colors: { primary_color: 3 } }],
  },
};

/** As a library that is right about everything would have it. */
function cached(change: { guild?: Entity; role?: Entity } = {}): Record<string, Entity> {
  const role = { id: '2', canHoist: true, colors: { primaryColor: 3 }, ...change.role };
  const guild = { id: '1', owner: '7', joinedAt: Date.UTC(2026, 0, 1), roles: { '2': role } };
  return { '1': { ...guild, ...change.guild } };
}

it('a cache that is right has no differences', () => {
  expect(differences(truth, cached(), rules)).toEqual([]);
});

it.each([
  ['a field', { guild: { owner: '8' } }, 'guild 1 owner_id: "8" is cached, "7" is true'],
  ['a value of its own', { guild: { joinedAt: 1 } }, 'guild 1 joined_at: 1 is cached, 1767225600000 is true'],
  ['an element that is missing', { guild: { roles: {} } }, 'guild 1 roles: 2 is not cached'],
  [
    'a field of an element',
    { role: { canHoist: undefined } },
    'guild 1 roles 2 can_hoist: nothing is cached, true is true',
  ],
  [
    'a nested field',
    { role: { colors: { primaryColor: 4 } } },
    'guild 1 roles 2 colors primary_color: 4 is cached, 3 is true',
  ],
])('a difference in %s is told', (_, change, line) => {
  expect(differences(truth, cached(change), rules)).toEqual([line]);
});

it('guilds that are not cached, and those that do not exist, are told', () => {
  expect(differences(truth, { '3': {} }, rules)).toEqual([
    'guilds: 1 is not cached',
    'guilds: 3 is cached and does not exist',
  ]);
});

it('elements that are gone are told where the library removes them, and of a fresh client always', () => {
  const more = cached({ guild: { roles: { '2': cached()['1']?.['roles'], '9': {} } } });
  const stale = { ...rules, lists: { roles: { cachedAs: 'roles', idOf: byId, only: [], stale: 'kept' } } };
  expect(differences(truth, more, stale, { isFresh: false, outages: new Set() })).toEqual([]);
  expect(differences(truth, more, stale)).toEqual(['guild 1 roles: 9 is cached and does not exist']);
});
