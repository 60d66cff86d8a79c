/** The dispatches that are ours and not Discord's: READY and RESUMED as a worker gets them, and what is told again from memory. Pure. */
import { Opcode } from '../protocol/opcodes.ts';
import type { Serving } from './admission.ts';
import type { WorkerShard } from './ports.ts';

export interface ReadyOptions {
  readonly shard: WorkerShard;
  readonly serving: Serving;
  /** Guilds of the shard when the session begins. */
  readonly guildIds: Iterable<string>;
  /** What follows has the numbers after it. */
  readonly sequence: number;
  readonly sessionId: string;
  readonly resumeUrl: string;
}

const TRACE = ['shardmux'];

/** The upstream READY with what is the worker session's own, and its guilds, all to come (`unavailable`). */
export function readyPayload({
  shard,
  serving,
  guildIds,
  sequence,
  sessionId,
  resumeUrl,
}: ReadyOptions): string {
  const guilds = Array.from(guildIds, (id) => ({ id, unavailable: true }));
  const d = {
    // Some libraries (eris, JDA, Discord.Net) need it, and Discord leaves it out at times.
    private_channels: [],
    ...serving.ready,
    session_id: sessionId,
    resume_gateway_url: resumeUrl,
    shard: [shard.shardId, shard.shardCount],
    guilds,
    _trace: TRACE,
  };
  return JSON.stringify({ t: 'READY', s: sequence, op: Opcode.Dispatch, d });
}

/** `d` is an object and `s` a number: discord.py ends on anything else. */
export function resumedPayload(sequence: number): string {
  return JSON.stringify({ t: 'RESUMED', s: sequence, op: Opcode.Dispatch, d: { _trace: TRACE } });
}

/** `d` as JSON text. It repeats the number of the dispatch before it. */
export function voiceServerPayload(sequence: number, d: string): string {
  return `{"t":"VOICE_SERVER_UPDATE","s":${sequence},"op":${Opcode.Dispatch},"d":${d}}`;
}
