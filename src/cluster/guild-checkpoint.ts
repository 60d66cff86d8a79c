/** The checkpoint of stored guilds as bytes. Pure. */
import type { GuildCheckpoint } from '../guilds/index.ts';
import { packJson, unpackJson } from './packed-json.ts';

export function encodeCheckpoint(checkpoint: GuildCheckpoint): Buffer {
  const { epoch, sequence, guildIds, ownUser, off } = checkpoint;
  return packJson({ epoch, sequence, guildIds, ownUser, off });
}

/** Throws where the bytes are not what was written. */
export function decodeCheckpoint(bytes: Buffer): GuildCheckpoint {
  // Looked at below.
  const { epoch, sequence, guildIds, ownUser, off } = unpackJson(bytes) as Partial<GuildCheckpoint>;
  const isWhole =
    typeof epoch === 'string' &&
    typeof sequence === 'number' &&
    Array.isArray(guildIds) &&
    guildIds.every((id) => typeof id === 'string') &&
    (off === undefined || (Array.isArray(off) && off.every((kind) => typeof kind === 'string'))) &&
    (ownUser === undefined || (typeof ownUser === 'object' && ownUser !== null));
  if (!isWhole) throw new Error('the checkpoint of stored guilds is not one');
  return { epoch, sequence, guildIds, ownUser, ...(off && { off }) };
}

/** Whether what is stored of a guild is of no use any more: it is gone as of the checkpoint, and has not come back since. */
export function isForgotten(
  checkpoint: GuildCheckpoint,
  named: ReadonlySet<string>,
  guildId: string,
  sequence: number,
): boolean {
  return sequence <= checkpoint.sequence && !named.has(guildId);
}
