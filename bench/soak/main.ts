/** `npm run soak`: the command line, signals and exit codes. What it does: options.ts, HELP, and docs/soak.md. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT_INTERRUPTED, EXIT_WRONG, onInterruption, runProgram } from '../deployment/program.ts';
import { HELP, parseOptions } from './options.ts';
import { problemsOf, type Verdict, verdictText } from './report.ts';
import { runSoak } from './soak.ts';

await runProgram({
  name: 'soak',
  help: HELP,
  parse: parseOptions,
  async run({ options, directory, output, keepDirectory }) {
    const controller = new AbortController();
    const { signal } = controller;
    onInterruption(() => controller.abort());
    const write = (text: string) => output.write(text);
    const runs: Verdict[] = [];
    for (const globalLimit of options.globalLimits) {
      const own = join(directory, `global-${globalLimit}`);
      mkdirSync(own);
      const outcome = await runSoak({ ...options, globalLimit, directory: own, write, signal }).catch(
        (error: unknown) => {
          if (signal.aborted) return undefined;
          keepDirectory();
          throw error;
        },
      );
      if (!outcome) return EXIT_INTERRUPTED;
      const { verdict, examples } = outcome;
      write(`${verdictText(verdict)}\n`);
      for (const example of examples) write(`  ${example}\n`);
      runs.push(verdict);
    }
    const isWrong = runs.some((verdict) => problemsOf(verdict).length > 0);
    if (isWrong) keepDirectory();
    if (options.json) process.stdout.write(`${JSON.stringify({ seed: options.seed, runs })}\n`);
    return isWrong ? EXIT_WRONG : 0;
  },
});
