import { expect, it } from 'vitest';
import { GuildSizes, GuildsPosition } from '../../../src/cluster/redis/guilds-position.ts';
import { guildsOf } from '../../../src/cluster/redis/redis-guilds-reading.ts';

const guildOf = (guildId: string, body: number | undefined, pending: number) => ({
  guildId,
  sequence: 1,
  body: body === undefined ? undefined : Buffer.alloc(body),
  pending: Buffer.alloc(pending),
});

it('what guilds take adds up, whatever they were before', () => {
  const sizes = new GuildSizes();
  const before = sizes.bytes;
  sizes.put(guildOf('1', 5_000, 1_000));
  const one = sizes.bytes;
  expect(one - before).toBeGreaterThan(6_000);
  sizes.put(guildOf('2', 100, 0));
  sizes.put(guildOf('1', 9_000, 4_000));
  sizes.put(guildOf('1', 5_000, 0));
  sizes.put(guildOf('1', undefined, 1_000));
  sizes.delete('2');
  sizes.delete('2');
  expect(sizes.bytes).toBe(one);
  expect(sizes.without(['2', '3'])).toEqual(['1']);
  expect(sizes.without(['1'])).toEqual([]);
  sizes.delete('1');
  expect(sizes.bytes).toBe(before);
});

it('a write goes on from the last one that was heard of, and those of ours since then', () => {
  const position = new GuildsPosition();
  expect(position.known).toBeUndefined();
  const sizes = new GuildSizes();
  position.count();
  const second = position.count();
  position.afterWrite(second, sizes);
  expect(position.known).toEqual({ revision: `2 ${position.writer}`, since: 3, sizes });
  position.count();
  position.afterRead('9 other', sizes);
  expect(position.known).toEqual({ revision: '9 other', since: 4, sizes });
});

it('a reply about guilds may have fewer than were asked for, some that are gone, and some that are none', () => {
  const fields = ['12 pending', 'body', '', '', '13 ', '', 'nonsense', 'x', '14', 'x'].map((text) =>
    Buffer.from(text),
  );
  const { guilds, unreadable } = guildsOf(['1', '2', '3', '4', '5', '6'], fields);
  expect(guilds).toEqual([
    { guildId: '1', sequence: 12, body: Buffer.from('body'), pending: Buffer.from('pending') },
    { guildId: '3', sequence: 13, body: Buffer.alloc(0), pending: Buffer.alloc(0) },
  ]);
  expect(unreadable).toEqual(['4', '5']);
});
