/** Channels and what lives in them but threads. https://discord.com/developers/docs/events/gateway-events#channels */
import type { GuildDraft } from '../draft.ts';
import { idOf, type JsonObject, objectsOf, withoutGuildId } from '../json.ts';
import type { ListKey } from '../lists.ts';
import type { GuildEvent, GuildEvents } from './event.ts';

export const channelEvents: GuildEvents = {
  CHANNEL_CREATE: { kinds: ['channels'], apply: mergeChannel },
  CHANNEL_UPDATE: { kinds: ['channels'], apply: mergeChannel },
  CHANNEL_DELETE: {
    kinds: ['channels', 'threads', 'stageInstances', 'scheduledEvents'],
    apply: deleteChannel,
  },
  CHANNEL_PINS_UPDATE: { kinds: ['channels', 'threads'], apply: updatePins },
  VOICE_CHANNEL_STATUS_UPDATE: channelFieldEvent('status', 'string'),
  VOICE_CHANNEL_START_TIME_UPDATE: channelFieldEvent('voice_start_time', 'number'),
  CHANNEL_INFO: {
    kinds: ['channels'],
    apply: (draft, d) => {
      for (const channel of objectsOf(d['channels']) ?? []) {
        setField(draft, channel, 'status', 'string');
        setField(draft, channel, 'voice_start_time', 'number');
      }
    },
  },
  MESSAGE_CREATE: {
    kinds: ['channels', 'threads'],
    isWanted: ({ lastMessageIds }) => lastMessageIds,
    apply: (draft, d) => {
      const id = idOf(d['id']);
      if (id !== undefined) setInChannel(draft, d['channel_id'], { last_message_id: id });
    },
  },
};

function mergeChannel(draft: GuildDraft, d: JsonObject): void {
  draft.merge('channels', withoutGuildId(d));
}

/**
 * Discord deletes what lives in a channel with it and says nothing more: threads, and scheduled events
 * (https://github.com/discord/discord-api-docs/issues/4581). Voice states end by events of their own.
 */
function deleteChannel(draft: GuildDraft, d: JsonObject): void {
  const id = idOf(d['id']);
  if (id === undefined) return;
  draft.delete('channels', id);
  draft.deleteWhere('threads', (thread) => thread['parent_id'] === id, id);
  draft.deleteWhere('stage_instances', (stage) => stage['channel_id'] === id, id);
  draft.deleteWhere('guild_scheduled_events', (event) => event['channel_id'] === id, id);
}

/** Without a timestamp nothing is pinned any more. */
function updatePins(draft: GuildDraft, d: JsonObject): void {
  const at = d['last_pin_timestamp'] ?? null;
  if (at === null || typeof at === 'string') {
    setInChannel(draft, d['channel_id'], { last_pin_timestamp: at });
  }
}

/** A channel or thread, if it is known. */
function setInChannel(draft: GuildDraft, channelId: unknown, fields: JsonObject): void {
  const id = idOf(channelId);
  if (id === undefined) return;
  const key: ListKey = draft.has('channels', id) ? 'channels' : 'threads';
  if (draft.has(key, id)) draft.merge(key, { id, ...fields });
}

function channelFieldEvent(key: string, type: 'string' | 'number'): GuildEvent {
  return { kinds: ['channels'], apply: (draft, d) => setField(draft, d, key, type) };
}

/** Nothing where `from` does not carry the field, or carries something else there. */
function setField(draft: GuildDraft, from: JsonObject, key: string, type: 'string' | 'number'): void {
  const id = idOf(from['id']);
  const value = from[key];
  if (id === undefined || (value !== null && typeof value !== type)) return;
  if (draft.has('channels', id)) draft.merge('channels', { id, [key]: value });
}
