/** The command line. Pure: returns what was asked for, or what is wrong with it. */
import { parseArgs } from 'node:util';
import { type Parsed, parsedBy, UsageError, whole } from '../deployment/program.ts';
import { FAULT_KINDS, type FaultKind } from './plan.ts';

const MIN_SECONDS = 5;

/** The simulator and this program remember every dispatch; an hour of them takes some 300 MB. */
const MAX_SECONDS = 3_600;

const MAX_SEED = 2 ** 32 - 1;
const MAX_SHARDS = 64;

const DEFAULTS = { seconds: 60, seed: 1, shards: 16 };

export const HELP = `Does shardmux lose, double or reorder anything, or cost an IDENTIFY, while everything around it and itself breaks?

  npm run chaos -- [options]

  --seconds N   how long faults are made, ${MIN_SECONDS} to ${MAX_SECONDS} (default ${DEFAULTS.seconds}); start and comparison come on top, some 20 s
  --seed S      a whole number (default ${DEFAULTS.seed}): the same seed gives the same faults at the same times
  --shards N    shards of the bot, 1 to ${MAX_SHARDS} (default ${DEFAULTS.shards})
  --only K,…    only these kinds of faults, of: ${FAULT_KINDS.join(' ')}
  --json        the verdict as one JSON object, the last line on stdout; everything else goes to stderr
  --help        this text

It runs a simulated Discord (2,000 events/s), Redis, two HAProxies, three nodes and four worker processes, breaks them at random,
heals them, and compares what the workers received with what the simulated Discord has sent. See docs/chaos.md.

Exit codes: 0 all came exactly once, in order and intact, with one IDENTIFY a shard and no rule of Discord broken; 1 not so, or a
part broke by itself: the logs are kept then; 2 a wrong flag; 130 stopped by a signal.
`;

export interface Options {
  readonly seconds: number;
  readonly seed: number;
  readonly shards: number;
  readonly kinds: readonly FaultKind[];
  readonly json: boolean;
}

export function parseOptions(commandLine: readonly string[]): Parsed<Options> {
  return parsedBy(() => {
    const { help, seconds, seed, shards, only, json } = parse(commandLine);
    if (help) return undefined;
    const secondsRange = { least: MIN_SECONDS, most: MAX_SECONDS, otherwise: DEFAULTS.seconds };
    return {
      seconds: whole('seconds', seconds, secondsRange),
      seed: whole('seed', seed, { least: 0, most: MAX_SEED, otherwise: DEFAULTS.seed }),
      shards: whole('shards', shards, { least: 1, most: MAX_SHARDS, otherwise: DEFAULTS.shards }),
      kinds: kindsOf(only),
      json,
    };
  });
}

function kindsOf(text: string | undefined): readonly FaultKind[] {
  if (text === undefined) return FAULT_KINDS;
  return text.split(',').map((name) => {
    const kind = FAULT_KINDS.find((known) => known === name);
    if (kind === undefined) throw new UsageError(`--only: there is no "${name}"`);
    return kind;
  });
}

function parse(commandLine: readonly string[]) {
  const { values } = parseArgs({
    args: [...commandLine],
    options: {
      seconds: { type: 'string' },
      seed: { type: 'string' },
      shards: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return values;
}
