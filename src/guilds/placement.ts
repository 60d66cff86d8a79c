/** Puts a dispatch that has come with the guild it is of. Some half a microsecond each, mostly for the guild's id; a tenth of a millisecond for a GUILD_CREATE. */
import { EventTypeId, eventTypeName } from '../protocol/event-types.ts';
import type { Arrival } from './arrivals.ts';
import type { GuildCompressor } from './compressor.ts';
import { scanGuildId } from './guild-id-scan.ts';
import type { GuildTable } from './guild-table.ts';
import { objectOf } from './json.ts';
import { isKnown, type KeptGuild } from './kept-guild.ts';
import { OWN_USER_EVENT, rawState } from './merging.ts';

export function place(table: GuildTable, compressor: GuildCompressor, arrival: Readonly<Arrival>): void {
  const { typeId, bytes, start, end, sequence } = arrival;
  const type = eventTypeName(typeId);
  if (type === OWN_USER_EVENT) return placeOwnUser(table, arrival);
  const id = scanGuildId(type, bytes, start, end);
  if (id === undefined) return;
  const guild = table.find(id);
  // It is in the stored snapshot that was taken over.
  if (guild && sequence <= guild.lastSequence) return;
  if (typeId === EventTypeId.GuildCreate) {
    table.set(id, rawState(bytes.subarray(start, end), compressor), sequence);
  } else if (typeId === EventTypeId.GuildDelete) placeDelete(table, id, arrival);
  else if (guild) append(table, guild, arrival);
}

/** Only an outage sets `unavailable`; without it the bot has left. Parsed, as there are few of them and all of them short. */
function placeDelete(
  table: GuildTable,
  id: string,
  { bytes, start, end, sequence }: Readonly<Arrival>,
): void {
  if (isOutage(bytes.toString('utf8', start, end))) table.set(id, { kind: 'unavailable' }, sequence);
  else table.delete(id);
}

function isOutage(payload: string): boolean {
  try {
    return objectOf((JSON.parse(payload) as { d?: unknown } | null)?.d)?.['unavailable'] === true;
  } catch {
    // Of two ways to be wrong the one in which nothing is lost.
    return true;
  }
}

/** The bot's user is a member of every guild. */
function placeOwnUser(table: GuildTable, arrival: Readonly<Arrival>): void {
  for (const guild of table.all()) {
    if (arrival.sequence > guild.lastSequence) append(table, guild, arrival);
  }
}

/** What happens to a guild that is not known, or out, will be in the GUILD_CREATE to come. */
function append(
  table: GuildTable,
  guild: KeptGuild,
  { bytes, start, end, sequence }: Readonly<Arrival>,
): void {
  if (!isKnown(guild.state)) return;
  table.append(guild, bytes, start, end);
  guild.lastSequence = sequence;
}
