/** `npm run bench`: measures one subject after the other and prints what came out. */
import { mkdirSync } from 'node:fs';
import {
  type Measure,
  measureAllTakeovers,
  measureGuilds,
  measureHop,
  measureRest,
  measureStarts,
  measureState,
  measureTail,
} from './accounts.ts';
import { Child } from './deployment/child.ts';
import { HELP, type Options, parseOptions, type Subject } from './options.ts';
import { BenchProcess } from './processes.ts';

const note = (line: string) => process.stderr.write(`${line}\n`);

const MEASURES: Readonly<Record<Subject, Measure>> = {
  hop: measureHop,
  tail: measureTail,
  takeover: measureAllTakeovers,
  state: measureState,
  guilds: measureGuilds,
  ready: measureStarts,
  rest: measureRest,
};

async function measureAll(options: Options, signal: AbortSignal): Promise<void> {
  for (const subject of options.subjects) {
    const { jsonLines, text } = await MEASURES[subject](options, { signal, note });
    if (options.json) for (const line of jsonLines) process.stdout.write(`${line}\n`);
    if (options.json) note(text);
    else process.stdout.write(`${text}\n\n`);
  }
}

async function main(): Promise<number> {
  const parsed = parseOptions(process.argv.slice(2));
  if (parsed.kind === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (parsed.kind === 'wrong') {
    for (const problem of parsed.problems) note(`bench: ${problem}`);
    note('bench: see --help');
    return 2;
  }
  if (process.platform !== 'linux') {
    note('bench: reads CPU time from /proc, so it needs Linux');
    return 2;
  }
  const { options } = parsed;
  if (options.profileDirectory) mkdirSync(options.profileDirectory, { recursive: true });

  const interrupt = new AbortController();
  process.on('SIGINT', () => interrupt.abort());
  process.on('SIGTERM', () => interrupt.abort());
  process.on('exit', () => {
    BenchProcess.killAll();
    Child.killAll();
  });
  try {
    await measureAll(options, interrupt.signal);
    return 0;
  } catch (error) {
    note(
      interrupt.signal.aborted
        ? 'bench: interrupted'
        : `bench: ${error instanceof Error ? error.message : error}`,
    );
    return interrupt.signal.aborted ? 130 : 1;
  }
}

process.exitCode = await main();
