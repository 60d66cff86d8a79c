/** What happens to the guild itself, its roles, emojis, stickers and sounds. */
import { describe, expect, it } from 'vitest';
import { isUnavailable, type JsonObject, reduceGuild } from '../../../src/guilds/index.ts';
import { afterEvent, channel, find, GUILD_ID, guild, ids, member, OPTIONS, role, sound } from './guild.ts';

describe('GUILD_CREATE', () => {
  it('begins a guild', () => {
    expect(reduceGuild(undefined, 'GUILD_CREATE', guild(), OPTIONS)).toEqual(guild());
  });

  it('replaces all that was known', () => {
    const anew = { id: GUILD_ID, name: 'anew', members: [member('7')] };
    expect(reduceGuild(guild(), 'GUILD_CREATE', anew, OPTIONS)).toEqual(anew);
  });

  it('of a guild that an outage hides keeps what is known, and marks it', () => {
    const hidden = reduceGuild(guild(), 'GUILD_CREATE', { id: GUILD_ID, unavailable: true }, OPTIONS);
    expect(hidden).toEqual(guild({ unavailable: true }));
  });
});

describe('GUILD_UPDATE', () => {
  const update = { id: GUILD_ID, name: 'renamed', features: [], widget_enabled: true, roles: [role('50')] };

  it('merges what it carries, fields that GUILD_CREATE lacks and lists included', () => {
    const { id, ...carried } = update;
    expect(afterEvent(guild(), 'GUILD_UPDATE', update)).toEqual(guild(carried));
  });

  it('loses nothing that only GUILD_CREATE carries, even where it speaks of it', () => {
    const strange = { members: [], channels: null, member_count: 0, joined_at: null, unavailable: true };
    expect(afterEvent(guild(), 'GUILD_UPDATE', { id: GUILD_ID, ...strange })).toEqual(guild());
  });

  it('changes no list that it carries as something else', () => {
    const odd = { id: GUILD_ID, roles: null, emojis: 'none', stickers: { id: '1' } };
    expect(afterEvent(guild(), 'GUILD_UPDATE', odd)).toEqual(guild());
  });

  it('begins no guild', () => {
    expect(reduceGuild(undefined, 'GUILD_UPDATE', update, OPTIONS)).toBeUndefined();
  });
});

describe('GUILD_DELETE', () => {
  const outage = { id: GUILD_ID, unavailable: true };

  it('in an outage marks the guild and keeps what is known', () => {
    const hidden = reduceGuild(guild(), 'GUILD_DELETE', outage, OPTIONS);
    expect(hidden).toEqual(guild({ unavailable: true }));
    expect(isUnavailable(hidden as JsonObject)).toBe(true);
  });

  it('in an outage of a guild not yet known says that there is one', () => {
    expect(reduceGuild(undefined, 'GUILD_DELETE', outage, OPTIONS)).toEqual(outage);
  });

  it('without `unavailable` ends the guild', () => {
    expect(reduceGuild(guild(), 'GUILD_DELETE', { id: GUILD_ID }, OPTIONS)).toBeUndefined();
    expect(reduceGuild(guild(), 'GUILD_DELETE', { ...outage, unavailable: false }, OPTIONS)).toBeUndefined();
  });

  it('is undone by the GUILD_CREATE at the end of the outage', () => {
    const hidden = reduceGuild(guild(), 'GUILD_DELETE', outage, OPTIONS);
    expect(reduceGuild(hidden, 'GUILD_CREATE', guild(), OPTIONS)).toEqual(guild());
  });
});

describe('roles', () => {
  it('are added by GUILD_ROLE_CREATE', () => {
    const reduced = afterEvent(guild(), 'GUILD_ROLE_CREATE', { role: role('52') });
    expect(ids(reduced, 'roles')).toEqual([GUILD_ID, '50', '51', '52']);
  });

  it('are updated in their place by GUILD_ROLE_UPDATE', () => {
    const reduced = afterEvent(guild(), 'GUILD_ROLE_UPDATE', { role: role('50', { name: 'new', color: 3 }) });
    expect(reduced['roles']).toEqual([role(GUILD_ID), role('50', { name: 'new', color: 3 }), role('51')]);
  });

  it('leave the guild and its members with GUILD_ROLE_DELETE', () => {
    const reduced = afterEvent(guild(), 'GUILD_ROLE_DELETE', { role_id: '50' });
    expect(ids(reduced, 'roles')).toEqual([GUILD_ID, '51']);
    expect((reduced['members'] as JsonObject[]).map((each) => each['roles'])).toEqual([[], ['51'], []]);
  });

  it('leave the overwrites of channels with GUILD_ROLE_DELETE', () => {
    const overwrites = ['50', '51'].map((id) => ({ id, type: 0, allow: '0', deny: '8' }));
    const before = guild({ channels: [channel('10', { permission_overwrites: overwrites })] });
    const reduced = afterEvent(before, 'GUILD_ROLE_DELETE', { role_id: '50' });
    expect(find(reduced, 'channels', '10')?.['permission_overwrites']).toEqual([overwrites[1]]);
  });
});

describe('emojis, stickers and sounds', () => {
  it.each([
    ['GUILD_EMOJIS_UPDATE', 'emojis', [{ id: '71', name: 'frown' }]],
    ['GUILD_STICKERS_UPDATE', 'stickers', [{ id: '76', name: 'bye' }]],
    ['SOUNDBOARD_SOUNDS', 'soundboard_sounds', [sound('81')]],
  ])('are replaced as a whole by %s', (type, key, list) => {
    const before = guild({ soundboard_sounds: [sound('80')] });
    expect(afterEvent(before, type, { [key]: list })).toEqual({ ...before, [key]: list });
  });

  it('come with GUILD_SOUNDBOARD_SOUND_CREATE and go with GUILD_SOUNDBOARD_SOUND_DELETE', () => {
    const one = afterEvent(guild(), 'GUILD_SOUNDBOARD_SOUND_CREATE', sound('80'));
    expect(one['soundboard_sounds']).toEqual([sound('80')]);
    expect(afterEvent(one, 'GUILD_SOUNDBOARD_SOUND_DELETE', { sound_id: '80' })['soundboard_sounds']).toEqual(
      [],
    );
  });

  it('keep what GUILD_SOUNDBOARD_SOUND_UPDATE does not carry', () => {
    const before = guild({ soundboard_sounds: [sound('80', { user: { id: '1' } })] });
    const reduced = afterEvent(before, 'GUILD_SOUNDBOARD_SOUND_UPDATE', sound('80', { volume: 0.5 }));
    expect(reduced['soundboard_sounds']).toEqual([sound('80', { volume: 0.5, user: { id: '1' } })]);
  });

  it('stay where GUILD_SOUNDBOARD_SOUNDS_UPDATE does not name them', () => {
    const before = guild({ soundboard_sounds: [sound('80'), sound('81')] });
    const louder = sound('81', { volume: 0.9 });
    const reduced = afterEvent(before, 'GUILD_SOUNDBOARD_SOUNDS_UPDATE', { soundboard_sounds: [louder] });
    expect(reduced['soundboard_sounds']).toEqual([sound('80'), louder]);
  });
});
