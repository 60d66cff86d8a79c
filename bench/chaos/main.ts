/** `npm run chaos`: the command line, signals and exit codes. What it does: options.ts, HELP, and docs/chaos.md. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from '../deployment/child.ts';
import { runChaos } from './chaos.ts';
import { HELP, parseOptions } from './options.ts';
import { verdictText } from './report.ts';

/** How many of the dispatches that were not as they should be, and of the broken rules, are named. */
const EXAMPLES_SHOWN = 30;

const EXIT_WRONG = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => controller.abort());
  return controller.signal;
}

async function main(): Promise<number> {
  const parsed = parseOptions(process.argv.slice(2));
  if (parsed.kind === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (parsed.kind === 'wrong') {
    process.stderr.write(`chaos: ${parsed.problem}\nchaos: see npm run chaos -- --help\n`);
    return EXIT_USAGE;
  }
  const { json } = parsed.options;
  const output = json ? process.stderr : process.stdout;
  const signal = interruption();
  const directory = mkdtempSync(join(tmpdir(), 'shardmux-chaos-'));
  let isKept = true;
  // However this process ends: nothing runs on.
  process.on('exit', () => {
    Child.killAll();
    if (isKept) process.stderr.write(`chaos: the logs are in ${directory}\n`);
    else rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  });
  try {
    const write = (text: string) => output.write(text);
    const { verdict, problems, examples } = await runChaos({ ...parsed.options, directory, write, signal });
    isKept = problems.length > 0;
    if (isKept) for (const example of examples.slice(0, EXAMPLES_SHOWN)) output.write(`  ${example}\n`);
    output.write(`${verdictText(verdict, problems)}\n`);
    if (json) process.stdout.write(`${JSON.stringify(verdict)}\n`);
    return isKept ? EXIT_WRONG : 0;
  } catch (error) {
    output.write(`chaos: ${error instanceof Error ? error.message : error}\n`);
    isKept = !signal.aborted;
    return signal.aborted ? EXIT_INTERRUPTED : EXIT_WRONG;
  }
}

// After a failure something may still be waiting for what will not come.
process.exit(await main());
