import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { type NodeProcess, startNode } from '../../support/node.ts';
import { connectWorker, type Worker } from '../../support/worker.ts';

let simulator: Simulator;
let node: NodeProcess;

beforeAll(async () => {
  simulator = await startSimulator({ shards: 1, guilds: 3, eventsPerSecond: 0 });
  node = await startNode({ discord: simulator });
  await node.ready();
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await simulator[Symbol.asyncDispose]();
});

async function liveWorker(): Promise<Worker> {
  const worker = await connectWorker(node.workersUrl);
  worker.identify();
  await worker.next('READY');
  return worker;
}

/** The command that Discord gets next. */
async function forwarded(send: () => void) {
  const before = simulator.stats().receivedCommands;
  send();
  return eventually(() => simulator.received[before]);
}

const GUILD = () => simulator.guildIds(0)[0] ?? '';

test('ops 3, 4, 8, 31 and 43 reach Discord as they were sent, but for the nonce', async () => {
  using worker = await liveWorker();
  const guild = GUILD();
  const activities = [{ name: 'a test', type: 0, url: null }];
  const commands: [op: number, d: unknown][] = [
    [3, { since: 91_879_201, activities, status: 'online', afk: false }],
    [4, { guild_id: guild, channel_id: null, self_mute: false, self_deaf: true, self_video: false }],
    [8, { guild_id: guild, query: '', limit: 0, presences: true, nonce: 'n'.repeat(32) }],
    [8, { guild_id: guild, user_ids: [guild, guild], limit: 100 }],
    [31, { guild_ids: [guild] }],
    [43, { guild_id: guild, fields: ['status', 'voice_start_time'] }],
  ];
  for (const [op, d] of commands) {
    const sent = await forwarded(() => worker.send(op, d));
    expect(sent).toMatchObject({ shard: 0, op });
    expect(sent.d).toEqual(op === 8 ? { ...(d as object), nonce: expect.stringMatching(/^shardmux:/) } : d);
  }
});

test('what answers a command comes to the worker as a dispatch', async () => {
  using worker = await liveWorker();
  worker.send(43, { guild_id: GUILD(), fields: ['status'] });
  expect((await worker.next('CHANNEL_INFO')).d.guild_id).toBe(GUILD());
});

test('ids that come as integers too large for a double reach Discord to the digit', async () => {
  using worker = await liveWorker();
  const [id] = simulator.guildIds(0).filter((guild) => !Number.isSafeInteger(Number(guild)));
  const text = `{"op":4,"d":{"guild_id":${id},"channel_id":${id},"self_mute":false,"self_deaf":false}}`;
  const { d } = await forwarded(() => worker.socket.send(text));
  expect(d).toMatchObject({ guild_id: id, channel_id: id });
});

test('commands in binary frames reach Discord', async () => {
  using worker = await liveWorker();
  const { op } = await forwarded(() =>
    worker.socket.send(Buffer.from(JSON.stringify({ op: 31, d: { guild_ids: [GUILD()] } }))),
  );
  expect(op).toBe(31);
});

test('what Discord requires and a library leaves out is filled in', async () => {
  using worker = await liveWorker();
  const { d } = await forwarded(() => worker.send(3, { status: 'idle' }));
  expect(d).toEqual({ since: null, activities: [], status: 'idle', afk: false });
});

const REFUSED: [what: string, code: number, text: () => string][] = [
  ['an unknown op', 4001, () => '{"op":5,"d":{}}'],
  ['HELLO', 4001, () => '{"op":10,"d":{}}'],
  ['a dispatch', 4001, () => '{"op":0,"t":"READY","s":1,"d":{}}'],
  ['no op', 4002, () => '{"d":{}}'],
  ['a presence without a status', 4002, () => '{"op":3,"d":{"activities":[]}}'],
  ['a voice state without a guild', 4002, () => '{"op":4,"d":{"channel_id":null}}'],
  ['a member request with a nonce of 33 bytes', 4002, () => memberRequest({ nonce: 'n'.repeat(33) })],
  ['a member request with an id that is none', 4002, () => memberRequest({ guild_id: 'x' })],
  ['a member request with query and user_ids', 4002, () => memberRequest({ user_ids: [GUILD()] })],
  ['soundboard sounds of a guild that is no list', 4002, () => `{"op":31,"d":{"guild_ids":"${GUILD()}"}}`],
  ['channel info of nothing', 4002, () => '{"op":43,"d":{}}'],
  [
    'a payload that is too long once it is written anew',
    4002,
    () => `{"op":3,"d":{"status":"online","x":[${Array(680).fill('1E20').join(',')}]}}`,
  ],
];

test('what Discord could not decode is refused with 4001 or 4002, and never reaches it', async () => {
  const before = simulator.stats();
  for (const [what, code, text] of REFUSED) {
    using worker = await liveWorker();
    worker.socket.send(text());
    expect([what, await worker.closed()]).toEqual([what, code]);
  }
  using worker = await liveWorker();
  await forwarded(() => worker.send(31, { guild_ids: [GUILD()] }));
  const after = simulator.stats();
  expect(after.receivedCommands - before.receivedCommands).toBe(1);
  expect(after).toMatchObject({ violationCount: 0, connectionsOpened: before.connectionsOpened });
});

test('commands right behind a RESUME are neither dropped nor answered with a close', async () => {
  const gone = await liveWorker();
  const { sessionId, lastSequence: seq } = gone;
  gone[Symbol.dispose]();
  await simulator.burst(0, 500);
  using worker = await connectWorker(node.workersUrl);
  const { d } = await forwarded(() => {
    worker.resume({ sessionId, seq });
    worker.send(43, { guild_id: GUILD(), fields: ['behind a RESUME'] });
  });
  expect(d).toMatchObject({ fields: ['behind a RESUME'] });
  await worker.next('CHANNEL_INFO');
  expect(worker.closeCode).toBeUndefined();
});

test('commands of a worker that is held while Discord is away are sent when it is back', async () => {
  using worker = await liveWorker();
  simulator.inject({ kind: 'disconnect', shard: 0, code: 4000 });
  const { op } = await forwarded(() => worker.send(31, { guild_ids: [GUILD()] }));
  expect(op).toBe(31);
});

function memberRequest(change: object): string {
  return JSON.stringify({ op: 8, d: { guild_id: GUILD(), query: '', limit: 0, ...change } });
}
