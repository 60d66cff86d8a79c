/** How a new session gets its guilds: from which place in the log on, with which numbers, as which bytes. */
import { Opcode } from '../protocol/opcodes.ts';
import { frameHeaderBytes, writeFrameHeader } from '../protocol/websocket-frame.ts';
import type { Place } from './admission.ts';
import type { AnswerPart, GuildReading, WorkerCursor } from './ports.ts';

/** Guilds, and the cursor for what has happened since. */
export interface OpenGuilds {
  readonly reading: GuildReading;
  readonly cursor: WorkerCursor;
}

/** Discord's own READY has it. Below it there is no number for ours. */
const FIRST_SEQUENCE = 1;

const CLOSING = Buffer.from('}');

/** The guilds for a session that begins; `undefined` where READY has to do without. The reading is the caller's. */
export function openGuilds({ shard, cursor }: Place, tag: string): OpenGuilds | undefined {
  const reading = shard.readGuilds?.();
  if (!reading) return undefined;
  const { sequence } = reading;
  const behind = sequence === cursor.sequence ? cursor : shard.log.cursorAfter(sequence, tag);
  if (behind && isNumberable(reading)) return { reading, cursor: behind };
  reading[Symbol.dispose]();
  return undefined;
}

/**
 * Whether a worker's sequence tells that it has only some of the guilds: all but the last have to be below the
 * reading's. Right behind Discord's own READY they can't be, and there Discord's GUILD_CREATEs are still to come anyway.
 */
function isNumberable({ sequence, count }: GuildReading): boolean {
  return sequence > FIRST_SEQUENCE || count === 0;
}

/** Of the `index`-th guild, counted from 1; READY is 0. The last has the reading's own, so that live dispatches follow it. */
export function snapshotSequence({ sequence, count }: GuildReading, index: number): number {
  return Math.max(FIRST_SEQUENCE, Math.min(sequence, sequence - count + index));
}

/** A finished WebSocket frame, in parts to be written one behind the other: what is large in it is not copied. */
export function snapshotFrame({ t, d }: AnswerPart, sequence: number): readonly Buffer[] {
  const header = `{"t":"${t}","s":${sequence},"op":${Opcode.Dispatch},"d":`;
  const payloadBytes = header.length + d.length + CLOSING.length;
  const start = Buffer.allocUnsafe(frameHeaderBytes(payloadBytes) + header.length);
  start.write(header, writeFrameHeader(start, 0, payloadBytes), 'latin1');
  return [start, d, CLOSING];
}
