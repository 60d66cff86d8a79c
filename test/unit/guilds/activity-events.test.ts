/** What happens to stage instances, scheduled events and integrations. */
import { describe, expect, it } from 'vitest';
import { afterEvent, GUILD_ID, guild, scheduledEvent, stage } from './guild.ts';

describe('stage instances', () => {
  it('begin, change and end with their events', () => {
    const begun = afterEvent(guild(), 'STAGE_INSTANCE_CREATE', stage('95', '20'));
    expect(begun['stage_instances']).toEqual([stage('95', '20')]);
    const changed = afterEvent(begun, 'STAGE_INSTANCE_UPDATE', stage('95', '20', { topic: 'new' }));
    expect(changed['stage_instances']).toEqual([stage('95', '20', { topic: 'new' })]);
    expect(afterEvent(changed, 'STAGE_INSTANCE_DELETE', stage('95', '20'))['stage_instances']).toEqual([]);
  });
});

describe('scheduled events', () => {
  const before = guild({ guild_scheduled_events: [scheduledEvent('90', { user_count: 2 })] });

  it('are added by GUILD_SCHEDULED_EVENT_CREATE', () => {
    const reduced = afterEvent(guild(), 'GUILD_SCHEDULED_EVENT_CREATE', scheduledEvent('90'));
    expect(reduced['guild_scheduled_events']).toEqual([scheduledEvent('90')]);
  });

  it('keep what GUILD_SCHEDULED_EVENT_UPDATE does not carry', () => {
    const reduced = afterEvent(before, 'GUILD_SCHEDULED_EVENT_UPDATE', scheduledEvent('90', { status: 2 }));
    expect(reduced['guild_scheduled_events']).toEqual([scheduledEvent('90', { status: 2, user_count: 2 })]);
  });

  it.each([
    ['completed', 3],
    ['canceled', 4],
  ])('leave when they are %s', (_, status) => {
    const reduced = afterEvent(before, 'GUILD_SCHEDULED_EVENT_UPDATE', scheduledEvent('90', { status }));
    expect(reduced['guild_scheduled_events']).toEqual([]);
  });

  it('leave with GUILD_SCHEDULED_EVENT_DELETE', () => {
    const reduced = afterEvent(before, 'GUILD_SCHEDULED_EVENT_DELETE', scheduledEvent('90'));
    expect(reduced['guild_scheduled_events']).toEqual([]);
  });

  it.each([
    ['GUILD_SCHEDULED_EVENT_USER_ADD', 3],
    ['GUILD_SCHEDULED_EVENT_USER_REMOVE', 1],
  ])('count who is interested by %s', (type, userCount) => {
    const reduced = afterEvent(before, type, { guild_scheduled_event_id: '90', user_id: '1' });
    expect(reduced['guild_scheduled_events']).toEqual([scheduledEvent('90', { user_count: userCount })]);
  });

  it('count nobody where Discord has sent no count', () => {
    const uncounted = guild({ guild_scheduled_events: [scheduledEvent('90')] });
    const d = { guild_scheduled_event_id: '90', user_id: '1' };
    expect(afterEvent(uncounted, 'GUILD_SCHEDULED_EVENT_USER_ADD', d)).toBe(uncounted);
  });
});

describe('integrations', () => {
  const integration = { id: '60', name: 'twitch', type: 'twitch', enabled: true };

  it('are kept where GUILD_CREATE carried a list of them', () => {
    const created = afterEvent(guild({ integrations: [] }), 'INTEGRATION_CREATE', {
      ...integration,
      guild_id: GUILD_ID,
    });
    expect(created['integrations']).toEqual([integration]);
    const off = afterEvent(created, 'INTEGRATION_UPDATE', { ...integration, enabled: false });
    expect(off['integrations']).toEqual([{ ...integration, enabled: false }]);
    expect(afterEvent(off, 'INTEGRATION_DELETE', { id: '60' })['integrations']).toEqual([]);
  });

  it('begin no list of their own', () => {
    const before = guild();
    expect(afterEvent(before, 'INTEGRATION_CREATE', integration)).toBe(before);
  });
});
