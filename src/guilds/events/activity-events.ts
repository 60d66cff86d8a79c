/** Stage instances, scheduled events and integrations. https://discord.com/developers/docs/events/gateway-events#guild-scheduled-event-create */
import type { GuildDraft } from '../draft.ts';
import { idOf, type JsonObject, withoutGuildId } from '../json.ts';
import type { GuildKind, ListKey } from '../lists.ts';
import type { GuildEvent, GuildEvents } from './event.ts';

/**
 * Completed and canceled: for good, and none of GUILD_CREATE's any more.
 * https://discord.com/developers/docs/resources/guild-scheduled-event#guild-scheduled-event-object-guild-scheduled-event-status
 */
const OVER: ReadonlySet<unknown> = new Set([3, 4]);

export const activityEvents: GuildEvents = {
  STAGE_INSTANCE_CREATE: mergeEvent('stage_instances', 'stageInstances'),
  STAGE_INSTANCE_UPDATE: mergeEvent('stage_instances', 'stageInstances'),
  STAGE_INSTANCE_DELETE: deleteEvent('stage_instances', 'stageInstances'),
  GUILD_SCHEDULED_EVENT_CREATE: { kinds: ['scheduledEvents'], apply: putScheduledEvent },
  GUILD_SCHEDULED_EVENT_UPDATE: { kinds: ['scheduledEvents'], apply: putScheduledEvent },
  GUILD_SCHEDULED_EVENT_DELETE: deleteEvent('guild_scheduled_events', 'scheduledEvents'),
  GUILD_SCHEDULED_EVENT_USER_ADD: countEvent(1),
  GUILD_SCHEDULED_EVENT_USER_REMOVE: countEvent(-1),
  INTEGRATION_CREATE: { kinds: ['integrations'], apply: mergeIntegration },
  INTEGRATION_UPDATE: { kinds: ['integrations'], apply: mergeIntegration },
  INTEGRATION_DELETE: deleteEvent('integrations', 'integrations'),
};

function mergeEvent(key: ListKey, kind: GuildKind): GuildEvent {
  return { kinds: [kind], apply: (draft, d) => draft.merge(key, d) };
}

function deleteEvent(key: ListKey, kind: GuildKind): GuildEvent {
  return {
    kinds: [kind],
    apply: (draft, d) => {
      const id = idOf(d['id']);
      if (id !== undefined) draft.delete(key, id);
    },
  };
}

function putScheduledEvent(draft: GuildDraft, d: JsonObject): void {
  const id = idOf(d['id']);
  if (id === undefined) return;
  if (OVER.has(d['status'])) draft.delete('guild_scheduled_events', id);
  else draft.merge('guild_scheduled_events', d);
}

/** `user_count` is there only where Discord has sent it. */
function countEvent(difference: number): GuildEvent {
  return {
    kinds: ['scheduledEvents'],
    apply: (draft, d) => {
      const id = idOf(d['guild_scheduled_event_id']);
      const known = id === undefined ? undefined : draft.find('guild_scheduled_events', id)?.['user_count'];
      if (typeof known !== 'number' || idOf(d['user_id']) === undefined) return;
      draft.merge('guild_scheduled_events', { id, user_count: Math.max(0, known + difference) });
    },
  };
}

/** Bots' guilds carry no integrations as a rule; a list that was never begun would be wrong. */
function mergeIntegration(draft: GuildDraft, d: JsonObject): void {
  if (Array.isArray(draft.field('integrations'))) draft.merge('integrations', withoutGuildId(d));
}
