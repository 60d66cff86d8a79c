/**
 * The lists in a GUILD_CREATE, what names their elements, and which of them can be switched off.
 * https://discord.com/developers/docs/events/gateway-events#guild-create
 */
import type { GuildKind } from '../protocol/guild-kinds.ts';
import { idOf, type JsonObject, objectOf } from './json.ts';

export type { GuildKind } from '../protocol/guild-kinds.ts';

export interface GuildOptions {
  /** The bot's user: its member and voice state are kept whatever is switched off. */
  readonly ownUserId: string;
  /** Kinds that are not kept. */
  readonly off: ReadonlySet<GuildKind>;
  /**
   * Whether MESSAGE_CREATE moves the `last_message_id` of its channel. It is the most frequent event by far and hardly a
   * worker looks at that field, so normally not: then it says what it said when the channel was last sent.
   */
  readonly lastMessageIds: boolean;
}

interface List {
  /** None: a guild is nothing without it. */
  readonly kind?: GuildKind;
  /** In every GUILD_CREATE, so that libraries stumble where it is missing. */
  readonly isAlwaysSent: boolean;
  elementId(element: JsonObject): string | undefined;
}

const byId = (element: JsonObject) => idOf(element['id']);
const byUserId = (element: JsonObject) => idOf(element['user_id']);
const byUser = (element: JsonObject) => idOf(objectOf(element['user'])?.['id']);
const bySoundId = (element: JsonObject) => idOf(element['sound_id']);

export type ListKey =
  | 'roles'
  | 'channels'
  | 'threads'
  | 'members'
  | 'presences'
  | 'voice_states'
  | 'emojis'
  | 'stickers'
  | 'soundboard_sounds'
  | 'stage_instances'
  | 'guild_scheduled_events'
  | 'integrations';

export const LISTS: Readonly<Record<ListKey, List>> = {
  roles: { isAlwaysSent: true, elementId: byId },
  channels: { kind: 'channels', isAlwaysSent: true, elementId: byId },
  threads: { kind: 'threads', isAlwaysSent: true, elementId: byId },
  members: { kind: 'members', isAlwaysSent: true, elementId: byUser },
  presences: { kind: 'presences', isAlwaysSent: true, elementId: byUser },
  voice_states: { kind: 'voiceStates', isAlwaysSent: true, elementId: byUserId },
  emojis: { kind: 'emojis', isAlwaysSent: true, elementId: byId },
  stickers: { kind: 'stickers', isAlwaysSent: true, elementId: byId },
  soundboard_sounds: { kind: 'soundboard', isAlwaysSent: true, elementId: bySoundId },
  stage_instances: { kind: 'stageInstances', isAlwaysSent: true, elementId: byId },
  guild_scheduled_events: { kind: 'scheduledEvents', isAlwaysSent: true, elementId: byId },
  integrations: { kind: 'integrations', isAlwaysSent: false, elementId: byId },
};

// Its keys are the table's, by its type.
export const LIST_KEYS = Object.keys(LISTS) as readonly ListKey[];

export function isOff(key: ListKey, options: GuildOptions): boolean {
  const { kind } = LISTS[key];
  return kind !== undefined && options.off.has(kind);
}

/** Whether a list keeps the element of that id: all of them, or the bot's own of a list that is switched off. */
export function keeps(key: ListKey, elementId: string, options: GuildOptions): boolean {
  if (!isOff(key, options)) return true;
  return (key === 'members' || key === 'voice_states') && elementId === options.ownUserId;
}
