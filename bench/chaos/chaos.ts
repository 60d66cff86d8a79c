/** Joins a run: starts the parts, makes the faults, heals, compares, stops the parts. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { caughtUp, connectedToDiscord, lastOnes, until } from '../deployment/catching-up.ts';
import { type Deployment, NODE_NAMES, type NodeName, startDeployment } from '../deployment/deployment.ts';
import { compare } from './comparison.ts';
import { carryOut, faultText } from './faults.ts';
import type { Options } from './options.ts';
import { planOf, subjectOf } from './plan.ts';
import { problemsOf, type Verdict } from './report.ts';
import { runSchedule } from './schedule.ts';
import { Timeline } from './timeline.ts';

const NODES = NODE_NAMES.slice(0, 3);
const HAPROXIES = 2;
const WORKERS = 4;
const EVENTS_PER_SECOND = 2_000;

/** Discord keeps 75 dispatches a guild for RESUME and 3,500 at most: 47 guilds a shard make that 28 s of 125 events/s. */
const GUILDS_PER_SHARD = 50;

/** Small: there are many, and the simulated Discord has all of them parsed. */
const GUILD_SIZE = { channels: 10, roles: 6, members: 20 };

/** Far above what it takes. */
const START_TIMEOUT_MS = 60_000;
const HEAL_TIMEOUT_MS = 60_000;

/** What ended by itself is started again, as whatever runs nodes does. */
const NODE_RESTART_MS = 500;

export interface ChaosOptions extends Options {
  readonly directory: string;
  readonly write: (text: string) => void;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface Outcome {
  readonly verdict: Verdict;
  readonly problems: readonly string[];
  readonly examples: readonly string[];
}

/** @throws {Error} where a part broke that no fault was made for. */
export async function runChaos(options: ChaosOptions): Promise<Outcome> {
  await using stack = new AsyncDisposableStack();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined); // Somebody may not be waiting yet.
  const stopped = new Promise<never>((_, reject) => {
    options.signal.addEventListener('abort', () => reject(new Error('stopped by a signal')), { once: true });
  });
  const chaos = new Chaos(options, failed.reject);
  stack.defer(() => chaos.stop());
  return await Promise.race([failed.promise, stopped, chaos.run(stack)]);
}

class Chaos {
  readonly #options: ChaosOptions;
  readonly #timeline: Timeline;
  readonly #onFailure: (error: Error) => void;
  /** What went wrong beside the counts. */
  readonly #broken: string[] = [];
  readonly #ending = new AbortController();
  #deployment: Deployment | undefined;
  /** When Redis had its last fault: a node that can't reach it at its start may end. */
  #redisFaults = 0;

  constructor(options: ChaosOptions, onFailure: (error: Error) => void) {
    this.#options = options;
    this.#onFailure = onFailure;
    this.#timeline = new Timeline({ path: join(options.directory, 'timeline.log'), write: options.write });
  }

  async run(stack: AsyncDisposableStack): Promise<Outcome> {
    const deployment = await this.#start(stack);
    await this.#makeFaults(deployment);
    await this.#heal(deployment);
    return await this.#judge(deployment);
  }

  /** From now on nodes that end stay down. */
  stop(): void {
    this.#ending.abort();
  }

  async #start(stack: AsyncDisposableStack): Promise<Deployment> {
    const { shards, directory } = this.#options;
    this.#timeline.tell(`starting ${NODES.length} nodes, ${HAPROXIES} HAProxies, Redis, ${WORKERS} workers`);
    const deployment = await startDeployment(stack, {
      size: {
        shards,
        guilds: shards * GUILDS_PER_SHARD,
        eventsPerSecond: EVENTS_PER_SECOND,
        guildSize: GUILD_SIZE,
      },
      haproxies: HAPROXIES,
      workers: { count: WORKERS, client: 'stock-keeping' },
      directory,
      logLevel: 'debug',
      onFailure: this.#onFailure,
      onNodeFailure: (name, error) => this.#nodeEnded(name, error),
    });
    this.#deployment = deployment;
    const { nodes, workers } = deployment;
    await Promise.all(NODES.map((name) => nodes.get(name)?.start()));
    await connectedToDiscord(deployment, START_TIMEOUT_MS);
    workers.start();
    await until('the workers are connected', () => workers.connected === shards, START_TIMEOUT_MS);
    await caughtUp(deployment, START_TIMEOUT_MS);
    return deployment;
  }

  async #makeFaults(deployment: Deployment): Promise<void> {
    const { seed, seconds, shards, kinds } = this.#options;
    const durationMs = seconds * 1000;
    const counts = { nodes: NODES.length, haproxies: HAPROXIES, workers: WORKERS, shards };
    const plan = planOf({ seed, durationMs, kinds, ...counts });
    this.#timeline.tell(`chaos for ${seconds} s: ${plan.length} faults`);
    await runSchedule({
      plan,
      carryOut: async (fault) => {
        const isRedis = subjectOf(fault.kind) === 'redis';
        if (isRedis) this.#redisFaults += 1;
        await carryOut(deployment, fault);
        if (isRedis) this.#redisFaults -= 1;
      },
      onBegin: (fault) => this.#timeline.begins(fault, faultText(fault, shards)),
      onOver: (fault) => this.#timeline.isOver(fault, faultText(fault, shards)),
      signal: this.#ending.signal,
    });
  }

  async #heal(deployment: Deployment): Promise<void> {
    const { workers } = deployment;
    this.#timeline.tell('no more faults: waiting until all have caught up');
    try {
      await connectedToDiscord(deployment, HEAL_TIMEOUT_MS);
      const { shards } = this.#options;
      await until('the workers are connected', () => workers.connected === shards, HEAL_TIMEOUT_MS);
      await caughtUp(deployment, HEAL_TIMEOUT_MS);
    } catch (error) {
      this.#broken.push(error instanceof Error ? error.message : String(error));
    }
  }

  async #judge(deployment: Deployment): Promise<Outcome> {
    this.#timeline.tell('no more events: comparing');
    const truths = await lastOnes(deployment, HEAL_TIMEOUT_MS);
    const { verdict, examples, longestGaps } = await compare(deployment, truths, {
      seed: this.#options.seed,
      kinds: this.#timeline.faults.map(({ kind }) => kind),
      spans: this.#timeline.spans,
    });
    for (const gap of longestGaps) this.#timeline.tell(gap);
    return { verdict, problems: problemsOf(verdict, this.#broken), examples };
  }

  #nodeEnded(name: NodeName, error: Error): void {
    this.#timeline.tell(error.message);
    if (this.#redisFaults === 0) this.#broken.push(`${name} ended by itself`);
    if (this.#deployment === undefined) return this.#onFailure(error);
    const { signal } = this.#ending;
    sleep(NODE_RESTART_MS, undefined, { signal }).then(
      () => this.#deployment?.nodes.get(name)?.spawn(),
      () => undefined,
    );
  }
}
