/** Whose the bot's voice is, when its shard moves to another node and when that node dies. The facts are told in order. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cluster, startCluster } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import {
  breakOff,
  CHANNELS,
  JOINED,
  joined,
  liveWorker,
  type Place,
  resumed,
  voiceOf,
} from '../../support/voice.ts';
import type { Worker } from '../../support/worker.ts';

const SHARDS = 2;

/** Of one shard: A has joined the voice of the guild, B has not. */
interface Pair {
  readonly shard: number;
  readonly place: Place;
  readonly guildId: string;
  readonly sessions: readonly [a: string, b: string];
  workers: readonly [a: Worker, b: Worker];
}

let cluster: Cluster;
const pairs: Pair[] = [];

beforeAll(async () => {
  cluster = await startCluster({ shards: SHARDS, nodes: 1, simulator: { eventsPerSecond: 100 } });
  for (let shard = 0; shard < SHARDS; shard++) pairs.push(await pairOf(shard));
});

afterAll(async () => {
  for (const { workers } of pairs) for (const worker of workers) worker[Symbol.dispose]();
  await cluster?.[Symbol.asyncDispose]();
});

async function pairOf(shard: number): Promise<Pair> {
  const place: Place = { url: cluster.haproxy.workersUrl, shard: [shard, SHARDS] };
  const guildId = cluster.simulator.guildIds(shard)[0] ?? '';
  const [a, b] = [await liveWorker(place), await liveWorker(place)];
  await joined(a, guildId, CHANNELS[0]);
  expect(voiceOf(a.payloads, guildId)).toEqual(JOINED);
  return { shard, place, guildId, workers: [a, b], sessions: [a.sessionId, b.sessionId] };
}

/** The server changes while nobody is connected; then both come back: what each gets of it. */
async function comeBack(pair: Pair): Promise<string[][]> {
  const { shard, place, guildId, workers, sessions } = pair;
  for (const worker of workers) breakOff(worker);
  const { simulator } = cluster;
  simulator.dispatch(shard, 'VOICE_SERVER_UPDATE', { token: 't', guild_id: guildId, endpoint: 'b:443' });
  const [a, b] = workers;
  pair.workers = [await resumed(place, a, sessions[0]), await resumed(place, b, sessions[1])];
  const last = simulator.dispatch(shard, 'TYPING_START', { channel_id: '1', user_id: '2', timestamp: 3 });
  await Promise.all(pair.workers.map((worker) => worker.reached(last)));
  return pair.workers.map(({ payloads }) => voiceOf(payloads, guildId));
}

it('it is the same worker’s after a move, and the other one gets none of it', async () => {
  await cluster.start('node-b');
  await cluster.settled({ 'node-a': 1, 'node-b': 1 });
  const moved = pairs.filter(({ shard }) => cluster.shardsOf('node-b').includes(shard));
  expect(moved).toHaveLength(1);
  for (const pair of moved) {
    await Promise.all(pair.workers.map((worker) => worker.closed()));
    expect(await comeBack(pair)).toEqual([['server'], []]);
    await joined(pair.workers[0], pair.guildId, CHANNELS[1]);
    expect(voiceOf(pair.workers[1].payloads, pair.guildId)).toEqual([]);
  }
});

it('it is the same worker’s after a takeover', async () => {
  const orphans = pairs.filter(({ shard }) => cluster.shardsOf('node-b').includes(shard));
  const node = cluster.node('node-b');
  await eventually(async () => (await node.metric('shardmux_tail_trailing_seconds')) === 0);
  await node.kill();
  await cluster.settled();
  for (const pair of orphans) expect(await comeBack(pair)).toEqual([['server'], []]);
});

it('every node that holds a shard knows it', async () => {
  expect(await cluster.node('node-a').metric('shardmux_voice_owners')).toBe(SHARDS);
});
