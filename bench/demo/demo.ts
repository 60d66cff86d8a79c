/** Joins the demo: starts the parts in order, tells the story, gives the verdict, stops the parts in reverse order. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ALL_INTENTS } from '../../src/protocol/intents.ts';
import { SIMULATOR_TOKEN } from '../../src/simulator/index.ts';
import { judgeShard, lastForWorkers } from './judge.ts';
import { monotonicUs } from './monotonic.ts';
import { Observer, type Parts } from './observer.ts';
import { HaproxyPart } from './parts/haproxy.ts';
import { NodePart } from './parts/node.ts';
import { freePorts } from './parts/ports.ts';
import { SimulatorPart } from './parts/simulator.ts';
import { WorkersPart } from './parts/workers.ts';
import { QuietTimes } from './quiet-times.ts';
import { type Verdict, verdictOf } from './report.ts';
import type { Screen } from './screen.ts';
import { type Act, tellStory } from './story.ts';
import { type PastAct, pastText, time } from './table.ts';

const SIZE = { shards: 16, guilds: 2_000, eventsPerSecond: 2_000 };
const WORKERS = 4;

const LOOK_EVERY_MS = 250;

/** Far above what it takes: a shard that is not there after this is a failure of the demo. */
const CATCH_UP_TIMEOUT_MS = 60_000;

/** All dispatches of a moment reached the workers this soon: then they are abreast and not still replaying. */
const ABREAST_MS = 300;

/** What is kept of `--seconds` for the comparison. */
const VERDICT_MS = 1_500;

export interface DemoOptions {
  readonly seconds: number;
  /** Whether the screen shows the time that is left. */
  readonly isTimed: boolean;
  /** For sockets and the node's state; empty, and removed by whoever gives it. */
  readonly directory: string;
  readonly screen: Screen;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface Outcome {
  readonly verdict: Verdict;
  readonly examples: readonly string[];
}

/** `null`: stopped before all was running. @throws {Error} where a part of the demo broke. */
export async function runDemo(options: DemoOptions): Promise<Outcome | null> {
  const startedAt = performance.now();
  await using stack = new AsyncDisposableStack();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined); // Somebody may not be waiting yet.
  options.screen.print('starting a simulated Discord, HAProxy, a shardmux node and 4 workers');
  const parts = await Promise.race([failed.promise, startParts(stack, options.directory, failed.reject)]);
  const demo = new Demo(parts, options, startedAt);
  const stopLooking = new AbortController();
  stack.defer(() => stopLooking.abort());
  demo.keepLooking(stopLooking.signal).catch(failed.reject);
  return await Promise.race([failed.promise, demo.run()]);
}

async function startParts(
  stack: AsyncDisposableStack,
  directory: string,
  onFailure: (error: Error) => void,
): Promise<Parts> {
  const simulator = await SimulatorPart.start(SIZE, onFailure);
  stack.defer(() => simulator.stop());
  const [nodePort = 0, workersPort = 0, observabilityPort = 0] = await freePorts(3);
  const haproxy = await HaproxyPart.start({ directory, nodePort, workersPort, observabilityPort, onFailure });
  stack.defer(() => haproxy.stop());
  const node = new NodePart({
    token: SIMULATOR_TOKEN,
    discordUrl: simulator.url,
    port: nodePort,
    stateDirectory: join(directory, 'state'),
    haproxySocket: haproxy.socketPath,
    onFailure,
  });
  stack.defer(() => node.stop('SIGTERM'));
  await node.start();
  const { shards } = SIZE;
  const workers = new WorkersPart({
    url: haproxy.url,
    token: SIMULATOR_TOKEN,
    intents: ALL_INTENTS,
    workers: WORKERS,
    shards,
    onFailure,
  });
  stack.defer(() => workers.stop('SIGTERM'));
  return { simulator, haproxy, node, workers };
}

class Demo {
  readonly #parts: Parts;
  readonly #options: DemoOptions;
  readonly #startedAt: number;
  readonly #quiet = new QuietTimes();
  readonly #observer: Observer;
  readonly #past: PastAct[] = [];
  #now = `starting: the workers connect, and Discord sends ${SIZE.guilds} guilds`;
  #actStartedMs = 0;

  constructor(parts: Parts, options: DemoOptions, startedAt: number) {
    this.#parts = parts;
    this.#options = options;
    this.#startedAt = startedAt;
    this.#observer = new Observer(parts, this.#quiet);
  }

  async run(): Promise<Outcome | null> {
    const { signal, seconds } = this.#options;
    const { workers } = this.#parts;
    await this.#nodeReady();
    workers.start();
    this.#say(this.#now);
    await this.#until('the workers are connected', () => signal.aborted || workers.connected === SIZE.shards);
    if (signal.aborted) return null;
    await this.#caughtUp();
    this.#rest();
    await tellStory({
      acts: this.#acts(),
      obligatory: 3,
      endsAt: this.#startedAt + seconds * 1000 - VERDICT_MS,
      signal,
      caughtUp: () => this.#caughtUp(),
      onAct: (act) => this.#actBegins(act),
      onCaughtUp: (act, tookMs) => this.#actEnds(act, tookMs),
    });
    return this.#judge();
  }

  async keepLooking(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#observer.look();
      this.#show();
      await sleep(LOOK_EVERY_MS);
    }
  }

  #acts(): Act[] {
    const { node, workers } = this.#parts;
    const killWorkers: Act = {
      now: `killing all ${WORKERS} workers at once (kill -9), and starting them again`,
      past: `all ${WORKERS} workers killed at once (kill -9)`,
      run: () => workers.restart('SIGKILL'),
    };
    const stopWorkers: Act = {
      now: `restarting all ${WORKERS} workers at once`,
      past: `all ${WORKERS} workers restarted at once`,
      run: () => workers.restart('SIGTERM'),
    };
    const stopNode: Act = {
      now: 'restarting the node gracefully, as a deploy does',
      past: 'node restarted gracefully',
      run: () => node.restart('SIGTERM'),
    };
    const killNode: Act = {
      now: 'killing the node (kill -9), and starting it again',
      past: 'node killed (kill -9)',
      run: () => node.restart('SIGKILL'),
    };
    return [killWorkers, stopNode, killNode, stopWorkers, stopNode, killNode];
  }

  #actBegins(act: Act): void {
    this.#quiet.end(monotonicUs());
    this.#actStartedMs = this.#elapsedMs();
    this.#say(act.now);
  }

  async #actEnds({ past }: Act, tookMs: number): Promise<void> {
    await this.#observer.look();
    const entry = { atMs: this.#actStartedMs, past, tookMs, missing: this.#observer.missing };
    this.#past.push(entry);
    this.#options.screen.tell(pastText(entry));
    this.#rest();
  }

  #rest(): void {
    this.#quiet.begin(monotonicUs());
    this.#now = 'events flow; next thing in a moment';
  }

  #say(now: string): void {
    this.#now = now;
    this.#options.screen.tell(`${time(this.#elapsedMs())}  > ${now}`);
    this.#show();
  }

  #show(): void {
    const { seconds, isTimed, screen } = this.#options;
    const told = { elapsedMs: this.#elapsedMs(), totalMs: isTimed ? seconds * 1000 : null };
    screen.show(this.#observer.view({ ...told, now: this.#now, past: this.#past }));
  }

  #elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** Resolves when the node holds all its shards. */
  async #nodeReady(): Promise<void> {
    await this.#until('the node holds all shards', async () => {
      const { sessions } = await this.#parts.simulator.stats();
      return sessions.every((session) => session?.connected && session.pendingGuilds === 0);
    });
  }

  /** Resolves when the workers have all that was sent a moment ago, for every shard. */
  async #caughtUp(): Promise<void> {
    const { simulator } = this.#parts;
    for (let isAbreast = false; !isAbreast; ) {
      const { sessions } = await simulator.stats();
      const startedAt = performance.now();
      await this.#until('all shards have caught up', () =>
        this.#haveReached(sessions.map((session) => session?.sequence ?? 0)),
      );
      isAbreast = performance.now() - startedAt <= ABREAST_MS;
    }
  }

  #haveReached(sequences: readonly number[]): boolean {
    const { records } = this.#parts.workers;
    return sequences.every((sequence, shard) => (records[shard]?.head ?? 0) >= sequence);
  }

  async #until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    const endsAt = performance.now() + CATCH_UP_TIMEOUT_MS;
    while (!(await isSo())) {
      if (performance.now() > endsAt) throw new Error(`not within ${CATCH_UP_TIMEOUT_MS / 1000} s: ${what}`);
      await sleep(10);
    }
  }

  async #judge(): Promise<Outcome> {
    const { simulator, workers, node } = this.#parts;
    this.#quiet.end(monotonicUs());
    this.#say(
      'no more events: waiting for the last ones, then comparing what the workers got with what Discord sent',
    );
    await simulator.setRate(0);
    const { sessions } = await simulator.stats();
    const truths = await Promise.all(sessions.map((_, shard) => simulator.truth(shard)));
    // Where some never come, the verdict says so better than an error does.
    await this.#until('the last dispatches are there', () =>
      this.#haveReached(truths.map(lastForWorkers)),
    ).catch(() => undefined);
    const verdicts = truths.map((truth, shard) => {
      const record = workers.records[shard];
      if (!record) throw new Error(`no record of shard ${shard}`);
      return judgeShard({
        truth,
        firstReadySequence: record.firstReadySequence,
        received: record,
        isQuiet: (sentAtUs) => this.#quiet.includes(sentAtUs - simulator.clockOffsetUs),
        clockOffsetUs: simulator.clockOffsetUs,
      });
    });
    const { identifies, violationCount: violations } = await simulator.stats();
    const counted = { identifies, violations, workerRestarts: workers.restarts, nodeRestarts: node.restarts };
    const examples = verdicts.flatMap((verdict) => verdict.examples);
    return { verdict: verdictOf(verdicts, counted), examples };
  }
}
