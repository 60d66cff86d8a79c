/** `npm run bench`: measures one subject after the other and prints what came out. */
import { mkdirSync } from 'node:fs';
import { measure } from './measure.ts';
import { HELP, type Options, parseOptions, type Subject } from './options.ts';
import { BenchProcess } from './processes.ts';
import { jsonLine, medians, Results } from './report.ts';
import { rotated } from './rotated.ts';
import { type Measurement, SCENARIOS, VARIANTS } from './scenarios.ts';
import { measureTails, type TailMeasurement } from './tail/measure.ts';
import { tailGoals, tailResults, tailTable } from './tail/report.ts';
import { FILLINGS, type Filling, measureTakeovers, type TakeoverMeasurement } from './takeover/measure.ts';
import { takeoverGoals, takeoverTable } from './takeover/report.ts';

/** What a subject has to say in the end. */
interface Account {
  readonly jsonLines: readonly string[];
  /** Table and goals. */
  readonly text: string;
}

const note = (line: string) => process.stderr.write(`${line}\n`);

async function measureHop(options: Options, signal: AbortSignal): Promise<Account> {
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
  const results = medians(measurements).sort((a, b) => place(a) - place(b));
  const report = new Results(results);
  return { jsonLines: results.map(jsonLine), text: [report.table(), ...report.goals()].join('\n') };
}

async function measureTail(options: Options, signal: AbortSignal): Promise<Account> {
  const measurements: TailMeasurement[] = [];
  const { runs, seconds, profileDirectory } = options;
  const jsonOf = (one: TailMeasurement) => JSON.stringify({ scenario: 'tail', ...one });
  for (let run = 0; run < runs; run++) {
    const some = await measureTails({ seconds, profileDirectory, signal, warn: note });
    measurements.push(...some);
    for (const one of some) note(`run ${run + 1}/${runs} ${jsonOf(one)}`);
  }
  const results = tailResults(measurements);
  return { jsonLines: results.map(jsonOf), text: [tailTable(results), ...tailGoals(results)].join('\n') };
}

async function measureAllTakeovers(options: Options, signal: AbortSignal): Promise<Account> {
  const results: TakeoverMeasurement[] = [];
  for (const filling of Object.keys(FILLINGS) as Filling[]) {
    const { takeovers, profileDirectory } = options;
    results.push(await measureTakeovers({ filling, takeovers, profileDirectory, signal }));
  }
  const jsonLines = results.map((one) => JSON.stringify({ scenario: 'takeover', ...one }));
  return { jsonLines, text: [takeoverTable(results), ...takeoverGoals(results)].join('\n') };
}

const MEASURES: Readonly<Record<Subject, (options: Options, signal: AbortSignal) => Promise<Account>>> = {
  hop: measureHop,
  tail: measureTail,
  takeover: measureAllTakeovers,
};

async function measureAll(options: Options, signal: AbortSignal): Promise<void> {
  for (const subject of options.subjects) {
    const { jsonLines, text } = await MEASURES[subject](options, signal);
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
  process.on('exit', () => BenchProcess.killAll());
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
