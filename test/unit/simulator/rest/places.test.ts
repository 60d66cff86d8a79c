import { expect, test } from 'vitest';
import { GuildSet, renderGuildCreate } from '../../../../src/simulator/payloads/guilds.ts';
import { createUsers } from '../../../../src/simulator/payloads/users.ts';
import { Random } from '../../../../src/simulator/random.ts';

test('channels, roles and settings of a guild do not depend on its people', () => {
  const users = createUsers(new Random(1));
  for (const guild of new GuildSet(0, 1, 20).all()) {
    const [full, empty] = [users, []].map((people) => {
      const { members, member_count, ...rest } = JSON.parse(renderGuildCreate(guild, people, true));
      return rest;
    });
    expect(empty).toEqual(full);
  }
});
