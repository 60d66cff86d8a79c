/** What is left out where kinds are switched off. */
import { describe, expect, it } from 'vitest';
import {
  GUILD_KINDS,
  type GuildKind,
  type JsonObject,
  reduceGuild,
  stripGuild,
} from '../../../src/guilds/index.ts';
import {
  afterEvent,
  BOT_ID,
  channel,
  GUILD_ID,
  guild,
  ids,
  member,
  OPTIONS,
  presence,
  scheduledEvent,
  sound,
  stage,
  thread,
  user,
  voiceState,
  withoutKinds,
} from './guild.ts';

const FULL = guild({
  stage_instances: [stage('95', '20')],
  guild_scheduled_events: [scheduledEvent('90')],
  soundboard_sounds: [sound('80')],
  voice_states: [voiceState('1', '20'), voiceState(BOT_ID, '20')],
  integrations: [{ id: '60' }],
});

const KEYS: Readonly<Record<GuildKind, string>> = {
  members: 'members',
  presences: 'presences',
  voiceStates: 'voice_states',
  threads: 'threads',
  channels: 'channels',
  emojis: 'emojis',
  stickers: 'stickers',
  soundboard: 'soundboard_sounds',
  stageInstances: 'stage_instances',
  scheduledEvents: 'guild_scheduled_events',
  integrations: 'integrations',
};

/** What is left of a kind that is off. */
function leftOf(kind: GuildKind): JsonObject {
  if (kind === 'members') return { members: [member(BOT_ID, { roles: ['50'] })] };
  if (kind === 'voiceStates') return { voice_states: [voiceState(BOT_ID, '20')] };
  return { [KEYS[kind]]: [] };
}

describe('a kind that is off', () => {
  it.each(
    GUILD_KINDS.filter((kind) => kind !== 'integrations'),
  )("leaves an empty list, or the bot's own element: %s", (kind) => {
    expect(stripGuild(FULL, withoutKinds(kind))).toEqual({ ...FULL, ...leftOf(kind) });
  });

  it('leaves no list that Discord does not always send', () => {
    const { integrations: _, ...rest } = FULL;
    expect(stripGuild(FULL, withoutKinds('integrations'))).toEqual(rest);
  });

  it('puts no list into a guild that has none', () => {
    const bare = { id: GUILD_ID, unavailable: true };
    expect(stripGuild(bare, withoutKinds(...GUILD_KINDS))).toEqual(bare);
  });

  it('is left out of a GUILD_CREATE, and again by one in mid-history', () => {
    const options = withoutKinds('threads', 'presences');
    const stripped = guild({ threads: [], presences: [] });
    expect(reduceGuild(undefined, 'GUILD_CREATE', guild(), options)).toEqual(stripped);
    expect(reduceGuild(stripped, 'GUILD_CREATE', guild(), options)).toEqual(stripped);
  });

  it.each<[GuildKind, string, JsonObject]>([
    ['presences', 'PRESENCE_UPDATE', presence('2')],
    ['voiceStates', 'VOICE_STATE_UPDATE', voiceState('2', '20')],
    ['threads', 'THREAD_CREATE', thread('102', '10')],
    ['threads', 'THREAD_LIST_SYNC', { threads: [thread('102', '10')], members: [] }],
    ['channels', 'CHANNEL_CREATE', channel('30')],
    ['emojis', 'GUILD_EMOJIS_UPDATE', { emojis: [{ id: '71' }] }],
    ['emojis', 'GUILD_UPDATE', { id: GUILD_ID, emojis: [{ id: '71' }] }],
    ['stickers', 'GUILD_STICKERS_UPDATE', { stickers: [{ id: '76' }] }],
    ['soundboard', 'GUILD_SOUNDBOARD_SOUND_CREATE', sound('81')],
    ['soundboard', 'SOUNDBOARD_SOUNDS', { soundboard_sounds: [sound('81')] }],
    ['stageInstances', 'STAGE_INSTANCE_CREATE', stage('96', '20')],
    ['scheduledEvents', 'GUILD_SCHEDULED_EVENT_CREATE', scheduledEvent('91')],
    ['members', 'GUILD_MEMBER_UPDATE', member('3')],
    ['members', 'GUILD_MEMBERS_CHUNK', { members: [member('3')] }],
  ])('gets nothing from events: %s, %s', (kind, type, d) => {
    const options = withoutKinds(kind);
    const before = stripGuild(FULL, options);
    expect(afterEvent(before, type, d, options)).toEqual(before);
  });
});

describe('members that are off', () => {
  const options = withoutKinds('members');
  const before = stripGuild(FULL, options);

  it("keep the bot's own member, up to date", () => {
    const reduced = afterEvent(before, 'GUILD_MEMBER_UPDATE', member(BOT_ID, { nick: 'new' }), options);
    expect(reduced['members']).toEqual([member(BOT_ID, { nick: 'new' })]);
  });

  it('are still counted', () => {
    expect(afterEvent(before, 'GUILD_MEMBER_ADD', member('3'), options)['member_count']).toBe(4);
    expect(afterEvent(before, 'GUILD_MEMBER_REMOVE', { user: user('3') }, options)['member_count']).toBe(2);
  });

  it('let presences and voice states go with who leaves', () => {
    const reduced = afterEvent(before, 'GUILD_MEMBER_REMOVE', { user: user('1') }, options);
    expect(reduced['presences']).toEqual([]);
    expect(ids(reduced, 'voice_states')).toEqual([BOT_ID]);
  });
});

describe('voice states that are off', () => {
  const options = withoutKinds('voiceStates');

  it("keep the bot's own", () => {
    const joined = afterEvent(
      guild({ voice_states: [] }),
      'VOICE_STATE_UPDATE',
      voiceState(BOT_ID, '20'),
      options,
    );
    expect(joined['voice_states']).toEqual([voiceState(BOT_ID, '20')]);
    expect(
      afterEvent(joined, 'VOICE_STATE_UPDATE', voiceState(BOT_ID, null), options)['voice_states'],
    ).toEqual([]);
  });
});

describe('with nothing off', () => {
  it('a guild is itself', () => {
    expect(stripGuild(FULL, OPTIONS)).toBe(FULL);
  });
});
