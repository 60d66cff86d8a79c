/**
 * How long a whole bot takes until it has all its guilds: through a node that knows them, and directly at a simulated Discord that
 * lets all shards IDENTIFY at once. The two ways take turns; the Discord that is not at work sends nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ALL_INTENTS } from '../../src/protocol/intents.ts';
import { SIMULATOR_TOKEN } from '../../src/simulator/index.ts';
import { caughtUp, connectedToDiscord, lastOnes, until } from '../deployment/catching-up.ts';
import type { Span } from '../deployment/gaps.ts';
import { judgeShard, type ShardVerdict } from '../deployment/judge.ts';
import { monotonicUs } from '../deployment/monotonic.ts';
import { rotated } from '../rotated.ts';
import { cpuNs, mainThread, residentMb } from '../usage.ts';
import { ClientProcess } from './client-process.ts';
import { type Hops, hopsIn } from './live.ts';
import type { ClientReport } from './messages.ts';
import { type Parts, SHARDS, startParts } from './parts.ts';

const EVENTS_PER_SECOND = 2_000;

/** What has happened in each guild before anything is measured, and how fast. */
const EVENTS_BEFORE = 20;
const EVENTS_BEFORE_PER_SECOND = 6_000;

/** For so long before each start the live events are measured alone. */
const ALONE_MS = 5_000;

/** After the end of a bot. */
const REST_MS = 1_500;

const TIMEOUT_MS = 180_000;

export const WAYS = ['direct', 'shardmux'] as const;
export type Way = (typeof WAYS)[number];

/** One start of the bot. */
export interface Start {
  readonly way: Way;
  /** From login to `clientReady`. */
  readonly readyMs: number;
  readonly clientCpuMs: number;
  /** Beyond what the node takes for the live events alone; `null` where there is no node. */
  readonly nodeCpuMs: number | null;
  /** How long the node's main thread could have gone on meanwhile, but other processes had the cores. */
  readonly nodeNoCoreMs: number | null;
  readonly guilds: number;
  readonly missing: number;
  readonly members: number;
}

/** Of the other workers, around one start. */
export interface LiveHops {
  readonly alone: Hops;
  readonly starting: Hops;
}

export interface ReadyMeasurement {
  readonly starts: readonly Start[];
  readonly live: readonly LiveHops[];
  /** What Discord had from the starts through the node. */
  readonly identifies: number;
  readonly commands: number;
  readonly nodeRssMb: number;
}

export interface ReadyOptions {
  readonly guilds: number;
  /** Of each way. */
  readonly starts: number;
  /** See `ClientStart`. */
  readonly library: string;
  readonly profileDirectory: string | null;
  readonly signal: AbortSignal;
  readonly note: (line: string) => void;
}

/** @throws {Error} where a part broke, or a worker did not get what it had to. */
export async function measureReady(options: ReadyOptions): Promise<ReadyMeasurement> {
  await using stack = new AsyncDisposableStack();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined); // Somebody may not be waiting yet.
  options.signal.addEventListener('abort', () => failed.reject(new Error('interrupted')));
  const onFailure = failed.reject;
  const parts = await Promise.race([failed.promise, startParts(stack, { ...options, onFailure })]);
  return await Promise.race([failed.promise, new ReadyBench(parts, options, stack, onFailure).run()]);
}

class ReadyBench {
  readonly #parts: Parts;
  readonly #options: ReadyOptions;
  readonly #stack: AsyncDisposableStack;
  readonly #onFailure: (error: Error) => void;
  readonly #spans: { readonly alone: Span; readonly starting: Span }[] = [];

  constructor(
    parts: Parts,
    options: ReadyOptions,
    stack: AsyncDisposableStack,
    onFailure: (error: Error) => void,
  ) {
    this.#parts = parts;
    this.#options = options;
    this.#stack = stack;
    this.#onFailure = onFailure;
  }

  async run(): Promise<ReadyMeasurement> {
    const { simulator } = this.#parts;
    await this.#prepare();
    const before = await simulator.stats();
    const starts: Start[] = [];
    for (let round = 0; round < this.#options.starts; round += 1) {
      for (const way of rotated(WAYS, round)) {
        const start = way === 'direct' ? await this.#startDirectly() : await this.#startThroughNode();
        this.#options.note(`start ${round + 1}/${this.#options.starts} ${JSON.stringify(start)}`);
        starts.push(start);
      }
    }
    const after = await simulator.stats();
    return {
      starts,
      live: await this.#live(),
      identifies: after.identifies - before.identifies,
      commands: after.receivedCommands - before.receivedCommands,
      nodeRssMb: residentMb(this.#nodePid),
    };
  }

  /** The node has all guilds, in each of them something has happened since, and the other workers have them, too. */
  async #prepare(): Promise<void> {
    const { simulator, node, workers } = this.#parts;
    await node.start();
    await connectedToDiscord(this.#parts, TIMEOUT_MS);
    const { dispatched } = await simulator.stats();
    await simulator.setRate(EVENTS_BEFORE_PER_SECOND);
    const events = this.#options.guilds * EVENTS_BEFORE;
    const areSent = async () => (await simulator.stats()).dispatched >= dispatched + events;
    await until('something has happened in each guild', areSent, TIMEOUT_MS, REST_MS);
    await simulator.setRate(EVENTS_PER_SECOND);
    workers.start();
    await until('the workers are connected', () => workers.connected === SHARDS, TIMEOUT_MS);
    await caughtUp(this.#parts, TIMEOUT_MS);
    await simulator.setRate(0);
  }

  async #startDirectly(): Promise<Start> {
    const { direct } = this.#parts;
    await direct.setRate(EVENTS_PER_SECOND);
    const { start } = await this.#startClient(direct.url, () => null);
    await direct.setRate(0);
    return { way: 'direct', ...start, nodeCpuMs: null, nodeNoCoreMs: null };
  }

  async #startThroughNode(): Promise<Start> {
    const { simulator, nodeUrl } = this.#parts;
    await simulator.setRate(EVENTS_PER_SECOND);
    await sleep(REST_MS);
    const alone = await this.#measureAlone();
    let waitedNs = 0;
    const { start, span, usedNs } = await this.#startClient(nodeUrl, () => {
      waitedNs = mainThread(this.#nodePid).waitedNs - waitedNs;
      return cpuNs(this.#nodePid);
    });
    this.#spans.push({ alone: alone.span, starting: span });
    await simulator.setRate(0);
    const nodeCpuMs = (usedNs ?? Number.NaN) / 1e6 - alone.share * start.readyMs;
    return { way: 'shardmux', ...start, nodeCpuMs, nodeNoCoreMs: waitedNs / 1e6 };
  }

  /** What share of a core the node takes for the live events. */
  async #measureAlone(): Promise<{ readonly span: Span; readonly share: number }> {
    const [fromUs, fromNs] = [monotonicUs(), cpuNs(this.#nodePid)];
    await sleep(ALONE_MS);
    const [untilUs, untilNs] = [monotonicUs(), cpuNs(this.#nodePid)];
    return { span: { fromUs, untilUs }, share: (untilNs - fromNs) / 1e3 / (untilUs - fromUs) };
  }

  /** `usedNs`: by how much the counter grew meanwhile. */
  async #startClient(url: string, counterNs: () => number | null) {
    const client = new ClientProcess(
      { apiUrl: `${url}/api`, token: SIMULATOR_TOKEN, intents: ALL_INTENTS, library: this.#options.library },
      this.#onFailure,
    );
    this.#stack.defer(() => client.stop());
    const { atUs: fromUs } = await client.starting();
    const fromNs = counterNs();
    const ready = await client.ready();
    const untilNs = counterNs();
    const usedNs = fromNs === null || untilNs === null ? null : untilNs - fromNs;
    await client.stop();
    await sleep(REST_MS);
    return { start: startOf(ready, fromUs), span: { fromUs, untilUs: ready.atUs }, usedNs };
  }

  async #live(): Promise<LiveHops[]> {
    const { simulator, workers } = this.#parts;
    const { clockOffsetUs } = simulator;
    const truths = await lastOnes(this.#parts, TIMEOUT_MS);
    const { records } = workers;
    const verdicts = truths.map((truth, shard): ShardVerdict => {
      const received = records[shard];
      if (!received) throw new Error(`no record of shard ${shard}`);
      const { firstReadySequence } = received;
      return judgeShard({ truth, firstReadySequence, received, isQuiet: () => false, clockOffsetUs });
    });
    const wrong = verdicts.flatMap(({ examples }) => examples);
    if (wrong.length > 0) throw new Error(`the other workers did not get all: ${wrong.join(', ')}`);
    return this.#spans.map(({ alone, starting }) => ({
      alone: hopsIn(alone, records, verdicts),
      starting: hopsIn(starting, records, verdicts),
    }));
  }

  get #nodePid(): number {
    const { pid } = this.#parts.node;
    if (pid === undefined) throw new Error('the node has ended');
    return pid;
  }
}

function startOf(ready: Extract<ClientReport, { type: 'ready' }>, fromUs: number) {
  const { atUs, cpuUs, guilds, missing, members } = ready;
  return { readyMs: (atUs - fromUs) / 1000, clientCpuMs: cpuUs / 1000, guilds, missing, members };
}
