import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type SessionInfo, WebSocketManager, WebSocketShardEvents } from '@discordjs/ws';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../../src/simulator/index.ts';
import { eventually } from '../../support/eventually.ts';
import { type NodeProcess, type StateDirectory, startNode, stateDirectory } from '../../support/node.ts';

const SHARDS = 4;
const SHARD_IDS = Array.from({ length: SHARDS }, (_, shardId) => shardId);

/** What HAProxy is to a node: an address that stays, and holds who connects while no node is there. */
class Front implements AsyncDisposable {
  target: Promise<NodeProcess>;
  readonly #server = createServer((client) => void this.#forward(client));
  readonly #sockets = new Set<Socket>();

  constructor(target: Promise<NodeProcess>) {
    this.target = target;
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async #forward(client: Socket): Promise<void> {
    const { workersUrl } = await this.target;
    const node = connect(Number(new URL(workersUrl).port), '127.0.0.1');
    for (const [from, to] of [
      [client, node],
      [node, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => undefined);
      from.on('close', () => to.end());
      from.pipe(to);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

let simulator: Simulator;
let front: Front;
let url: string;
let directory: StateDirectory;
let node: NodeProcess;

beforeAll(async () => {
  simulator = await startSimulator({
    shards: SHARDS,
    guilds: 200,
    eventsPerSecond: 400,
    maxConcurrency: SHARDS,
    identifyIntervalMs: 200,
  });
  directory = stateDirectory();
  node = await startNode({ discord: simulator, directory: directory.path });
  await node.ready();
  front = new Front(Promise.resolve(node));
  url = await front.listen();
});

afterAll(async () => {
  await front[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
  await simulator[Symbol.asyncDispose]();
});

/** Any code but 1000 and 1001 keeps the session, as a bot that restarts would have it. */
const RESTART = { code: 4900, reason: 'restart' };

/** A bot on the stock library, configured as its documentation says; what it keeps over a restart is in `sessions`. */
class Bot implements AsyncDisposable {
  readonly sessions: Map<number, SessionInfo>;
  readonly received = SHARD_IDS.map((): number[] => []);
  readonly ready: number[] = [];
  readonly resumed: number[] = [];
  readonly manager: WebSocketManager;
  #isStopping = false;

  constructor(sessions = new Map<number, SessionInfo>()) {
    this.sessions = sessions;
    const rest = {
      get: async (route: string) => {
        const headers = { authorization: `Bot ${simulator.options.token}` };
        return (await fetch(`${url}/api/v10${route}`, { headers })).json();
      },
      // The reason for the cast: of a REST client the manager uses `get` alone.
    } as unknown as ConstructorParameters<typeof WebSocketManager>[0]['rest'];
    this.manager = new WebSocketManager({
      token: simulator.options.token,
      intents: 0,
      rest,
      retrieveSessionInfo: (shardId) => this.sessions.get(shardId) ?? null,
      updateSessionInfo: (shardId, session) => {
        if (session) this.sessions.set(shardId, session);
        // The library forgets it when it is told to stop; a process that ends would not have come to that.
        else if (!this.#isStopping) this.sessions.delete(shardId);
      },
    });
    this.manager.on(WebSocketShardEvents.Dispatch, ({ t, s }, shard) => {
      if (t !== 'READY' && (t as string) !== 'RESUMED') this.received[shard]?.push(s);
    });
    this.manager.on(WebSocketShardEvents.Ready, (_d, shard) => void this.ready.push(shard));
    this.manager.on(WebSocketShardEvents.Resumed, (shard) => void this.resumed.push(shard));
    this.manager.on(WebSocketShardEvents.Error, () => undefined);
  }

  /** As where its process ends. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.manager.destroy(RESTART);
  }

  get least(): number {
    return Math.min(...this.received.map((sequences) => sequences.length));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Every dispatch from the first on, once and in order, whichever of the bots got it. */
function expectGapless(bots: readonly Bot[]): void {
  for (const shard of SHARD_IDS) {
    const sequences = bots.flatMap(({ received }) => received[shard] ?? []);
    const from = sequences[0] ?? 0;
    const sent = (simulator.truth(shard).sessions.at(-1)?.dispatches ?? [])
      .filter(({ s, t }) => s >= from && t !== 'RESUMED')
      .map(({ s }) => s);
    expect(sequences.length).toBeGreaterThan(0);
    expect(sequences).toEqual(sent.slice(0, sequences.length));
  }
}

test('it finds us through GET /gateway/bot and connects all shards at once', async () => {
  await using bot = new Bot();
  const startedAt = performance.now();
  await bot.manager.connect();
  // One IDENTIFY in five seconds would take three times five.
  expect(performance.now() - startedAt).toBeLessThan(4_000);
  expect([...bot.ready].sort()).toEqual(SHARD_IDS);
  await eventually(() => bot.least >= 20);
  expectGapless([bot]);
});

test('it is restarted with its own session info and resumes every shard, with nothing missed', async () => {
  const first = new Bot();
  await first.manager.connect();
  await eventually(() => first.least >= 20);
  await first.stop();
  const { dispatchedPerShard } = simulator.stats();
  await eventually(() =>
    simulator
      .stats()
      .dispatchedPerShard.every((count, shard) => count > (dispatchedPerShard[shard] ?? 0) + 20),
  );
  await using second = new Bot(first.sessions);
  await second.manager.connect();
  await eventually(() => second.resumed.length === SHARDS);
  await eventually(() => second.least >= 40);
  expect(second.ready).toEqual([]);
  expectGapless([first, second]);
});

test('our INVALID_SESSION makes it IDENTIFY anew, without an end', async () => {
  await using bot = new Bot();
  await bot.manager.connect();
  simulator.inject({ kind: 'invalid-session', shard: 2, resumable: false });
  await eventually(() => bot.ready.length === SHARDS + 1, 20_000);
  expect(bot.ready.at(-1)).toBe(2);
  const received = bot.received[2]?.length ?? 0;
  await eventually(() => (bot.received[2]?.length ?? 0) > received + 20);
});

test('our op 7 and 1012 make it RESUME at the node that comes next, with nothing missed', async () => {
  await using bot = new Bot();
  await bot.manager.connect();
  await eventually(() => bot.least >= 20);
  const next = Promise.withResolvers<NodeProcess>();
  front.target = next.promise;
  expect(await node.stop()).toBe(0);
  node = await startNode({ discord: simulator, directory: directory.path });
  next.resolve(node);
  await eventually(() => bot.resumed.length >= SHARDS, 20_000);
  const before = bot.least;
  await eventually(() => bot.least > before + 20);
  expect(bot.ready).toHaveLength(SHARDS);
  expectGapless([bot]);
});

test('none of it has cost Discord a violation, and one session alone was begun anew', () => {
  const { identifies, violations } = simulator.stats();
  expect({ identifies, violations }).toEqual({ identifies: SHARDS + 1, violations: {} });
});
