/** A guild as a worker gets it after READY. */
import { describe, expect, it } from 'vitest';
import { asSnapshot, GUILD_KINDS, stripGuild } from '../../../src/guilds/index.ts';
import { BOT_ID, GUILD_ID, guild, ids, member, user, withoutKinds } from './guild.ts';

const OWN = { ownUserId: BOT_ID };

describe('a snapshot', () => {
  it('of a guild as Discord has sent it is that guild', () => {
    expect(asSnapshot(guild(), OWN)).toEqual(guild());
  });

  it('says `unavailable: false`, also of a guild that the bot has just joined', () => {
    const { unavailable: _, ...joined } = guild();
    expect(asSnapshot(joined, OWN)).toEqual(guild({ unavailable: false }));
  });

  it('has each member once, as last told', () => {
    const members = [member('1'), member(BOT_ID), member('1', { nick: 'new' })];
    expect(asSnapshot(guild({ members }), OWN)['members']).toEqual([
      member('1', { nick: 'new' }),
      member(BOT_ID),
    ]);
  });

  it("has the bot's own member, even if it was never seen", () => {
    const ownUser = user(BOT_ID, { bot: true });
    const snapshot = asSnapshot(guild({ members: [] }), { ownUserId: BOT_ID, ownUser });
    expect(snapshot['members']).toEqual([
      expect.objectContaining({ user: ownUser, roles: [], joined_at: guild()['joined_at'] }),
    ]);
  });

  it.each([
    ['fewer than are known', 1, 3],
    ['not told', undefined, 3],
    ['more than are known', 4_000, 4_000],
  ])('counts no fewer members than it lists: %s', (_, memberCount, counted) => {
    expect(asSnapshot(guild({ member_count: memberCount }), OWN)['member_count']).toBe(counted);
  });

  it('has all lists that Discord always sends', () => {
    const bare = asSnapshot({ id: GUILD_ID }, OWN);
    const lists = Object.entries(guild()).filter(
      ([key, value]) => Array.isArray(value) && key !== 'features',
    );
    for (const [key] of lists) expect(bare[key], key).toBeInstanceOf(Array);
    expect(ids(bare, 'members')).toEqual([BOT_ID]);
  });

  it("has the bot's own member where all kinds are off", () => {
    const stripped = stripGuild(guild(), withoutKinds(...GUILD_KINDS));
    const snapshot = asSnapshot(stripped, OWN);
    expect(snapshot).toEqual(stripped);
    expect(ids(snapshot, 'members')).toEqual([BOT_ID]);
    expect(snapshot['member_count']).toBe(3);
  });

  it('of a guild that an outage hides is no more than that', () => {
    expect(asSnapshot(guild({ unavailable: true }), OWN)).toEqual({ id: GUILD_ID, unavailable: true });
  });

  it('leaves the guild as it was', () => {
    const before = Object.freeze(guild({ members: Object.freeze([]) }));
    expect(() => asSnapshot(before, OWN)).not.toThrow();
  });
});
