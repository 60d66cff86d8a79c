/** `npm run chaos`: the command line, signals and exit codes. What it does: options.ts, HELP, and docs/chaos.md. */
import { EXIT_INTERRUPTED, EXIT_WRONG, onInterruption, runProgram } from '../deployment/program.ts';
import { runChaos } from './chaos.ts';
import { HELP, parseOptions } from './options.ts';
import { verdictText } from './report.ts';

/** How many of the dispatches that were not as they should be, and of the broken rules, are named. */
const EXAMPLES_SHOWN = 30;

await runProgram({
  name: 'chaos',
  help: HELP,
  parse: parseOptions,
  async run({ options, directory, output, keepDirectory }) {
    const controller = new AbortController();
    const { signal } = controller;
    onInterruption(() => controller.abort());
    const write = (text: string) => output.write(text);
    const outcome = await runChaos({ ...options, directory, write, signal }).catch((error: unknown) => {
      if (signal.aborted) return undefined;
      keepDirectory();
      throw error;
    });
    if (!outcome) return EXIT_INTERRUPTED;
    const { verdict, problems, examples } = outcome;
    if (problems.length > 0) {
      keepDirectory();
      for (const example of examples.slice(0, EXAMPLES_SHOWN)) write(`  ${example}\n`);
    }
    write(`${verdictText(verdict, problems)}\n`);
    if (options.json) process.stdout.write(`${JSON.stringify(verdict)}\n`);
    return problems.length > 0 ? EXIT_WRONG : 0;
  },
});
