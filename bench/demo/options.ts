/** The command line. Pure: returns what was asked for, or what is wrong with it. */
import { parseArgs } from 'node:util';
import type { Parsed } from '../deployment/program.ts';

/** Start-up, each act once, the pauses between them, and the comparison at the end. */
export const MIN_SECONDS = 35;

/** The simulator and the demo remember every dispatch; an hour of them takes some 300 MB. */
export const MAX_SECONDS = 3_600;

export const HELP = `A Discord bot on shardmux, on this machine: what happens when workers and nodes come, go and are killed?

  npm run demo -- [options]

  --seconds N   end after about N seconds, ${MIN_SECONDS} to ${MAX_SECONDS} (default: at Ctrl-C, at the latest after an hour)
  --json        the verdict also as one JSON object, the last line on stdout; everything else goes to stderr
  --help        this text

It runs a simulated Discord (16 shards, 2,000 guilds, 2,000 events/s), three shardmux nodes, Redis, HAProxy, and 4 worker processes
on stock @discordjs/ws, 4 shards each. Again and again it kills all the workers at once, adds a node, drains one, kills one
(kill -9), and restarts all the workers. In the end it compares what the workers received with what the simulated Discord has sent.

The fields of --json, all numbers:
  shards          the bot's shards
  identifies      IDENTIFYs that Discord saw; each is counted against a bot's daily budget, so one a shard is the least
  violations      Discord's rules that were broken (too many sends, IDENTIFYs too soon, ...)
  dispatched      dispatches that the workers had to get: all since the first READY of a shard's worker
  delivered       different ones of these that they got
  lost            dispatched, and never received intact
  duplicated      received again
  reordered       received after a later one of the same shard
  workerRestarts  how often all 4 workers were restarted at once
  nodeRestarts    how often a node was drained or killed
  hopP50Us        microseconds from the moment Discord sent a dispatch to the moment a worker's code had it: median,
  hopP99Us        and 99th percentile. Over the dispatches sent while no restart was in progress: a restart lasts from its start
                  until every shard has caught up again
  nodesAdded      how often a node was added to three
  nodesDrained    how often one was told to end (SIGTERM): it hands its shards over
  nodesKilled     how often one was killed (kill -9): the others take its shards over
  invalidSessions worker sessions that shardmux ended

Exit codes: 0 nothing was lost, duplicated, reordered or violated, and there was one IDENTIFY a shard; 1 something was, or a
part of the demo broke; 2 a wrong flag; 130 stopped before all was running, or at a second Ctrl-C.
`;

export interface Options {
  /** `null`: until Ctrl-C. */
  readonly seconds: number | null;
  readonly json: boolean;
}

export function parseOptions(commandLine: readonly string[]): Parsed<Options> {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(commandLine);
  } catch (error) {
    return { kind: 'wrong', problem: error instanceof Error ? error.message : String(error) };
  }
  if (values.help) return { kind: 'help' };
  if (values.seconds === undefined) return { kind: 'options', options: { seconds: null, json: values.json } };
  const seconds = Number(values.seconds);
  if (values.seconds.trim() === '' || !Number.isFinite(seconds)) {
    return { kind: 'wrong', problem: `--seconds ${values.seconds}: must be a number` };
  }
  if (seconds < MIN_SECONDS) {
    const problem = `--seconds ${values.seconds} is too short to do everything once: ${MIN_SECONDS} at least`;
    return { kind: 'wrong', problem };
  }
  if (seconds > MAX_SECONDS) {
    return { kind: 'wrong', problem: `--seconds ${values.seconds}: ${MAX_SECONDS} at most` };
  }
  return { kind: 'options', options: { seconds, json: values.json } };
}

function parse(commandLine: readonly string[]) {
  const { values } = parseArgs({
    args: [...commandLine],
    options: {
      seconds: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  return values;
}
