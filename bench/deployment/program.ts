/** What the programs that run a deployment have in common: usage, a directory of their own, and an end that leaves nothing behind. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Child } from './child.ts';

export const EXIT_WRONG = 1;
export const EXIT_USAGE = 2;
export const EXIT_INTERRUPTED = 130;

export type Parsed<Options> =
  | { readonly kind: 'options'; readonly options: Options }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly problem: string };

/** A flag that makes no sense; its message says why. */
export class UsageError extends Error {}

/** `text` as given, if it was. @throws {UsageError} where it is no whole number in that range. */
export function whole(
  flag: string,
  text: string | undefined,
  range: { readonly least: number; readonly most: number; readonly otherwise: number },
): number {
  const { least, most, otherwise } = range;
  const number = text === undefined ? otherwise : Number(text);
  if (text?.trim() === '' || !Number.isInteger(number) || number < least || number > most)
    throw new UsageError(`--${flag} ${text}: must be a whole number from ${least} to ${most}`);
  return number;
}

/** What `read` makes of the command line, `undefined` where it asks for help; or why it can't. */
export function parsedBy<Options>(read: () => Options | undefined): Parsed<Options> {
  try {
    const options = read();
    return options === undefined ? { kind: 'help' } : { kind: 'options', options };
  } catch (error) {
    return { kind: 'wrong', problem: error instanceof Error ? error.message : String(error) };
  }
}

export interface ProgramContext<Options> {
  readonly options: Options;
  /** For sockets, state and logs. */
  readonly directory: string;
  /** Where what is not the verdict goes: stderr with `--json`. */
  readonly output: NodeJS.WriteStream;
  /** The logs stay when the program is over. */
  keepDirectory(): void;
}

export interface Program<Options extends { readonly json: boolean }> {
  /** As in `npm run <name>`. */
  readonly name: string;
  readonly help: string;
  parse(commandLine: readonly string[]): Parsed<Options>;
  /** Resolves with the exit code. */
  run(context: ProgramContext<Options>): Promise<number>;
}

/** Runs it and ends the process: after a failure something may still be waiting for what will not come. */
export async function runProgram<Options extends { readonly json: boolean }>(
  program: Program<Options>,
): Promise<never> {
  process.exit(await exitCodeOf(program));
}

async function exitCodeOf<Options extends { readonly json: boolean }>({
  name,
  help,
  parse,
  run,
}: Program<Options>): Promise<number> {
  const parsed = parse(process.argv.slice(2));
  if (parsed.kind === 'help') {
    process.stdout.write(help);
    return 0;
  }
  if (parsed.kind === 'wrong') {
    process.stderr.write(`${name}: ${parsed.problem}\n${name}: see npm run ${name} -- --help\n`);
    return EXIT_USAGE;
  }
  const { options } = parsed;
  const directory = mkdtempSync(join(tmpdir(), `shardmux-${name}-`));
  let isKept = false;
  // However this process ends: nothing runs on.
  process.on('exit', () => {
    Child.killAll();
    if (isKept) process.stderr.write(`${name}: the logs are in ${directory}\n`);
    else rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  });
  const output = options.json ? process.stderr : process.stdout;
  const keepDirectory = () => {
    isKept = true;
  };
  try {
    return await run({ options, directory, output, keepDirectory });
  } catch (error) {
    output.write(`${name}: ${error instanceof Error ? error.message : error}\n`);
    return EXIT_WRONG;
  }
}

/** Calls `onSignal` at each Ctrl-C, or whatever else asks for the end. */
export function onInterruption(onSignal: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
}
