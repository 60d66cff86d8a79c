/** `npm run moves`: the command line and exit codes. What it measures: options.ts, HELP. */
import { EXIT_INTERRUPTED, EXIT_WRONG, onInterruption, runProgram } from '../deployment/program.ts';
import { runMoves } from './moves.ts';
import { HELP, parseOptions } from './options.ts';
import { resultText } from './report.ts';

const EXAMPLES_SHOWN = 30;

await runProgram({
  name: 'moves',
  help: HELP,
  parse: parseOptions,
  async run({ options, directory, output, keepDirectory }) {
    onInterruption(() => process.exit(EXIT_INTERRUPTED));
    const write = (text: string) => output.write(text);
    const { result, problems, examples } = await runMoves({ ...options, directory, write }).catch(
      (error: unknown) => {
        keepDirectory();
        throw error;
      },
    );
    if (problems.length > 0) keepDirectory();
    for (const example of examples.slice(0, EXAMPLES_SHOWN)) write(`  ${example}\n`);
    write(`${resultText(result, problems)}\n`);
    if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    return problems.length > 0 ? EXIT_WRONG : 0;
  },
});
