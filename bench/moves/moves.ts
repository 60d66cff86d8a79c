/** Joins a measurement: starts the parts, moves shards, kills nodes, computes the gaps, stops the parts. */
import { caughtUp, connectedToDiscord, lastOnes, until } from '../deployment/catching-up.ts';
import { type Deployment, NODE_NAMES, type NodeName, startDeployment } from '../deployment/deployment.ts';
import { judgeShard } from '../deployment/judge.ts';
import type { NodePart } from '../deployment/node.ts';
import { type ConnectionEnd, gapsAt } from './connection-ends.ts';
import type { Options } from './options.ts';
import { countMoves, type Placement, settled, shardsOn } from './placement.ts';
import { problemsOf, type Result, resultOf } from './report.ts';

const SIZE = { shards: 64, guilds: 640, eventsPerSecond: 2_000 };

/** Two light processes, so that the machine has room for what is measured. */
const WORKERS = 2;

/** Far above what it takes. */
const TIMEOUT_MS = 60_000;

const FIRST: readonly NodeName[] = NODE_NAMES.slice(0, 3);
const FOURTH = 'node-d';

export interface MovesOptions extends Options {
  readonly directory: string;
  readonly write: (text: string) => void;
}

export interface Outcome {
  readonly result: Result;
  readonly problems: readonly string[];
  readonly examples: readonly string[];
}

/** How many of the longest gaps are named. */
const LONGEST_SHOWN = 12;

/** @throws {Error} where a part broke. */
export async function runMoves(options: MovesOptions): Promise<Outcome> {
  await using stack = new AsyncDisposableStack();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined); // Somebody may not be waiting yet.
  const deployment = await Promise.race([
    failed.promise,
    startDeployment(stack, {
      size: SIZE,
      haproxies: 1,
      workers: { count: WORKERS, client: 'plain' },
      directory: options.directory,
      logLevel: 'info',
      onFailure: failed.reject,
    }),
  ]);
  return await Promise.race([failed.promise, new Moves(deployment, options).run()]);
}

class Moves {
  readonly #deployment: Deployment;
  readonly #options: MovesOptions;
  readonly #present: NodeName[] = [...FIRST];
  readonly #planned: ConnectionEnd[] = [];
  readonly #killed: ConnectionEnd[] = [];
  #kills = 0;

  constructor(deployment: Deployment, options: MovesOptions) {
    this.#deployment = deployment;
    this.#options = options;
  }

  async run(): Promise<Outcome> {
    const first = await this.#start();
    const identifiesBefore = (await this.#deployment.simulator.stats()).identifies;
    this.#tell(`${FOURTH} is started`);
    await this.#plannedMoves(`${FOURTH} comes`, () => this.#come(FOURTH));
    const fourthMoved = countMoves(first, await this.#settled());
    const fourthIdentifies = (await this.#deployment.simulator.stats()).identifies - identifiesBefore;
    for (let turn = 0; this.#planned.length < this.#options.moves; turn += 1) {
      const name = NODE_NAMES[turn % NODE_NAMES.length] ?? FOURTH;
      this.#tell(`${this.#planned.length} moves; ${name} is drained, and comes back`);
      await this.#plannedMoves(`${name} leaves`, () => this.#leave(name));
      await this.#plannedMoves(`${name} comes`, () => this.#come(name));
    }
    for (; this.#kills < this.#options.kills; this.#kills += 1)
      await this.#kill(NODE_NAMES[this.#kills % NODE_NAMES.length] ?? FOURTH);
    return this.#judge({ fourthMoved, fourthIdentifies });
  }

  async #start(): Promise<Placement> {
    const { workers } = this.#deployment;
    this.#tell(`${FIRST.length} nodes, ${SIZE.shards} shards, ${SIZE.eventsPerSecond} events/s`);
    await Promise.all(FIRST.map((name) => this.#node(name).start()));
    await connectedToDiscord(this.#deployment, TIMEOUT_MS);
    const placement = await this.#settled();
    workers.start();
    await until('the workers are connected', () => workers.connected === SIZE.shards, TIMEOUT_MS);
    await caughtUp(this.#deployment, TIMEOUT_MS);
    return placement;
  }

  async #come(name: NodeName): Promise<void> {
    await this.#node(name).start();
    this.#present.push(name);
  }

  async #leave(name: NodeName): Promise<void> {
    this.#present.splice(this.#present.indexOf(name), 1);
    await this.#node(name).stop('SIGTERM');
  }

  async #plannedMoves(during: string, act: () => Promise<void>): Promise<void> {
    const before = this.#endCounts();
    await act();
    await this.#settled();
    await caughtUp(this.#deployment, TIMEOUT_MS);
    this.#planned.push(...this.#endsSince(before, during));
  }

  async #kill(name: NodeName): Promise<void> {
    this.#tell(`${name} is killed`);
    const number = NODE_NAMES.indexOf(name) + 1;
    const itsShards = new Set(shardsOn(await this.#settled(), number));
    const before = this.#endCounts();
    this.#present.splice(this.#present.indexOf(name), 1);
    await this.#node(name).stop('SIGKILL');
    await this.#settled();
    await caughtUp(this.#deployment, TIMEOUT_MS);
    this.#killed.push(
      ...this.#endsSince(before, `${name} is killed`).filter(({ shard }) => itsShards.has(shard)),
    );
    await this.#come(name);
    await this.#settled();
  }

  #settled(): Promise<Placement> {
    return settled(this.#deployment, this.#present);
  }

  #endCounts(): number[] {
    return this.#deployment.workers.records.map(({ connectionEnds }) => connectionEnds.length);
  }

  #endsSince(counts: readonly number[], during: string): ConnectionEnd[] {
    return this.#deployment.workers.records.flatMap(({ connectionEnds }, shard) =>
      connectionEnds.slice(counts[shard]).map((index) => ({ during, shard, index })),
    );
  }

  async #judge(fourth: { fourthMoved: number; fourthIdentifies: number }): Promise<Outcome> {
    const { simulator, workers } = this.#deployment;
    this.#tell('no more events: comparing');
    const truths = await lastOnes(this.#deployment, TIMEOUT_MS);
    const { identifies, violationCount: violations, violationLog } = await simulator.stats();
    const verdicts = truths.map((truth, shard) => {
      const received = workers.records[shard];
      if (!received) throw new Error(`no record of shard ${shard}`);
      const { firstReadySequence } = received;
      const { clockOffsetUs } = simulator;
      return judgeShard({ truth, firstReadySequence, received, isQuiet: () => false, clockOffsetUs });
    });
    const { invalidSessions } = workers;
    const planned = gapsAt(this.#planned, verdicts, this.#deployment);
    const killed = gapsAt(this.#killed, verdicts, this.#deployment);
    const result = resultOf(verdicts, {
      moveGapsUs: planned.map(({ lengthUs }) => lengthUs),
      killGapsUs: killed.map(({ lengthUs }) => lengthUs),
      ...{ kills: this.#kills, ...fourth, identifies, violations, invalidSessions },
    });
    const longest = planned.toSorted((one, other) => other.lengthUs - one.lengthUs);
    const examples = [
      ...longest.slice(0, LONGEST_SHOWN).map(({ text }) => text),
      ...verdicts.flatMap((verdict) => verdict.examples),
      ...violationLog.map(({ shard, kind, detail }) => `shard ${shard}: ${kind}: ${detail}`),
    ];
    return { result, problems: problemsOf(result, Math.ceil(SIZE.shards / NODE_NAMES.length)), examples };
  }

  #node(name: NodeName): NodePart {
    const node = this.#deployment.nodes.get(name);
    if (!node) throw new RangeError(`there is no ${name}`);
    return node;
  }

  #tell(line: string): void {
    this.#options.write(`${new Date().toISOString().slice(11, 23)}  ${line}\n`);
  }
}
