/** Which worker gets the bot's voice events: two workers on one shard of a real node, against the simulated Discord. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { type NodeProcess, startNode, stateDirectory } from '../../support/node.ts';
import {
  BOT,
  breakOff,
  CHANNELS,
  JOINED,
  join,
  joined,
  liveWorker,
  resumed,
  voiceOf,
} from '../../support/voice.ts';
import { receivedLines, truthLines, type Worker } from '../../support/worker.ts';
import { lastDispatch } from './live-shard.ts';

describe('the voice events of a guild', () => {
  let simulator: Simulator;
  let node: NodeProcess;
  let guilds: string[];

  beforeAll(async () => {
    simulator = await startSimulator({ shards: 1, guilds: 40, eventsPerSecond: 200 });
    node = await startNode({ discord: simulator });
    await node.ready();
    await eventually(() => simulator.stats().sessions[0]?.pendingGuilds === 0);
    guilds = simulator.guildIds(0);
  });

  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await simulator[Symbol.asyncDispose]();
  });

  const guild = () => guilds.pop() ?? '';

  /** Resolves when the workers have all that was sent until now. */
  async function inStep(...workers: readonly Worker[]): Promise<void> {
    const sequence = simulator.dispatch(0, 'TYPING_START', { channel_id: '1', user_id: '2', timestamp: 3 });
    await Promise.all(workers.map((worker) => worker.reached(sequence)));
  }

  it('go to the worker that joined, and only those; all else goes to both, in order and once', async () => {
    const id = guild();
    using a = await liveWorker({ url: node.workersUrl });
    using b = await liveWorker({ url: node.workersUrl });
    await joined(a, id, CHANNELS[0]);
    simulator.dispatch(0, 'VOICE_STATE_UPDATE', { guild_id: id, user_id: '7', channel_id: CHANNELS[0] });
    await inStep(a, b);
    expect(voiceOf(a.payloads, id)).toEqual(JOINED);
    expect(voiceOf(b.payloads, id)).toEqual([]);
    expect(b.payloads.some(({ t, d }) => t === 'VOICE_STATE_UPDATE' && d.user_id === '7')).toBe(true);
    const truth = simulator.truth(0).sessions[0]?.dispatches ?? [];
    const ready = (worker: Worker) => worker.payloads.find(({ t }) => t === 'READY')?.s ?? 0;
    const sent = (worker: Worker) => truthLines(truth, { after: ready(worker), until: worker.lastSequence });
    expect(receivedLines(a)).toEqual(sent(a));
    const ofA = new Set(
      receivedLines(a.payloads.filter(({ t, d }) => t === 'VOICE_SERVER_UPDATE' || d?.user_id === BOT)),
    );
    expect(receivedLines(b)).toEqual(sent(b).filter((line) => !ofA.has(line)));
  });

  it('that come while the connection of their worker is broken come with its RESUME, once', async () => {
    const id = guild();
    const first = await liveWorker({ url: node.workersUrl });
    using b = await liveWorker({ url: node.workersUrl });
    await joined(first, id, CHANNELS[0]);
    breakOff(first);
    simulator.dispatch(0, 'VOICE_SERVER_UPDATE', { token: 'new', guild_id: id, endpoint: 'other:443' });
    await inStep(b);
    using a = await resumed({ url: node.workersUrl }, first);
    await inStep(a);
    expect(voiceOf(a.payloads, id)).toEqual(['server']);
    expect(voiceOf(b.payloads, id)).toEqual([]);
    await joined(a, id, CHANNELS[1]);
    await inStep(a, b);
    expect(voiceOf(a.payloads, id)).toEqual(['server', `bot ${CHANNELS[1]}`, 'server']);
    expect(voiceOf(b.payloads, id)).toEqual([]);
  });

  it('go to everybody again when the worker has left', async () => {
    const id = guild();
    using a = await liveWorker({ url: node.workersUrl });
    using b = await liveWorker({ url: node.workersUrl });
    await joined(a, id, CHANNELS[0]);
    await joined(a, id, null);
    simulator.dispatch(0, 'VOICE_STATE_UPDATE', { guild_id: id, user_id: BOT, channel_id: CHANNELS[1] });
    await inStep(a, b);
    expect(voiceOf(a.payloads, id)).toEqual([...JOINED, 'bot null', `bot ${CHANNELS[1]}`]);
    expect(voiceOf(b.payloads, id)).toEqual([`bot ${CHANNELS[1]}`]);
  });

  it('go to everybody again when the worker ends its session with 1000', async () => {
    const id = guild();
    using a = await liveWorker({ url: node.workersUrl });
    using b = await liveWorker({ url: node.workersUrl });
    await joined(a, id, CHANNELS[0]);
    const releases = () => node.metric('shardmux_voice_releases_total', { reason: 'session-ended' });
    const before = (await releases()) ?? 0;
    a.socket.close(1000);
    await eventually(async () => ((await releases()) ?? 0) > before);
    simulator.dispatch(0, 'VOICE_STATE_UPDATE', { guild_id: id, user_id: BOT, channel_id: null });
    await inStep(b);
    expect(voiceOf(b.payloads, id)).toEqual(['bot null']);
  });

  it('go to the worker that joined last', async () => {
    const id = guild();
    using a = await liveWorker({ url: node.workersUrl });
    using b = await liveWorker({ url: node.workersUrl });
    await joined(a, id, CHANNELS[0]);
    await joined(b, id, CHANNELS[1]);
    await inStep(a, b);
    expect(voiceOf(a.payloads, id)).toEqual(JOINED);
    expect(voiceOf(b.payloads, id)).toEqual([`bot ${CHANNELS[1]}`, 'server']);
  });

  it('reach a worker that was restarted and joins where the bot is: the state from Discord, the server from memory', async () => {
    const id = guild();
    using a = await liveWorker({ url: node.workersUrl });
    await joined(a, id, CHANNELS[0]);
    a.socket.close(1000);
    using next = await liveWorker({ url: node.workersUrl });
    await joined(next, id, CHANNELS[0]);
    await inStep(next);
    expect(voiceOf(next.payloads, id)).toEqual(JOINED);
    const [server] = next.payloads.filter(({ t }) => t === 'VOICE_SERVER_UPDATE');
    expect(server?.d).toEqual(a.payloads.find(({ t }) => t === 'VOICE_SERVER_UPDATE')?.d);
    const numbers = next.dispatches.map(({ s }) => s ?? 0);
    expect(numbers).toEqual([...numbers].sort((x, y) => x - y));
    expect(new Set(numbers).size).toBe(numbers.length - 1);
    // Nothing more where it only mutes itself.
    next.send(4, { guild_id: id, channel_id: CHANNELS[0], self_mute: true, self_deaf: false });
    await next.next('VOICE_STATE_UPDATE', 2);
    expect(await node.metric('shardmux_voice_answers_total')).toBe(1);
  });

  it('never stand in a log', () => {
    expect(JSON.stringify(node.logs())).not.toContain('voice.invalid');
  });
});

it('with workers.voice: broadcast, every worker gets them', async () => {
  await using simulator = await startSimulator({ shards: 1, guilds: 1, eventsPerSecond: 0 });
  await using node = await startNode({ discord: simulator, env: { SHARDMUX_WORKERS_VOICE: 'broadcast' } });
  await node.ready();
  const [id = ''] = simulator.guildIds(0);
  using a = await liveWorker({ url: node.workersUrl });
  using b = await liveWorker({ url: node.workersUrl });
  join(a, id, CHANNELS[0]);
  for (const worker of [a, b]) {
    await worker.next('VOICE_SERVER_UPDATE');
    expect(voiceOf(worker.payloads, id)).toEqual(JOINED);
  }
});

it('after a kill -9 of the node, the worker that joined is still the one that gets them', async () => {
  using directory = stateDirectory();
  await using simulator = await startSimulator({ shards: 1, guilds: 2, eventsPerSecond: 50 });
  const [id = ''] = simulator.guildIds(0);
  const options = { discord: simulator, directory: directory.path };
  await using killed = await startNode(options);
  await killed.ready();
  const first = await liveWorker({ url: killed.workersUrl });
  const second = await liveWorker({ url: killed.workersUrl });
  join(first, id, CHANNELS[0]);
  await first.next('VOICE_SERVER_UPDATE');
  breakOff(first);
  // Who joined is written down; what comes now may be or not.
  await eventually(async () => (await killed.metric('shardmux_tail_trailing_seconds')) === 0);
  const moved = () =>
    simulator.dispatch(0, 'VOICE_SERVER_UPDATE', { token: 't', guild_id: id, endpoint: 'b' });
  moved();
  await killed.kill();
  moved();
  await using node = await startNode(options);
  await node.ready();
  using b = await resumed({ url: node.workersUrl }, breakOff(second));
  using a = await resumed({ url: node.workersUrl }, breakOff(first));
  const last = await lastDispatch(simulator);
  await Promise.all([a, b].map((worker) => worker.reached(last)));
  expect(voiceOf([...first.payloads, ...a.payloads], id)).toEqual([...JOINED, 'server', 'server']);
  expect(voiceOf([...second.payloads, ...b.payloads], id)).toEqual([]);
});

it('a worker that comes back finds the bot in its channel in the guild’s voice states', async () => {
  const options: Partial<SimulatorOptions> = { guildState: true };
  await using simulator = await startSimulator({ shards: 1, guilds: 2, eventsPerSecond: 0, ...options });
  await using node = await startNode({ discord: simulator, env: { SHARDMUX_GUILDS_STATE: 'memory' } });
  await node.ready();
  await eventually(() => simulator.stats().sessions[0]?.pendingGuilds === 0);
  const [id = ''] = simulator.guildIds(0);
  const channels = simulator.guild(id)?.['channels'] as { id: string; type: number }[];
  const channel = channels.find(({ type }) => type === 2)?.id ?? '';
  const first = await liveWorker({ url: node.workersUrl });
  join(first, id, channel);
  await first.next('VOICE_SERVER_UPDATE');
  breakOff(first);
  using worker = await liveWorker({ url: node.workersUrl });
  await worker.next('GUILD_CREATE', 2);
  const created = worker.payloads.find(({ t, d }) => t === 'GUILD_CREATE' && d.id === id);
  const states = created?.d.voice_states as { user_id: string; channel_id: string }[];
  expect(states.find(({ user_id }) => user_id === BOT)).toMatchObject({ channel_id: channel });
  join(worker, id, channel);
  await worker.next('VOICE_SERVER_UPDATE');
  expect(voiceOf(worker.payloads, id)).toEqual([`bot ${channel}`, 'server']);
});
