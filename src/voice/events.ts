/**
 * Reads the two voice events, and GUILD_DELETE. On the hot path: VOICE_STATE_UPDATEs of other users are frequent, and cost one search
 * for the bot's id.
 */
import { scalarOfD } from '../protocol/json-scan.ts';

const QUOTED = /^"(\d+)"$/;

/** Where the bot is by its own VOICE_STATE_UPDATE in a guild. */
export interface OwnVoiceState {
  readonly guildId: string;
  readonly channelId: string | null;
}

/** Short enough for the fastest search there is: three times as fast as one for key and id. */
const KEY = Buffer.from('user_id');

/** What stands behind the key where it is that user's. */
export function ownUserValue(ownUserId: string): Buffer {
  return Buffer.from(`":"${ownUserId}"`);
}

/** `undefined` where it is another user's, or of no guild (a call). */
export function readOwnVoiceState(payload: Buffer, value: Buffer): OwnVoiceState | undefined {
  if (!mayBeOwn(payload, value) || `":${scalarOfD(payload, 'user_id')}` !== value.toString())
    return undefined;
  const guildId = idOfD(payload, 'guild_id');
  return guildId === undefined ? undefined : { guildId, channelId: idOfD(payload, 'channel_id') ?? null };
}

function mayBeOwn(payload: Buffer, value: Buffer): boolean {
  for (let at = payload.indexOf(KEY); at >= 0; at = payload.indexOf(KEY, at + KEY.length))
    if (standsAt(payload, at + KEY.length, value)) return true;
  return false;
}

function standsAt(payload: Buffer, at: number, value: Buffer): boolean {
  for (let i = 0; i < value.length; i++) if (payload[at + i] !== value[i]) return false;
  return true;
}

export interface VoiceServerUpdate {
  readonly guildId: string;
  /** JSON text; `undefined` where the server went away and another is yet to be found. */
  readonly d: string | undefined;
}

export function readVoiceServer(payload: Buffer): VoiceServerUpdate | undefined {
  const guildId = idOfD(payload, 'guild_id');
  if (guildId === undefined) return undefined;
  return { guildId, d: scalarOfD(payload, 'endpoint')?.startsWith('"') ? bodyOf(payload) : undefined };
}

function bodyOf(payload: Buffer): string | undefined {
  try {
    return JSON.stringify((JSON.parse(payload.toString('utf8')) as { readonly d?: unknown }).d);
  } catch {
    return undefined;
  }
}

/** Of a guild that the bot is not in any more; `undefined` of one that is out. */
export function readRemovedGuild(payload: Buffer): string | undefined {
  return scalarOfD(payload, 'unavailable') === 'true' ? undefined : idOfD(payload, 'id');
}

function idOfD(payload: Buffer, key: string): string | undefined {
  return QUOTED.exec(scalarOfD(payload, key) ?? '')?.[1];
}
