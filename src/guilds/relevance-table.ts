/** Which event types can change a guild, for the hot path. */
import { EventTypeId, eventTypeId } from '../protocol/event-types.ts';
import type { GuildOptions } from './lists.ts';
import { OWN_USER_EVENT } from './merging.ts';
import { relevantEventTypes } from './reducer.ts';

/** As many event types as there can be. */
const EVENT_TYPES = 1_025;

/** 1 at the ids of those that can. */
export function relevanceTable(options: GuildOptions): Uint8Array {
  const table = new Uint8Array(EVENT_TYPES);
  for (const type of [...relevantEventTypes(options), OWN_USER_EVENT]) {
    const name = Buffer.from(type, 'latin1');
    table[eventTypeId(name, 0, name.length)] = 1;
  }
  // Of a type that is beyond the table's names nobody knows what it is.
  table[EventTypeId.Other] = 0;
  return table;
}
