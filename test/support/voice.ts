/** Workers in voice: what they send, and what they get of it. */
import { eventually } from './eventually.ts';
import { connectWorker, type ReceivedPayload, type Worker, type WorkerOptions } from './worker.ts';

/** Of the simulated bot. */
export const BOT = '100000000000000001';
export const CHANNELS = ['200000000000000001', '200000000000000002'] as const;
/** What joining the first of them brings. */
export const JOINED = [`bot ${CHANNELS[0]}`, 'server'];

export interface Place {
  readonly url: string;
  readonly shard?: readonly [shardId: number, shardCount: number];
}

function pathOf({ shard }: Place): WorkerOptions {
  return shard ? { path: `/shards/${shard[0]}` } : {};
}

export async function liveWorker(place: Place): Promise<Worker> {
  const worker = await connectWorker(place.url, pathOf(place));
  worker.identify({ shard: place.shard ?? [0, 1] });
  await worker.next('READY');
  return worker;
}

/** The session of a worker that is gone goes on; `sessionId` where that one has RESUMEd, too. */
export async function resumed(place: Place, gone: Worker, sessionId = gone.sessionId): Promise<Worker> {
  const worker = await connectWorker(place.url, pathOf(place));
  worker.resume({ sessionId, seq: gone.lastSequence });
  await worker.next('RESUMED');
  return worker;
}

/** Ends its connection, and not its session. */
export function breakOff(worker: Worker): Worker {
  worker[Symbol.dispose]();
  return worker;
}

export function join(worker: Worker, guild_id: string, channel_id: string | null): void {
  worker.send(4, { guild_id, channel_id, self_mute: false, self_deaf: false });
}

/** Resolves when Discord has answered: the bot is in that channel, or in none. */
export async function joined(worker: Worker, guildId: string, channelId: string | null): Promise<void> {
  const before = worker.payloads.length;
  join(worker, guildId, channelId);
  const last = channelId === null ? 'bot null' : 'server';
  await eventually(() => voiceOf(worker.payloads.slice(before), guildId).includes(last));
}

/** The bot's voice events of the guild, shortened. Those of other users flow as they do. */
export function voiceOf(payloads: readonly ReceivedPayload[], guildId: string): string[] {
  return payloads
    .filter(({ t, d }) => t?.startsWith('VOICE_') && d.guild_id === guildId)
    .filter(({ t, d }) => t === 'VOICE_SERVER_UPDATE' || d.user_id === BOT)
    .map(({ t, d }) => (t === 'VOICE_SERVER_UPDATE' ? 'server' : `bot ${d.channel_id}`));
}
