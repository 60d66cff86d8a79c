/** `npm run bench`: measures the middles in turn and prints what came out. */
import { mkdirSync } from 'node:fs';
import { measure } from './measure.ts';
import { HELP, type Options, parseOptions } from './options.ts';
import { BenchProcess } from './processes.ts';
import { jsonLine, medians, Results } from './report.ts';
import { type Measurement, SCENARIOS, VARIANTS } from './scenarios.ts';

const note = (line: string) => process.stderr.write(`${line}\n`);

/** The order of variants rotates from run to run, so that none always comes first or after the same one. */
function rotated<T>(items: readonly T[], by: number): T[] {
  const at = by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

async function measureAll(options: Options, signal: AbortSignal): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  for (let run = 0; run < options.runs; run++) {
    for (const scenario of options.scenarios) {
      for (const variant of rotated(options.variants, run)) {
        const { seconds, profileDirectory } = options;
        const one = await measure({ scenario, variant, seconds, profileDirectory, signal, warn: note });
        measurements.push(one);
        note(`run ${run + 1}/${options.runs} ${jsonLine(one)}`);
      }
    }
  }
  const place = (one: Measurement) =>
    SCENARIOS.indexOf(one.scenario) * VARIANTS.length + VARIANTS.indexOf(one.variant);
  return medians(measurements).sort((a, b) => place(a) - place(b));
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
  process.on('exit', () => BenchProcess.killAll());
  try {
    const results = await measureAll(options, interrupt.signal);
    if (options.json) for (const one of results) process.stdout.write(`${jsonLine(one)}\n`);
    const report = new Results(results);
    const text = [report.table(), ...report.goals()].join('\n');
    if (options.json) note(text);
    else process.stdout.write(`${text}\n`);
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
