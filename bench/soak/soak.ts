/** Joins a run: starts the parts, lets the workers ask, kills a node half-way, judges, stops the parts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Book } from './book.ts';
import { type Parts, type SoakOptions, startParts } from './parts.ts';
import { type Verdict, verdictOf } from './report.ts';
import type { RestNode } from './rest-node.ts';
import { monotonicMs } from './worker/caller.ts';

/** A node that was killed stays away for as long as it takes whatever runs nodes to start it again. */
const DOWN_MS = 2_000;

/** After a node is back, requests may come back that were on their way to it. */
const AFTERMATH_MS = 2_000;

export interface Outcome {
  readonly verdict: Verdict;
  /** Of answers that were not as wished, and of broken rules. */
  readonly examples: readonly string[];
}

/** @throws {Error} where a part broke that was not to. */
export async function runSoak(options: SoakOptions): Promise<Outcome> {
  await using stack = new AsyncDisposableStack();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined); // Somebody may not be waiting yet.
  const stopped = new Promise<never>((_, reject) => {
    options.signal.addEventListener('abort', () => reject(new Error('stopped by a signal')), { once: true });
  });
  const run = async () => await judged(options, await startParts(stack, options, failed.reject));
  return await Promise.race([failed.promise, stopped, run()]);
}

async function judged(options: SoakOptions, { simulator, nodes, buckets, workers }: Parts): Promise<Outcome> {
  const { seconds, globalLimit, write } = options;
  const beganAtMs = monotonicMs();
  const beganEpochMs = Date.now();
  const endAtMs = beganAtMs + seconds * 1_000;
  const book = new Book(
    buckets.map(({ name }) => name),
    beganAtMs,
  );
  write(`${buckets.length} buckets for ${seconds} s, global limit ${globalLimit}/s\n`);
  const [outage] = await Promise.all([
    options.kill ? killOne(nodes[0], (seconds * 1_000) / 2, write) : undefined,
    workers.begin(book, endAtMs),
  ]);
  book.end(endAtMs);
  const stats = await simulator.stats();
  const broken = stats.rest.requests === 0 ? ['Discord saw no request'] : [];
  const { nodes: nodeCount, workers: workerCount } = options;
  const verdict = verdictOf({
    ...{ globalLimit, seconds, nodes: nodeCount, workers: workerCount },
    ...{ buckets, book, stats, outage, broken },
  });
  const examples = [
    ...book.examples,
    ...stats.violationLog.map(
      ({ at, kind, detail }) => `after ${((at - beganEpochMs) / 1_000).toFixed(3)} s ${kind}: ${detail}`,
    ),
  ];
  return { verdict, examples };
}

/** Resolves with when it was away, and what it had might still come back. */
async function killOne(node: RestNode | undefined, afterMs: number, write: (text: string) => void) {
  await sleep(afterMs);
  const fromMs = monotonicMs();
  await node?.kill();
  write(`${node?.name} killed\n`);
  await sleep(DOWN_MS);
  await node?.start();
  const backMs = monotonicMs();
  write(`${node?.name} is back after ${Math.round(backMs - fromMs)} ms\n`);
  return { fromMs, untilMs: backMs + AFTERMATH_MS };
}
