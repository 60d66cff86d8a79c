/** What happens to threads: a guild has the active ones, each with the bot's own membership. */
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/guilds/index.ts';
import { ARCHIVED, afterEvent, BOT_ID, find, GUILD_ID, guild, ids, member, thread } from './guild.ts';

/** As events carry it; inside a thread it has neither of the ids. */
function threadMember(threadId: string, userId: string): JsonObject {
  return { id: threadId, user_id: userId, join_timestamp: 'now', flags: 2 };
}
const MEMBERSHIP = { join_timestamp: 'now', flags: 2 };

describe('THREAD_CREATE', () => {
  it('adds the thread, without its guild_id and the news that it is new', () => {
    const reduced = afterEvent(guild(), 'THREAD_CREATE', thread('102', '10', { newly_created: true }));
    expect(find(reduced, 'threads', '102')).toEqual(thread('102', '10'));
  });

  it("brings the bot's membership, as GUILD_CREATE shows it", () => {
    const d = thread('102', '10', { member: threadMember('102', BOT_ID) });
    const reduced = afterEvent(guild(), 'THREAD_CREATE', d);
    expect(find(reduced, 'threads', '102')).toEqual(thread('102', '10', { member: MEMBERSHIP }));
  });

  it('of a thread that is known keeps its membership', () => {
    const reduced = afterEvent(guild(), 'THREAD_CREATE', thread('100', '10'));
    expect(reduced['threads']).toEqual(guild()['threads']);
  });
});

describe('THREAD_UPDATE', () => {
  it('changes the thread and keeps its membership', () => {
    const reduced = afterEvent(guild(), 'THREAD_UPDATE', thread('100', '10', { name: 'new' }));
    expect(find(reduced, 'threads', '100')).toEqual({ ...find(guild(), 'threads', '100'), name: 'new' });
  });

  it('that names no membership, not even as null, keeps it', () => {
    const reduced = afterEvent(guild(), 'THREAD_UPDATE', thread('100', '10', { member: null }));
    expect(reduced['threads']).toEqual(guild()['threads']);
  });

  it('takes out a thread that is archived', () => {
    expect(ids(afterEvent(guild(), 'THREAD_UPDATE', thread('100', '10', ARCHIVED)), 'threads')).toEqual([
      '101',
    ]);
  });

  it('brings back a thread that is unarchived, and THREAD_MEMBER_UPDATE its membership', () => {
    const archived = afterEvent(guild(), 'THREAD_UPDATE', thread('100', '10', ARCHIVED));
    const unarchived = afterEvent(archived, 'THREAD_UPDATE', thread('100', '10'));
    const reduced = afterEvent(unarchived, 'THREAD_MEMBER_UPDATE', threadMember('100', BOT_ID));
    expect(find(reduced, 'threads', '100')).toEqual(thread('100', '10', { member: MEMBERSHIP }));
  });
});

describe('THREAD_DELETE', () => {
  it('takes the thread out', () => {
    const d = { id: '101', guild_id: GUILD_ID, parent_id: '10', type: 11 };
    expect(ids(afterEvent(guild(), 'THREAD_DELETE', d), 'threads')).toEqual(['100']);
  });
});

describe('THREAD_LIST_SYNC', () => {
  const before = guild({ threads: [thread('100', '10'), thread('110', '11'), thread('120', '12')] });

  it('replaces the threads of the channels that it names', () => {
    const d = { channel_ids: ['10', '11'], threads: [thread('101', '10')], members: [] };
    const reduced = afterEvent(before, 'THREAD_LIST_SYNC', d);
    expect(reduced['threads']).toEqual([thread('120', '12'), thread('101', '10')]);
  });

  it('replaces all threads where it names no channels', () => {
    const reduced = afterEvent(before, 'THREAD_LIST_SYNC', { threads: [thread('101', '10')], members: [] });
    expect(reduced['threads']).toEqual([thread('101', '10')]);
  });

  it("brings the bot's memberships apart from the threads", () => {
    const d = { channel_ids: ['10'], threads: [thread('101', '10')], members: [threadMember('101', BOT_ID)] };
    expect(find(afterEvent(before, 'THREAD_LIST_SYNC', d), 'threads', '101')?.['member']).toEqual(MEMBERSHIP);
  });

  it.each([
    { channel_ids: 'all', threads: [] },
    { channel_ids: null, threads: [] },
    { channel_ids: ['10'] },
  ])('that is malformed changes nothing: %j', (d) => {
    expect(afterEvent(before, 'THREAD_LIST_SYNC', d)).toBe(before);
  });
});

describe('THREAD_MEMBER_UPDATE', () => {
  it("sets the bot's membership", () => {
    const reduced = afterEvent(guild(), 'THREAD_MEMBER_UPDATE', threadMember('101', BOT_ID));
    expect(find(reduced, 'threads', '101')).toEqual(thread('101', '10', { member: MEMBERSHIP }));
  });

  it('of a thread that is not known changes nothing', () => {
    const before = guild();
    expect(afterEvent(before, 'THREAD_MEMBER_UPDATE', threadMember('999', BOT_ID))).toBe(before);
  });
});

describe('THREAD_MEMBERS_UPDATE', () => {
  it('sets how many members there are', () => {
    const d = { id: '101', member_count: 4, added_members: [threadMember('101', '2')] };
    const reduced = afterEvent(guild(), 'THREAD_MEMBERS_UPDATE', d);
    expect(find(reduced, 'threads', '101')).toEqual(thread('101', '10', { member_count: 4 }));
  });

  it('tells when the bot has been added, without the guild member that comes along', () => {
    const added = { ...threadMember('101', BOT_ID), member: member(BOT_ID), presence: null };
    const reduced = afterEvent(guild(), 'THREAD_MEMBERS_UPDATE', {
      id: '101',
      member_count: 2,
      added_members: [added],
    });
    expect(find(reduced, 'threads', '101')).toEqual(
      thread('101', '10', { member_count: 2, member: MEMBERSHIP }),
    );
  });

  it('tells when the bot has been removed', () => {
    const d = { id: '100', member_count: 0, removed_member_ids: ['1', BOT_ID] };
    const reduced = afterEvent(guild(), 'THREAD_MEMBERS_UPDATE', d);
    expect(find(reduced, 'threads', '100')).toEqual(thread('100', '10', { member_count: 0 }));
  });
});
