/** Joins the demo: starts the parts in order, tells the story, gives the verdict, stops the parts in reverse order. */
import { setTimeout as sleep } from 'node:timers/promises';
import { caughtUp, connectedToDiscord, lastOnes, until } from '../deployment/catching-up.ts';
import { type Deployment, startDeployment } from '../deployment/deployment.ts';
import { judgeShard } from '../deployment/judge.ts';
import { monotonicUs } from '../deployment/monotonic.ts';
import { Acts, FIRST_NODES } from './acts.ts';
import { Observer } from './observer.ts';
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

/** What is kept of `--seconds` for the comparison. */
const VERDICT_MS = 1_500;

export interface DemoOptions {
  readonly seconds: number;
  /** Whether the screen shows the time that is left. */
  readonly isTimed: boolean;
  /** For sockets, data and logs; empty, and removed by whoever gives it. */
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
  options.screen.print('starting a simulated Discord, Redis, HAProxy, three shardmux nodes and 4 workers');
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
): Promise<Deployment> {
  const parts = await startDeployment(stack, {
    size: SIZE,
    haproxies: 1,
    workers: { count: WORKERS, client: 'stock' },
    directory,
    logLevel: 'info',
    onFailure,
  });
  await Promise.all(FIRST_NODES.map((name) => parts.nodes.get(name)?.start()));
  return parts;
}

class Demo {
  readonly #parts: Deployment;
  readonly #options: DemoOptions;
  readonly #startedAt: number;
  readonly #quiet = new QuietTimes();
  readonly #observer: Observer;
  readonly #acts: Acts;
  readonly #past: PastAct[] = [];
  #now = `starting: the workers connect, and Discord sends ${SIZE.guilds} guilds`;
  #actStartedMs = 0;

  constructor(parts: Deployment, options: DemoOptions, startedAt: number) {
    this.#parts = parts;
    this.#options = options;
    this.#startedAt = startedAt;
    this.#observer = new Observer(parts, this.#quiet);
    this.#acts = new Acts(parts);
  }

  async run(): Promise<Outcome | null> {
    const { signal, seconds } = this.#options;
    const { workers } = this.#parts;
    await connectedToDiscord(this.#parts, CATCH_UP_TIMEOUT_MS);
    workers.start();
    this.#say(this.#now);
    const areConnected = () => signal.aborted || workers.connected === SIZE.shards;
    await until('the workers are connected', areConnected, CATCH_UP_TIMEOUT_MS);
    if (signal.aborted) return null;
    await caughtUp(this.#parts, CATCH_UP_TIMEOUT_MS);
    this.#rest();
    await tellStory({
      acts: this.#acts.inOrder,
      obligatory: this.#acts.inOrder.length,
      endsAt: this.#startedAt + seconds * 1000 - VERDICT_MS,
      signal,
      caughtUp: () => caughtUp(this.#parts, CATCH_UP_TIMEOUT_MS),
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
    screen.show(
      this.#observer.view({ ...told, now: this.#now, past: this.#past, counts: this.#acts.counts }),
    );
  }

  #elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  async #judge(): Promise<Outcome> {
    const { simulator, workers } = this.#parts;
    this.#quiet.end(monotonicUs());
    this.#say(
      'no more events: waiting for the last ones, then comparing what the workers got with what Discord sent',
    );
    const truths = await lastOnes(this.#parts, CATCH_UP_TIMEOUT_MS);
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
    const { invalidSessions } = workers;
    const counted = { identifies, violations, invalidSessions, ...this.#acts.counts };
    const examples = verdicts.flatMap((verdict) => verdict.examples);
    return { verdict: verdictOf(verdicts, counted), examples };
  }
}
