/** `npm run demo`: the command line, signals and exit codes. What it does: options.ts, HELP. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from '../deployment/child.ts';
import { runDemo } from './demo.ts';
import { HELP, MAX_SECONDS, parseOptions } from './options.ts';
import { problemsOf, verdictText } from './report.ts';
import { Screen } from './screen.ts';

/** npm and the terminal may both send one Ctrl-C on to us. */
const SAME_CTRL_C_MS = 400;

/** How many of the dispatches that were not as they should be are named. */
const EXAMPLES_SHOWN = 10;

const EXIT_WRONG = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

/** Aborts at the first Ctrl-C; the second ends the process. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  let firstAt = 0;
  const interrupt = () => {
    if (!controller.signal.aborted) {
      firstAt = performance.now();
      controller.abort();
    } else if (performance.now() - firstAt > SAME_CTRL_C_MS) process.exit(EXIT_INTERRUPTED);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  return controller.signal;
}

async function main(): Promise<number> {
  const parsed = parseOptions(process.argv.slice(2));
  if (parsed.kind === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (parsed.kind === 'wrong') {
    process.stderr.write(`demo: ${parsed.problem}\ndemo: see npm run demo -- --help\n`);
    return EXIT_USAGE;
  }
  const { seconds, json } = parsed.options;
  const signal = interruption();
  const directory = mkdtempSync(join(tmpdir(), 'shardmux-demo-'));
  // However this process ends: nothing stays behind.
  process.on('exit', () => {
    Child.killAll();
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  });
  const screen = new Screen(json ? process.stderr : process.stdout);
  try {
    const outcome = await runDemo({
      seconds: seconds ?? MAX_SECONDS,
      isTimed: seconds !== null,
      directory,
      screen,
      signal,
    });
    if (outcome === null) {
      screen.print('demo: stopped before all was running, so there is nothing to judge');
      return EXIT_INTERRUPTED;
    }
    screen.print(`\n${verdictText(outcome.verdict, outcome.examples.slice(0, EXAMPLES_SHOWN))}\n`);
    if (json) process.stdout.write(`${JSON.stringify(outcome.verdict)}\n`);
    return problemsOf(outcome.verdict).length === 0 ? 0 : EXIT_WRONG;
  } catch (error) {
    screen.print(`demo: ${error instanceof Error ? error.message : error}`);
    return EXIT_WRONG;
  }
}

// After a failure something may still be waiting for what will not come.
process.exit(await main());
