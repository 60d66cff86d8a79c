/**
 * A guild on its way to where guilds are stored, and back: bytes as they are, never merged for it. A body that is stored already is
 * not written again; what is pending is, as one frame.
 */
import type { GuildCompressor } from './compressor.ts';
import type { GuildTable } from './guild-table.ts';
import { isKnown, type KeptGuild, NEVER } from './kept-guild.ts';
import type { MergeTools } from './merging.ts';
import { Pending } from './pending.ts';
import type { StoredGuild } from './ports.ts';

const NOTHING = Buffer.alloc(0);

/** Whether what is stored of a guild is not what is known of it. One that is awaited is not stored at all. */
export function needsStoring({
  state,
  lastSequence,
  version,
  storedVersion,
  storedSequence,
}: KeptGuild): boolean {
  if (state.kind === 'awaited') return false;
  // A guild that was dropped, or could not be read, has become another without a dispatch.
  return lastSequence > storedSequence || (!isKnown(state) && version !== storedVersion);
}

/** All of the guild as of `sequence`, except for a body that is stored already. */
export function toStored(guild: KeptGuild, sequence: number, compressor: GuildCompressor): StoredGuild {
  const view = guild.pending?.view;
  return {
    guildId: guild.id,
    sequence,
    body: guild.version === guild.storedVersion ? undefined : bodyFrame(guild, compressor),
    pending: view ? compressor.compress(view.bytes.subarray(0, view.end)) : NOTHING,
  };
}

function bodyFrame({ id, state }: KeptGuild, compressor: GuildCompressor): Buffer {
  if (isKnown(state)) return state.frame;
  if (state.kind === 'missing') return NOTHING;
  return compressor.compressText(JSON.stringify({ id, unavailable: true })).frame;
}

/** It was stored as it was with this version. */
export function noteStored(guild: KeptGuild, version: number, sequence: number): void {
  guild.storedVersion = version;
  guild.storedSequence = sequence;
}

export function forgetStored(guild: KeptGuild): void {
  noteStored(guild, NEVER, NEVER);
}

/** Puts a stored guild in the place of one that is awaited. */
export function loadStored(table: GuildTable, stored: StoredGuild, tools: MergeTools): void {
  const { guildId, sequence, body } = stored;
  if (!body || !table.find(guildId)) return;
  const pending = loadedPending(stored, tools);
  if (pending === 'unreadable') tools.onUnreadable();
  if (body.length === 0 || pending === 'unreadable') table.set(guildId, { kind: 'missing' }, sequence);
  else {
    // Of its own: what it came in would stay in memory with it.
    const frame = Buffer.allocUnsafeSlow(body.length);
    body.copy(frame);
    table.set(
      guildId,
      { kind: 'kept', frame, textBytes: undefined, isSnapshot: false, layout: undefined },
      sequence,
    );
  }
  const guild = table.find(guildId);
  if (!guild) return;
  if (pending instanceof Pending) table.setPending(guild, pending);
  noteStored(guild, guild.version, sequence);
}

function loadedPending(
  { pending }: StoredGuild,
  { compressor }: MergeTools,
): Pending | undefined | 'unreadable' {
  if (pending.length === 0) return undefined;
  try {
    return Pending.of(compressor.decompressForeign(pending)) ?? 'unreadable';
  } catch {
    return 'unreadable';
  }
}
