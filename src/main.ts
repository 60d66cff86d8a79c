#!/usr/bin/env node
/**
 * The command line, and the only place that touches `process`: arguments, environment, signals, exit codes. Each command is
 * loaded when it is asked for, so that `--help` is there at once. What commands do is in commands/.
 */
import { readFileSync } from 'node:fs';
import { type FlagSpecs, type FlagsResult, readFlags } from './commands/flags.ts';
import {
  COMMANDS,
  type CommandName,
  GATEWAY_FLAGS,
  GATEWAY_HELP,
  HELP,
  REST_FLAGS,
  REST_HELP,
} from './commands/help.ts';
import { type GatewayConfig, loadConfig, nearestName, problemsText } from './config/index.ts';

/** Exit code for a wrong flag or setting: nothing was started, and trying again unchanged is of no use. */
const EXIT_USAGE = 2;

type Flags = Extract<FlagsResult, { ok: true }>['flags'];

/** Given the reader of its flags, it may print its help or a complaint instead of running. */
type Command = (args: readonly string[], signal: AbortSignal) => Promise<number>;

const commands: Readonly<Record<CommandName, Command>> = {
  async gateway(args, signal) {
    const config = configured(GATEWAY_FLAGS, GATEWAY_HELP, 'gateway', args);
    if (typeof config === 'number') return config;
    await prepareLastLine(config);
    const { runGateway } = await import('./commands/gateway/index.ts');
    return runGateway(config, { stdout: process.stdout, signal });
  },

  async rest(args, signal) {
    const config = configured(REST_FLAGS, REST_HELP, 'rest', args);
    if (typeof config === 'number') return config;
    await prepareLastLine(config);
    const { runRest } = await import('./commands/rest/index.ts');
    return runRest(config, { stdout: process.stdout, signal });
  },

  async simulate(args, signal) {
    const { runSimulate, SIMULATE_FLAGS, SIMULATE_HELP, simulatorOptions } = await import(
      './commands/simulate.ts'
    );
    const flags = flagsOr(SIMULATE_FLAGS, SIMULATE_HELP, 'simulate', args);
    if (typeof flags === 'number') return flags;
    const read = simulatorOptions(flags);
    if (!read.ok) return complain(read, 'simulate');
    return runSimulate(read.options, { stdout: process.stdout, signal });
  },
};

async function run([first, ...rest]: readonly string[], signal: AbortSignal): Promise<number> {
  if (first === undefined) {
    process.stderr.write(HELP);
    return EXIT_USAGE;
  }
  if (first === '--help' || first === '-h' || first === 'help') return print(HELP);
  if (first === '--version' || first === '-v') return print(`${version()}\n`);
  if (Object.hasOwn(commands, first)) return commands[first as CommandName](rest, signal); // an own key of it
  const isFlag = first.startsWith('-');
  const near = nearestName(first, isFlag ? ['--help', '--version'] : Object.keys(COMMANDS));
  const wrong = isFlag ? `There is no flag ${first} before the command.` : `There is no command ${first}.`;
  const remedy = near === undefined ? '' : `Did you mean shardmux ${near}?`;
  return complain({ wrong, remedy });
}

/** The flags, or the exit code after help or a complaint was printed. */
function flagsOr(
  specs: FlagSpecs,
  help: string,
  command: CommandName,
  args: readonly string[],
): Flags | number {
  const result = readFlags(specs, args);
  if (!result.ok) return complain(result, command);
  return result.wantsHelp ? print(help) : result.flags;
}

/** The checked configuration, or the exit code after help or complaints were printed. */
function configured(
  specs: FlagSpecs,
  help: string,
  command: CommandName,
  args: readonly string[],
): GatewayConfig | number {
  const flags = flagsOr(specs, help, command, args);
  if (typeof flags === 'number') return flags;
  const result = loadConfig({ env: process.env, readFile: readText, configPath: flags['config'] });
  if (result.ok) return result.config;
  process.stderr.write(problemsText(result.problems));
  return EXIT_USAGE;
}

/** For the last line only: commands have loggers of their own. */
async function prepareLastLine(config: GatewayConfig): Promise<void> {
  const { createLogger } = await import('./observability/index.ts');
  const logger = createLogger({ ...config.logging, output: process.stdout });
  reportFatal = (error) => logger.fatal({ err: error }, messageOf(error));
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function complain({ wrong, remedy }: { wrong: string; remedy: string }, command?: CommandName): number {
  const more = `See: shardmux ${command === undefined ? '' : `${command} `}--help`;
  process.stderr.write(`${[wrong, remedy, more].filter((line) => line !== '').join('\n')}\n`);
  return EXIT_USAGE;
}

function readText(path: string): string {
  return readFileSync(path, 'utf8');
}

/** package.json is one folder up from src/ and from dist/. */
function version(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** One structured line, also before there is a logger. */
let reportFatal = (error: unknown): void => {
  const stack = error instanceof Error ? error.stack : undefined;
  const line = { level: 'fatal', time: new Date().toISOString(), err: { stack }, msg: messageOf(error) };
  process.stdout.write(`${JSON.stringify(line)}\n`);
};

function die(error: unknown): never {
  reportFatal(error);
  process.exit(1);
}

const stop = new AbortController();
for (const [signal, exitCode] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(signal, () => {
    // Whoever asks twice doesn't want to wait for a graceful end.
    if (stop.signal.aborted) process.exit(exitCode);
    stop.abort(new Error(`${signal} was received`));
  });
}
// Rejections that nobody handles arrive here too.
process.on('uncaughtException', die);
// Whoever read our output went away; the shards don't depend on it.
process.stdout.on('error', () => {});

// The end is explicit: a timer that someone forgot must not keep a stopped node alive.
run(process.argv.slice(2), stop.signal).then((exitCode) => process.exit(exitCode), die);
