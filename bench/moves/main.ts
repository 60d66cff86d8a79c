/** `npm run moves`: the command line and exit codes. What it measures: options.ts, HELP. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from '../deployment/child.ts';
import { runMoves } from './moves.ts';
import { HELP, parseOptions } from './options.ts';
import { resultText } from './report.ts';

const EXIT_WRONG = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

const EXAMPLES_SHOWN = 30;

async function main(): Promise<number> {
  const parsed = parseOptions(process.argv.slice(2));
  if (parsed.kind === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (parsed.kind === 'wrong') {
    process.stderr.write(`moves: ${parsed.problem}\nmoves: see npm run moves -- --help\n`);
    return EXIT_USAGE;
  }
  const { json } = parsed.options;
  const output = json ? process.stderr : process.stdout;
  const directory = mkdtempSync(join(tmpdir(), 'shardmux-moves-'));
  let isKept = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => process.exit(EXIT_INTERRUPTED));
  // However this process ends: nothing runs on.
  process.on('exit', () => {
    Child.killAll();
    if (isKept) process.stderr.write(`moves: the logs are in ${directory}\n`);
    else rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  });
  try {
    const write = (text: string) => output.write(text);
    const { result, problems, examples } = await runMoves({ ...parsed.options, directory, write });
    isKept = problems.length > 0;
    for (const example of examples.slice(0, EXAMPLES_SHOWN)) output.write(`  ${example}\n`);
    output.write(`${resultText(result, problems)}\n`);
    if (json) process.stdout.write(`${JSON.stringify(result)}\n`);
    return isKept ? EXIT_WRONG : 0;
  } catch (error) {
    output.write(`moves: ${error instanceof Error ? error.message : error}\n`);
    isKept = true;
    return EXIT_WRONG;
  }
}

// After a failure something may still be waiting for what will not come.
process.exit(await main());
