/** The command line. Pure: returns what was asked for, or what is wrong with it. */
import { parseArgs } from 'node:util';
import { type Parsed, parsedBy, whole } from '../deployment/program.ts';

const MAX_MOVES = 10_000;
const MAX_KILLS = 100;
const DEFAULTS = { moves: 100, kills: 3 };

export const HELP = `How long does a worker wait for its next event when its shard moves to another node, and when its node is killed?

  npm run moves -- [options]

  --moves N   planned moves to see, 1 to ${MAX_MOVES} (default ${DEFAULTS.moves})
  --kills N   nodes to kill (kill -9), 0 to ${MAX_KILLS} (default ${DEFAULTS.kills})
  --json      the result also as one JSON object, the last line on stdout; everything else goes to stderr
  --help      this text

A simulated Discord sends 2,000 events/s on 64 shards to three nodes. A fourth is started; then one node after the other is drained
(SIGTERM) and started again until enough moves were seen; then nodes are killed. A worker's gap is the time from its last event
before its connection ended to its first event after, less the time between the sending of these two.

The fields of --json, all numbers:
  moves               planned moves that workers saw
  moveP50Ms moveP99Ms moveMaxMs   their gaps; the goal is a p99 of 300 ms at most
  kills               nodes killed
  killP50Ms killMaxMs             the gaps of their workers; the goal is 6,000 ms at most
  fourthMoved         shards that moved when the fourth node was started; 16 is right
  fourthIdentifies    IDENTIFYs that this cost
  identifies identifiesExpected violations dispatched delivered lost duplicated reordered invalidSessions   over all: see docs/chaos.md

Exit codes: 0 all is well and the goals are met; 1 not so, or a part broke; 2 a wrong flag.
`;

export interface Options {
  readonly moves: number;
  readonly kills: number;
  readonly json: boolean;
}

export function parseOptions(commandLine: readonly string[]): Parsed<Options> {
  return parsedBy(() => {
    const { values } = parse(commandLine);
    if (values.help) return undefined;
    const moves = whole('moves', values.moves, { least: 1, most: MAX_MOVES, otherwise: DEFAULTS.moves });
    const kills = whole('kills', values.kills, { least: 0, most: MAX_KILLS, otherwise: DEFAULTS.kills });
    return { moves, kills, json: values.json };
  });
}

function parse(commandLine: readonly string[]) {
  return parseArgs({
    args: [...commandLine],
    options: {
      moves: { type: 'string' },
      kills: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
}
