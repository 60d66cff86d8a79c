/** What the workers received against what the simulated Discord has sent, with the gaps that faults caused. */
import type { ShardTruth } from '../../src/simulator/index.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { gapsFrom, gapsIn, type Span } from '../deployment/gaps.ts';
import { judgeShard } from '../deployment/judge.ts';
import type { FaultKind } from './plan.ts';
import { type Verdict, verdictOf } from './report.ts';

/** Shorter ones also come from a busy machine. */
const LEAST_GAP_US = 100_000;

export interface MadeFaults {
  readonly seed: number;
  readonly kinds: readonly FaultKind[];
  /** When they, and what they may have caused, went on. */
  readonly spans: readonly Span[];
}

export interface Comparison {
  readonly verdict: Verdict;
  /** For who looks into a failure: what Discord saw, and which dispatches were not as they should be. */
  readonly examples: readonly string[];
}

export async function compare(
  { simulator, workers }: Deployment,
  truths: readonly ShardTruth[],
  { seed, kinds, spans }: MadeFaults,
): Promise<Comparison> {
  const shards = truths.map((truth, shard) => {
    const received = workers.records[shard];
    if (!received) throw new Error(`no record of shard ${shard}`);
    const { firstReadySequence } = received;
    const { clockOffsetUs } = simulator;
    const verdict = judgeShard({ truth, firstReadySequence, received, isQuiet: () => false, clockOffsetUs });
    return { verdict, gaps: gapsIn(gapsFrom(LEAST_GAP_US, received, verdict.sentUs), spans) };
  });
  const verdicts = shards.map(({ verdict }) => verdict);
  const stats = await simulator.stats();
  const { identifies, violationCount: violations, resumes, resumesRefused, notes } = stats;
  const { invalidSessions } = workers;
  const gaps = shards.flatMap((shard) => shard.gaps);
  const broken = stats.violationLog.map(
    ({ at, shard, kind, detail }) =>
      `${new Date(at).toISOString().slice(11, 23)} shard ${shard}: ${kind}: ${detail}`,
  );
  return {
    verdict: verdictOf(verdicts, { seed, kinds, identifies, violations, invalidSessions, gaps }),
    examples: [
      `Discord: ${resumes} RESUMEs, ${resumesRefused} refused; ${JSON.stringify(notes)}`,
      ...broken,
      ...verdicts.flatMap(({ examples }) => examples),
    ],
  };
}
