/** What the workers received against what the simulated Discord has sent, with the gaps that faults caused. */
import { ALL_INTENTS } from '../../src/protocol/intents.ts';
import { type ShardTruth, SIMULATOR_TOKEN } from '../../src/simulator/index.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { type Gap, gapsFrom, gapsIn, type Span } from '../deployment/gaps.ts';
import { compareGuilds, type GuildComparison } from '../deployment/guilds.ts';
import { judgeShard } from '../deployment/judge.ts';
import type { FaultKind } from './plan.ts';
import { type Verdict, verdictOf } from './report.ts';

/** How many of the longest gaps are told. */
const LONGEST_TOLD = 8;

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
  /** For who looks into the longest gaps: when they were, and of which shards. */
  readonly longestGaps: readonly string[];
  /** For who looks into a failure: what Discord saw, and which dispatches were not as they should be. */
  readonly examples: readonly string[];
}

export async function compare(
  deployment: Deployment,
  truths: readonly ShardTruth[],
  { seed, kinds, spans }: MadeFaults,
): Promise<Comparison> {
  const { simulator, workers } = deployment;
  const { clockOffsetUs } = simulator;
  const guilds = await compareAllGuilds(deployment);
  const shards = truths.map((truth, shard) => {
    const received = workers.records[shard];
    if (!received) throw new Error(`no record of shard ${shard}`);
    const { firstReadySequence } = received;
    const verdict = judgeShard({ truth, firstReadySequence, received, isQuiet: () => false, clockOffsetUs });
    const gaps = gapsIn(gapsFrom(LEAST_GAP_US, received, verdict.sentUs), spans);
    return { verdict, gaps: gaps.map((gap) => ({ ...gap, shard })) };
  });
  const verdicts = shards.map(({ verdict }) => verdict);
  const stats = await simulator.stats();
  const { identifies, violationCount: violations, resumes, resumesRefused, notes } = stats;
  const { invalidSessions } = workers;
  const gaps = shards.flatMap((shard) => shard.gaps);
  const broken = stats.violationLog.map(
    ({ at, shard, kind, detail }) => `${timeOfDay(at)} shard ${shard}: ${kind}: ${detail}`,
  );
  return {
    verdict: verdictOf(verdicts, { seed, kinds, identifies, violations, invalidSessions, guilds, gaps }),
    longestGaps: gaps
      .toSorted((one, other) => other.lengthUs - one.lengthUs)
      .slice(0, LONGEST_TOLD)
      .map((gap) => gapText(gap, clockOffsetUs)),
    examples: [
      `Discord: ${resumes} RESUMEs, ${resumesRefused} refused; ${JSON.stringify(notes)}`,
      ...broken,
      ...verdicts.flatMap(({ examples }) => examples),
      ...guilds.examples,
    ],
  };
}

/** Shard by shard, at either HAProxy in turn. */
async function compareAllGuilds({ simulator, workers, haproxies }: Deployment): Promise<GuildComparison> {
  const shardCount = workers.records.length;
  let all: GuildComparison = { guilds: 0, wrong: 0, examples: [] };
  for (let shard = 0; shard < shardCount; shard += 1) {
    const { url } = haproxies[shard % haproxies.length] ?? haproxies[0];
    const asked = { url, token: SIMULATOR_TOKEN, intents: ALL_INTENTS, shard, shardCount };
    const { guilds, wrong, examples } = await compareGuilds(asked, await simulator.guilds(shard));
    all = {
      guilds: all.guilds + guilds,
      wrong: all.wrong + wrong,
      examples: [...all.examples, ...examples],
    };
  }
  return all;
}

function gapText({ shard, fromUs, untilUs, lengthUs }: Gap & { readonly shard: number }, offsetUs: number) {
  const [from, until] = [fromUs, untilUs].map((us) => timeOfDay((us + offsetUs) / 1000));
  return `a gap of ${Math.round(lengthUs / 1000)} ms: shard ${shard}, ${from} to ${until}`;
}

function timeOfDay(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(11, 23);
}
