/** The command line. Pure: returns what was asked for, or what is wrong with it. */
import { parseArgs } from 'node:util';
import { type Parsed, parsedBy, UsageError, whole } from '../deployment/program.ts';

/** What decides how much is allowed: the global limit that most bots have, or the buckets, where a large bot's does not. */
const GLOBAL_LIMITS = [50, 2_000];

const RANGES = {
  seconds: { least: 5, most: 3_600, otherwise: 60 },
  seed: { least: 0, most: 2 ** 32 - 1, otherwise: 1 },
  nodes: { least: 1, most: 4, otherwise: 2 },
  workers: { least: 2, most: 100, otherwise: 20 },
  buckets: { least: 10, most: 2_000, otherwise: 500 },
  latency: { least: 0, most: 1_000, otherwise: 10 },
} as const;

const MAX_GLOBAL_LIMIT = 10_000;

export const HELP = `Does shardmux get as much done as Discord's REST limits allow, and never more, while workers ask for all they can?

  npm run soak -- [options]

  --seconds N   how long the workers ask, ${RANGES.seconds.least} to ${RANGES.seconds.most} (default ${RANGES.seconds.otherwise})
  --seed S      a whole number (default ${RANGES.seed.otherwise}): who asks for what
  --nodes N     processes of shardmux rest, 1 to ${RANGES.nodes.most} (default ${RANGES.nodes.otherwise}); with Redis where there are several
  --workers N   workers, each with a token of its own, 2 to ${RANGES.workers.most} (default ${RANGES.workers.otherwise})
  --buckets N   buckets as Discord counts them, 10 to ${RANGES.buckets.most} (default ${RANGES.buckets.otherwise})
  --global N    Discord's global limit a second; without, one run each with ${GLOBAL_LIMITS.join(' and ')}
  --latency N   by how many ms Discord's answers are late (default ${RANGES.latency.otherwise}), and up to as much more
  --kill        kills a node (SIGKILL) half-way, and starts it again two seconds later
  --json        the verdict as one JSON object, the last line on stdout; everything else goes to stderr
  --help        this text

It runs a simulated Discord, Redis, HAProxy, the nodes, and the workers, and compares what was done with what the limits allowed. See
docs/soak.md.

Exit codes: 0 at least 95 % of what was allowed, no limit exceeded that headers tell of, no bucket starved; 1 not so, or a part broke
by itself: the logs are kept then; 2 a wrong flag; 130 stopped by a signal.
`;

export interface Options {
  readonly seconds: number;
  readonly seed: number;
  readonly nodes: number;
  readonly workers: number;
  readonly buckets: number;
  readonly latency: number;
  /** One run each. */
  readonly globalLimits: readonly number[];
  readonly kill: boolean;
  readonly json: boolean;
}

export function parseOptions(commandLine: readonly string[]): Parsed<Options> {
  return parsedBy(() => {
    const values = parse(commandLine);
    if (values.help) return undefined;
    const options = {
      seconds: whole('seconds', values.seconds, RANGES.seconds),
      seed: whole('seed', values.seed, RANGES.seed),
      nodes: whole('nodes', values.nodes, RANGES.nodes),
      workers: whole('workers', values.workers, RANGES.workers),
      buckets: whole('buckets', values.buckets, RANGES.buckets),
      latency: whole('latency', values.latency, RANGES.latency),
      globalLimits: globalLimitsOf(values.global),
      kill: values.kill,
      json: values.json,
    };
    if (options.kill && options.nodes === 1) throw new UsageError('--kill needs --nodes 2 or more');
    return options;
  });
}

function globalLimitsOf(text: string | undefined): readonly number[] {
  if (text === undefined) return GLOBAL_LIMITS;
  return [whole('global', text, { least: 1, most: MAX_GLOBAL_LIMIT, otherwise: 50 })];
}

function parse(commandLine: readonly string[]) {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...commandLine],
    options: {
      ...{
        seconds: text,
        seed: text,
        nodes: text,
        workers: text,
        buckets: text,
        global: text,
        latency: text,
      },
      kill: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return values;
}
