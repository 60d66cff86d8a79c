/**
 * The guilds that a worker gets which IDENTIFYs now, against those that the simulated Discord has. To be asked while nothing happens
 * there: the two are looked at one after the other.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { Opcode } from '../../src/protocol/opcodes.ts';

/** Far above what a shard takes. */
const TIMEOUT_MS = 20_000;

const MAX_EXAMPLES = 3;

/** The simulated Discord's GUILD_CREATE does not carry it, and its events do. */
const NOT_IN_GUILD_CREATE = 'voice_start_time';

type Body = Readonly<Record<string, unknown>>;

export interface GuildComparison {
  readonly guilds: number;
  /** Not as they are, not sent, or sent and not there. */
  readonly wrong: number;
  readonly examples: readonly string[];
}

export interface AskedShard {
  /** `http://host:port` of an HAProxy. */
  readonly url: string;
  readonly token: string;
  readonly intents: number;
  readonly shard: number;
  readonly shardCount: number;
}

/** @throws {Error} where READY does not come; guilds that do not come are wrong ones. */
export async function compareGuilds(
  asked: AskedShard,
  truth: Readonly<Record<string, Body>>,
): Promise<GuildComparison> {
  const sent = await guildsSent(asked);
  const ids = new Set([...Object.keys(truth), ...sent.keys()]);
  const wrong = [...ids].filter((id) => canonical(sent.get(id)) !== canonical(truth[id]));
  const examples = wrong
    .slice(0, MAX_EXAMPLES)
    .map((id) => `shard ${asked.shard}: guild ${id}: ${difference(sent.get(id), truth[id])}`);
  return { guilds: Object.keys(truth).length, wrong: wrong.length, examples };
}

/** By id, as of when all that READY named were told of, or nothing more came. */
async function guildsSent(asked: AskedShard): Promise<Map<string, Body>> {
  const { url, token, intents, shard, shardCount } = asked;
  const sent = new Map<string, Body>();
  const socket = new WebSocket(`${url.replace('http', 'ws')}/shards/${shard}?v=10&encoding=json`);
  const done = new Promise<void>((resolve, reject) => {
    let awaited = Number.POSITIVE_INFINITY;
    socket.on('error', reject);
    socket.on('close', (code) => reject(new Error(`shard ${shard}: closed with ${code} before all guilds`)));
    socket.on('message', (data) => {
      const { op, t, d } = JSON.parse(String(data)) as { op: number; t: string | null; d: Body };
      if (op === Opcode.Hello) {
        const identify = { token, intents, properties: {}, shard: [shard, shardCount] };
        socket.send(JSON.stringify({ op: Opcode.Identify, d: identify }));
      }
      if (t === 'READY') awaited = (d['guilds'] as readonly Body[]).length;
      else if (t === 'GUILD_CREATE' || t === 'GUILD_DELETE') sent.set(String(d['id']), d);
      if (sent.size >= awaited) resolve();
    });
  });
  const timeOut = new AbortController();
  try {
    await Promise.race([done, sleep(TIMEOUT_MS, undefined, { signal: timeOut.signal })]);
  } finally {
    timeOut.abort();
    socket.removeAllListeners();
    socket.on('error', () => undefined);
    socket.terminate();
  }
  return sent;
}

function difference(sent: Body | undefined, truth: Body | undefined): string {
  if (!sent) return 'was not sent';
  if (!truth) return 'is none of the bot';
  const keys = new Set([...Object.keys(sent), ...Object.keys(truth)]);
  const differing = [...keys].filter((key) => canonical(sent[key]) !== canonical(truth[key]));
  return `differs in ${differing.join(', ')}`;
}

/** As a set of elements: lists have no order that matters. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).sort().join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  const entries = Object.entries(value).filter(([key]) => key !== NOT_IN_GUILD_CREATE);
  return `{${entries
    .map(([key, element]) => `${JSON.stringify(key)}:${canonical(element)}`)
    .sort()
    .join()}}`;
}
