/**
 * What a file of stored guilds is made up of: records of guilds, one for each `put`, so that all of them are there or none; and
 * checkpoints, each with the ids of the guilds that it forgets. Pure.
 *
 * A guild in its record: `id bytes (u8) · has a body (u8) · sequence (f64) · body bytes (u32) · pending bytes (u32) · id · body · pending`.
 * A checkpoint: `bytes of the forgotten (u32) · forgotten ids (JSON) · checkpoint`.
 */
import type { GuildCheckpoint, StoredGuild } from '../../guilds/index.ts';
import { encodeCheckpoint } from '../guild-checkpoint.ts';
import { encodeRecord } from './record.ts';

/** None of the kinds of a tail file. */
export const GuildRecordKind = { Guilds: 3, Checkpoint: 4 } as const;

const GUILD_HEADER_BYTES = 18;

const FORGOTTEN_HEADER_BYTES = 4;

/** A guild in a record's body. The body, if it has one, is right before `pending`. */
export interface EncodedGuild {
  readonly guildId: string;
  readonly sequence: number;
  readonly bodyBytes: number | undefined;
  readonly pendingBytes: number;
  /** Of what comes first of the two, in the record's body. */
  readonly at: number;
}

/** What a record takes for a guild beside its body and what is pending. */
export function guildOverhead(guildId: string): number {
  return GUILD_HEADER_BYTES + guildId.length;
}

export function encodeGuilds(guilds: readonly StoredGuild[]): Buffer {
  return encodeRecord(
    GuildRecordKind.Guilds,
    guilds.flatMap(({ guildId, sequence, body, pending }) => {
      const header = Buffer.alloc(GUILD_HEADER_BYTES);
      const id = Buffer.from(guildId, 'latin1');
      header.writeUInt8(id.length, 0);
      header.writeUInt8(body ? 1 : 0, 1);
      header.writeDoubleBE(sequence, 2);
      header.writeUInt32BE(body?.length ?? 0, 10);
      header.writeUInt32BE(pending.length, 14);
      return [header, id, ...(body ? [body] : []), pending];
    }),
  );
}

/** `undefined` where it is not what was written. */
export function decodeGuilds(body: Buffer): EncodedGuild[] | undefined {
  const guilds: EncodedGuild[] = [];
  let offset = 0;
  while (offset + GUILD_HEADER_BYTES <= body.length) {
    const idEnd = offset + GUILD_HEADER_BYTES + body.readUInt8(offset);
    const bodyBytes = body.readUInt32BE(offset + 10);
    const pendingBytes = body.readUInt32BE(offset + 14);
    guilds.push({
      guildId: body.toString('latin1', offset + GUILD_HEADER_BYTES, idEnd),
      sequence: body.readDoubleBE(offset + 2),
      bodyBytes: body.readUInt8(offset + 1) === 1 ? bodyBytes : undefined,
      pendingBytes,
      at: idEnd,
    });
    offset = idEnd + bodyBytes + pendingBytes;
  }
  return offset === body.length ? guilds : undefined;
}

export function encodeCheckpointRecord(checkpoint: GuildCheckpoint, forgotten: readonly string[]): Buffer {
  const ids = Buffer.from(JSON.stringify(forgotten));
  const header = Buffer.alloc(FORGOTTEN_HEADER_BYTES);
  header.writeUInt32BE(ids.length, 0);
  return encodeRecord(GuildRecordKind.Checkpoint, [header, ids, encodeCheckpoint(checkpoint)]);
}

export interface CheckpointRecord {
  readonly forgotten: readonly string[];
  /** As `encodeCheckpoint` made it: only the last of a file is worth being looked into. A view. */
  readonly checkpoint: Buffer;
}

/** `undefined` where it is not what was written. */
export function decodeCheckpointRecord(body: Buffer): CheckpointRecord | undefined {
  if (body.length < FORGOTTEN_HEADER_BYTES) return undefined;
  const end = FORGOTTEN_HEADER_BYTES + body.readUInt32BE(0);
  if (end > body.length) return undefined;
  // The checksum fits, so it is JSON that we wrote.
  const forgotten = JSON.parse(body.toString('utf8', FORGOTTEN_HEADER_BYTES, end)) as string[];
  return { forgotten, checkpoint: body.subarray(end) };
}
