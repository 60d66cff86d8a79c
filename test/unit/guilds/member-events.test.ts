/** What happens to members, presences and voice states. */
import { describe, expect, it } from 'vitest';
import { type JsonObject, reduceOwnUser } from '../../../src/guilds/index.ts';
import {
  afterEvent,
  BOT_ID,
  find,
  GUILD_ID,
  guild,
  ids,
  member,
  OPTIONS,
  presence,
  user,
  voiceState,
} from './guild.ts';

describe('GUILD_MEMBER_ADD', () => {
  it('adds a member, without its guild_id, and counts it', () => {
    const reduced = afterEvent(guild(), 'GUILD_MEMBER_ADD', { ...member('3'), guild_id: GUILD_ID });
    expect(find(reduced, 'members', '3')).toEqual(member('3'));
    expect(reduced['member_count']).toBe(4);
  });

  it('of a member who is known counts nobody', () => {
    const reduced = afterEvent(guild(), 'GUILD_MEMBER_ADD', member('2', { nick: 'again' }));
    expect(find(reduced, 'members', '2')?.['nick']).toBe('again');
    expect(reduced['member_count']).toBe(3);
  });
});

describe('GUILD_MEMBER_UPDATE', () => {
  it('changes the member and keeps what it does not carry', () => {
    const d = { user: user('1'), roles: ['51'], nick: 'new', joined_at: 'then' };
    const reduced = afterEvent(guild(), 'GUILD_MEMBER_UPDATE', d);
    expect(find(reduced, 'members', '1')).toEqual(member('1', d));
    expect(reduced['member_count']).toBe(3);
  });

  it('makes a member known who was not', () => {
    const reduced = afterEvent(guild(), 'GUILD_MEMBER_UPDATE', member('3'));
    expect(ids(reduced, 'members')).toEqual([BOT_ID, '1', '2', '3']);
    expect(reduced['member_count']).toBe(3);
  });
});

describe('GUILD_MEMBER_REMOVE', () => {
  it('takes out the member with voice state and presence', () => {
    const reduced = afterEvent(guild(), 'GUILD_MEMBER_REMOVE', { user: user('1') });
    expect(ids(reduced, 'members')).toEqual([BOT_ID, '2']);
    expect([reduced['presences'], reduced['voice_states'], reduced['member_count']]).toEqual([[], [], 2]);
  });

  it('counts a member who was not known', () => {
    expect(afterEvent(guild(), 'GUILD_MEMBER_REMOVE', { user: user('3') })['member_count']).toBe(2);
  });

  it('of the bot itself changes nothing: GUILD_DELETE says that', () => {
    const before = guild();
    expect(afterEvent(before, 'GUILD_MEMBER_REMOVE', { user: user(BOT_ID) })).toBe(before);
  });
});

describe('GUILD_MEMBERS_CHUNK', () => {
  const d = {
    chunk_index: 0,
    chunk_count: 1,
    members: [member('1', { nick: 'new' }), member('3')],
    presences: [presence('3', 'idle'), presence('1', 'offline'), presence('4', 'offline')],
    not_found: ['8'],
    nonce: 'mine',
  };

  it('merges its members and counts none', () => {
    const reduced = afterEvent(guild(), 'GUILD_MEMBERS_CHUNK', d);
    expect(ids(reduced, 'members')).toEqual([BOT_ID, '1', '2', '3']);
    expect(find(reduced, 'members', '1')).toEqual(member('1', { nick: 'new' }));
    expect(reduced['member_count']).toBe(3);
  });

  it('merges its presences, of which the offline ones end', () => {
    expect(afterEvent(guild(), 'GUILD_MEMBERS_CHUNK', d)['presences']).toEqual([presence('3', 'idle')]);
  });

  it('leaves nothing of the request in the guild', () => {
    expect(Object.keys(afterEvent(guild(), 'GUILD_MEMBERS_CHUNK', d))).toEqual(Object.keys(guild()));
  });
});

describe('PRESENCE_UPDATE', () => {
  it('adds a presence, without its guild_id', () => {
    const reduced = afterEvent(guild(), 'PRESENCE_UPDATE', presence('2', 'dnd'));
    expect(reduced['presences']).toEqual([presence('1'), presence('2', 'dnd')]);
  });

  it('replaces the presence that is known', () => {
    const playing = presence('1', 'idle', { activities: [{ name: 'chess', type: 0 }] });
    expect(afterEvent(guild(), 'PRESENCE_UPDATE', playing)['presences']).toEqual([playing]);
  });

  it('takes out who goes offline', () => {
    expect(afterEvent(guild(), 'PRESENCE_UPDATE', presence('1', 'offline'))['presences']).toEqual([]);
  });

  it('brings news of the user of a member, adding no member', () => {
    const named = { user: user('1', { username: 'renamed' }), status: 'online' };
    expect(find(afterEvent(guild(), 'PRESENCE_UPDATE', named), 'members', '1')).toEqual(
      member('1', { roles: ['50', '51'], user: named.user }),
    );
    const stranger = { user: user('3'), status: 'online' };
    expect(ids(afterEvent(guild(), 'PRESENCE_UPDATE', stranger), 'members')).toEqual([BOT_ID, '1', '2']);
  });

  it('without a status changes a known presence and begins none', () => {
    const activities = [{ name: 'go', type: 0 }];
    const known = afterEvent(guild(), 'PRESENCE_UPDATE', { user: { id: '1' }, activities });
    expect(known['presences']).toEqual([presence('1', 'online', { activities })]);
    const before = guild();
    expect(afterEvent(before, 'PRESENCE_UPDATE', { user: { id: '2' }, activities })).toBe(before);
  });
});

describe('VOICE_STATE_UPDATE', () => {
  it('adds a voice state, without guild_id and member, and its member to the members', () => {
    const d = voiceState('3', '20', { guild_id: GUILD_ID, member: member('3') });
    const reduced = afterEvent(guild(), 'VOICE_STATE_UPDATE', d);
    expect(reduced['voice_states']).toEqual([voiceState('1', '20'), voiceState('3', '20')]);
    expect(find(reduced, 'members', '3')).toEqual(member('3'));
  });

  it('replaces the state that is known, with all that it says no more', () => {
    const streaming = afterEvent(guild(), 'VOICE_STATE_UPDATE', voiceState('1', '20', { self_stream: true }));
    expect(afterEvent(streaming, 'VOICE_STATE_UPDATE', voiceState('1', '21'))['voice_states']).toEqual([
      voiceState('1', '21'),
    ]);
  });

  it('takes out who leaves, and adds no member for it', () => {
    const reduced = afterEvent(guild(), 'VOICE_STATE_UPDATE', voiceState('1', null));
    expect(reduced['voice_states']).toEqual([]);
    const before = guild();
    expect(afterEvent(before, 'VOICE_STATE_UPDATE', voiceState('3', null, { member: member('3') }))).toBe(
      before,
    );
  });

  it('updates the member who is known', () => {
    const d = voiceState('1', null, { member: member('1', { nick: 'new' }) });
    expect(find(afterEvent(guild(), 'VOICE_STATE_UPDATE', d), 'members', '1')?.['nick']).toBe('new');
  });
});

describe("USER_UPDATE, of the bot's own user", () => {
  it('changes the user of its member, private fields aside', () => {
    const d = {
      ...user(BOT_ID, { username: 'renamed', bot: true }),
      email: null,
      verified: true,
      locale: 'de',
    };
    const reduced = reduceOwnUser(guild(), d, OPTIONS);
    expect(find(reduced, 'members', BOT_ID)).toEqual(
      member(BOT_ID, { roles: ['50'], user: user(BOT_ID, { username: 'renamed', bot: true }) }),
    );
  });

  it.each<[string, unknown]>([
    ['of somebody else', user('1')],
    ['of nobody', { username: 'nobody' }],
    ['that is no object', null],
  ])('%s changes nothing', (_, d) => {
    const before: JsonObject = guild();
    expect(reduceOwnUser(before, d, OPTIONS)).toBe(before);
  });
});
