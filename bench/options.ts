/** The command line. Pure: returns what was asked for, or what is wrong with it. */
import { parseArgs } from 'node:util';
import { SCENARIOS, type Scenario, VARIANTS, type Variant } from './scenarios.ts';

export const SUBJECTS = ['hop', 'tail', 'takeover', 'state', 'guilds', 'ready', 'rest'] as const;
export type Subject = (typeof SUBJECTS)[number];

export const HELP = `Measures shardmux: the hop against a plain TCP relay and against the stock way (@discordjs/ws, serialise again, ws.send),
the tail against none, takeovers of a shard, guild state against none, the start of a whole bot against one without shardmux, and REST requests against a bare
pass-through.

  npm run bench -- [subjects] [options]

  hop               what the hop through shardmux costs
  tail              what a tail on disk or in Redis costs, how far it trails, and what memory it takes
  takeover          how long another node takes from the lease of a shard with a full tail to its RESUME
  state             what guild state costs while events flow
  guilds            what guilds take in memory, and what changing and reading them takes
  ready             how soon a discord.js client of 16 shards has all its guilds
  rest              what a REST request costs through shardmux, and what large uploads take in memory
                    (default: all of them; hop where --scenario or --variant is given)

  --scenario NAME   of hop: ${SCENARIOS.join(', ')}; may be given several times (default: all)
  --variant NAME    of hop: ${VARIANTS.join(', ')}; may be given several times (default: all)
  --runs N          interleaved repetitions of hop, tail, state and rest, of which the medians are printed (default: 3)
  --seconds N       length of each paced run, at least 1 (default: 4)
  --takeovers N     how many takeovers of each kind (default: 10)
  --starts N        how many starts of the bot, each way (default: 5)
  --guilds N        of the bot that starts (default: 8000)
  --profile DIR     also write a CPU profile of each middle to DIR; the numbers get worse by it
  --json            one JSON object a line on stdout, everything else on stderr
  --help            this text

What the numbers mean: docs/benchmark.md. Needs Linux, tail and takeover need redis-server, and
ready installs discord.js as the tests of libraries do. The exit code tells whether everything
could be measured and was delivered, not whether the goals were met.
`;

export interface Options {
  readonly subjects: readonly Subject[];
  readonly scenarios: readonly Scenario[];
  readonly variants: readonly Variant[];
  readonly runs: number;
  readonly seconds: number;
  readonly takeovers: number;
  readonly starts: number;
  readonly guilds: number;
  readonly profileDirectory: string | null;
  readonly json: boolean;
}

export type ParsedOptions =
  | { readonly kind: 'options'; readonly options: Options }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly problems: readonly string[] };

function pick<T extends string>(
  flag: string,
  given: readonly string[] | undefined,
  known: readonly T[],
  problems: string[],
): T[] {
  if (!given) return [...known];
  const unknown = given.filter((name) => !known.some((one) => one === name));
  for (const name of unknown) problems.push(`${flag} ${name}: not one of ${known.join(', ')}`);
  return known.filter((name) => given.includes(name));
}

function positive(flag: string, given: string, least: number, whole: boolean, problems: string[]): number {
  const value = Number(given);
  if (
    given.trim() === '' ||
    !Number.isFinite(value) ||
    value < least ||
    (whole && !Number.isInteger(value))
  ) {
    problems.push(`${flag} ${given}: must be a ${whole ? 'whole ' : ''}number of at least ${least}`);
  }
  return value;
}

export function parseOptions(commandLine: readonly string[]): ParsedOptions {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(commandLine);
  } catch (error) {
    return { kind: 'wrong', problems: [error instanceof Error ? error.message : String(error)] };
  }
  const { values, positionals } = parsed;
  if (values.help) return { kind: 'help' };
  const problems: string[] = [];
  const isAboutHop = values.scenario !== undefined || values.variant !== undefined;
  const subjects = positionals.length > 0 ? positionals : isAboutHop ? ['hop'] : undefined;
  const options: Options = {
    subjects: pick('subject', subjects, SUBJECTS, problems),
    scenarios: pick('--scenario', values.scenario, SCENARIOS, problems),
    variants: pick('--variant', values.variant, VARIANTS, problems),
    runs: positive('--runs', values.runs, 1, true, problems),
    seconds: positive('--seconds', values.seconds, 1, false, problems),
    takeovers: positive('--takeovers', values.takeovers, 1, true, problems),
    starts: positive('--starts', values.starts, 1, true, problems),
    guilds: positive('--guilds', values.guilds, 16, true, problems),
    profileDirectory: values.profile ?? null,
    json: values.json,
  };
  return problems.length > 0 ? { kind: 'wrong', problems } : { kind: 'options', options };
}

function parse(commandLine: readonly string[]) {
  return parseArgs({
    args: [...commandLine],
    allowPositionals: true,
    options: {
      scenario: { type: 'string', multiple: true },
      variant: { type: 'string', multiple: true },
      runs: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '4' },
      takeovers: { type: 'string', default: '10' },
      starts: { type: 'string', default: '5' },
      guilds: { type: 'string', default: '8000' },
      profile: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
}
