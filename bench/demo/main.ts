/** `npm run demo`: the command line, signals and exit codes. What it does: options.ts, HELP. */
import { EXIT_INTERRUPTED, EXIT_WRONG, onInterruption, runProgram } from '../deployment/program.ts';
import { runDemo } from './demo.ts';
import { HELP, MAX_SECONDS, parseOptions } from './options.ts';
import { problemsOf, verdictText } from './report.ts';
import { Screen } from './screen.ts';

/** npm and the terminal may both send one Ctrl-C on to us. */
const SAME_CTRL_C_MS = 400;

/** How many of the dispatches that were not as they should be are named. */
const EXAMPLES_SHOWN = 10;

/** Aborts at the first Ctrl-C; the second ends the process. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  let firstAt = 0;
  onInterruption(() => {
    if (!controller.signal.aborted) {
      firstAt = performance.now();
      controller.abort();
    } else if (performance.now() - firstAt > SAME_CTRL_C_MS) process.exit(EXIT_INTERRUPTED);
  });
  return controller.signal;
}

await runProgram({
  name: 'demo',
  help: HELP,
  parse: parseOptions,
  async run({ options: { seconds, json }, directory, output }) {
    const screen = new Screen(output);
    const outcome = await runDemo({
      seconds: seconds ?? MAX_SECONDS,
      isTimed: seconds !== null,
      directory,
      screen,
      signal: interruption(),
    }).catch((error: unknown) => {
      screen.print(`demo: ${error instanceof Error ? error.message : error}`);
      return undefined;
    });
    if (outcome === undefined) return EXIT_WRONG;
    if (outcome === null) {
      screen.print('demo: stopped before all was running, so there is nothing to judge');
      return EXIT_INTERRUPTED;
    }
    screen.print(`\n${verdictText(outcome.verdict, outcome.examples.slice(0, EXAMPLES_SHOWN))}\n`);
    if (json) process.stdout.write(`${JSON.stringify(outcome.verdict)}\n`);
    return problemsOf(outcome.verdict).length === 0 ? 0 : EXIT_WRONG;
  },
});
