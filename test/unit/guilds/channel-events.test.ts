/** What happens to channels and to what lives in them. */
import { describe, expect, it } from 'vitest';
import { afterEvent, channel, find, GUILD_ID, guild, ids, OPTIONS, scheduledEvent, stage } from './guild.ts';

describe('CHANNEL_CREATE', () => {
  it('adds a channel, without its guild_id, as GUILD_CREATE lists them', () => {
    const reduced = afterEvent(guild(), 'CHANNEL_CREATE', { ...channel('30'), guild_id: GUILD_ID });
    expect(find(reduced, 'channels', '30')).toEqual(channel('30'));
    expect(ids(reduced, 'channels')).toEqual(['10', '20', '30']);
  });
});

describe('CHANNEL_UPDATE', () => {
  it('changes the channel in its place and keeps what it does not carry', () => {
    const reduced = afterEvent(guild(), 'CHANNEL_UPDATE', {
      ...channel('10', { name: 'new' }),
      guild_id: GUILD_ID,
    });
    expect(reduced['channels']).toEqual([
      channel('10', { name: 'new', last_message_id: '500' }),
      channel('20', { type: 2 }),
    ]);
  });

  it('adds a channel that has come into sight', () => {
    expect(ids(afterEvent(guild(), 'CHANNEL_UPDATE', channel('31')), 'channels')).toEqual(['10', '20', '31']);
  });
});

describe('CHANNEL_DELETE', () => {
  it('takes the threads below along, of which Discord says nothing', () => {
    const reduced = afterEvent(guild(), 'CHANNEL_DELETE', channel('10'));
    expect(ids(reduced, 'channels')).toEqual(['20']);
    expect(reduced['threads']).toEqual([]);
  });

  it('leaves the threads of other channels', () => {
    expect(afterEvent(guild(), 'CHANNEL_DELETE', channel('20'))['threads']).toEqual(guild()['threads']);
  });

  it('takes the scheduled events and the stage of the channel along', () => {
    const before = guild({
      guild_scheduled_events: [scheduledEvent('90'), scheduledEvent('91', { channel_id: null })],
      stage_instances: [stage('95', '20'), stage('96', '10')],
    });
    const reduced = afterEvent(before, 'CHANNEL_DELETE', channel('20'));
    expect(ids(reduced, 'guild_scheduled_events')).toEqual(['91']);
    expect(ids(reduced, 'stage_instances')).toEqual(['96']);
  });

  it('leaves voice states to their own events', () => {
    expect(afterEvent(guild(), 'CHANNEL_DELETE', channel('20'))['voice_states']).toEqual(
      guild()['voice_states'],
    );
  });
});

describe('CHANNEL_PINS_UPDATE', () => {
  const at = '2026-08-01T00:00:00.000000+00:00';

  it.each([
    ['channels', '10'],
    ['threads', '100'],
  ])('sets last_pin_timestamp in %s', (key, id) => {
    const reduced = afterEvent(guild(), 'CHANNEL_PINS_UPDATE', { channel_id: id, last_pin_timestamp: at });
    expect(find(reduced, key, id)).toEqual({ ...find(guild(), key, id), last_pin_timestamp: at });
  });

  it('without a timestamp says that nothing is pinned', () => {
    const pinned = afterEvent(guild(), 'CHANNEL_PINS_UPDATE', { channel_id: '10', last_pin_timestamp: at });
    const reduced = afterEvent(pinned, 'CHANNEL_PINS_UPDATE', { channel_id: '10' });
    expect(find(reduced, 'channels', '10')?.['last_pin_timestamp']).toBeNull();
  });
});

describe('voice channels', () => {
  it('get their status by VOICE_CHANNEL_STATUS_UPDATE', () => {
    const reduced = afterEvent(guild(), 'VOICE_CHANNEL_STATUS_UPDATE', { id: '20', status: 'playing' });
    expect(find(reduced, 'channels', '20')).toEqual(channel('20', { type: 2, status: 'playing' }));
    const cleared = afterEvent(reduced, 'VOICE_CHANNEL_STATUS_UPDATE', { id: '20', status: null });
    expect(find(cleared, 'channels', '20')?.['status']).toBeNull();
  });

  it('get their start time by VOICE_CHANNEL_START_TIME_UPDATE', () => {
    const reduced = afterEvent(guild(), 'VOICE_CHANNEL_START_TIME_UPDATE', {
      id: '20',
      voice_start_time: 17,
    });
    expect(find(reduced, 'channels', '20')?.['voice_start_time']).toBe(17);
  });

  it('get what a CHANNEL_INFO carries, and no more', () => {
    const channels = [
      { id: '20', status: 'playing', voice_start_time: 17 },
      { id: '10', status: null },
      { id: '31', status: 'unknown channel' },
    ];
    const reduced = afterEvent(guild(), 'CHANNEL_INFO', { channels });
    expect(reduced['channels']).toEqual([
      channel('10', { last_message_id: '500', status: null }),
      channel('20', { type: 2, status: 'playing', voice_start_time: 17 }),
    ]);
  });
});

describe('MESSAGE_CREATE', () => {
  const counting = { ...OPTIONS, lastMessageIds: true };

  it('changes nothing unless asked for', () => {
    const before = guild();
    expect(afterEvent(before, 'MESSAGE_CREATE', { id: '501', channel_id: '10' })).toBe(before);
  });

  it.each([
    ['channels', '10'],
    ['threads', '101'],
  ])('moves the last_message_id in %s where asked for', (key, id) => {
    const reduced = afterEvent(
      guild(),
      'MESSAGE_CREATE',
      { id: '501', channel_id: id, content: 'hello' },
      counting,
    );
    expect(find(reduced, key, id)).toEqual({ ...find(guild(), key, id), last_message_id: '501' });
  });

  it('of a channel that is not known changes nothing', () => {
    const before = guild();
    expect(afterEvent(before, 'MESSAGE_CREATE', { id: '501', channel_id: '77' }, counting)).toBe(before);
  });
});
