/** The subjects of the benchmark: each is measured, and what came out is said. */
import { measureApply } from './guilds/apply.ts';
import { measureGuildMemory } from './guilds/memory.ts';
import { measureReadings } from './guilds/read.ts';
import { type GuildTimes, guildsText } from './guilds/report.ts';
import { measure } from './measure.ts';
import type { Options } from './options.ts';
import { libraryPath } from './ready/library.ts';
import { measureReady } from './ready/measure.ts';
import { readyGoals, readyTable } from './ready/report.ts';
import { jsonLine, medians, Results } from './report.ts';
import { measureRestOnce, type RestMeasurement } from './rest/measure.ts';
import { RestResults, restResults, uploadGoal, uploadResults, uploadTable } from './rest/report.ts';
import { measureUploads, type UploadMeasurement } from './rest/uploads.ts';
import { rotated } from './rotated.ts';
import { type Measurement, SCENARIOS, VARIANTS } from './scenarios.ts';
import { measureStates, type StateMeasurement } from './state/measure.ts';
import { stateGoals, stateResults, stateTable } from './state/report.ts';
import { measureTails, type TailMeasurement } from './tail/measure.ts';
import { tailGoals, tailResults, tailTable } from './tail/report.ts';
import { FILLINGS, type Filling, measureTakeovers, type TakeoverMeasurement } from './takeover/measure.ts';
import { takeoverGoals, takeoverTable } from './takeover/report.ts';

export interface Surroundings {
  readonly signal: AbortSignal;
  /** Told what happens, and what makes a number doubtful. */
  readonly note: (line: string) => void;
}

export type Measure = (options: Options, surroundings: Surroundings) => Promise<Account>;

/** What a subject has to say in the end. */
export interface Account {
  readonly jsonLines: readonly string[];
  /** Table and goals. */
  readonly text: string;
}

export async function measureHop(options: Options, { signal, note }: Surroundings): Promise<Account> {
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

export async function measureTail(options: Options, { signal, note }: Surroundings): Promise<Account> {
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

export async function measureAllTakeovers(options: Options, { signal }: Surroundings): Promise<Account> {
  const results: TakeoverMeasurement[] = [];
  for (const filling of Object.keys(FILLINGS) as Filling[]) {
    const { takeovers, profileDirectory } = options;
    results.push(await measureTakeovers({ filling, takeovers, profileDirectory, signal }));
  }
  const jsonLines = results.map((one) => JSON.stringify({ scenario: 'takeover', ...one }));
  return { jsonLines, text: [takeoverTable(results), ...takeoverGoals(results)].join('\n') };
}

export async function measureState(options: Options, { signal, note }: Surroundings): Promise<Account> {
  const measurements: StateMeasurement[] = [];
  const { runs, seconds, profileDirectory } = options;
  const jsonOf = (one: StateMeasurement) => JSON.stringify({ subject: 'state', ...one });
  for (let run = 0; run < runs; run++) {
    const some = await measureStates({ seconds, profileDirectory, signal, warn: note });
    measurements.push(...some);
    for (const one of some) note(`run ${run + 1}/${runs} ${jsonOf(one)}`);
  }
  const results = stateResults(measurements);
  return { jsonLines: results.map(jsonOf), text: [stateTable(results), ...stateGoals(results)].join('\n') };
}

export async function measureGuilds(_: Options, { signal }: Surroundings): Promise<Account> {
  const memory = await measureGuildMemory(signal);
  const times: GuildTimes = { apply: await measureApply(signal), readings: await measureReadings(signal) };
  const jsonLines = [
    ...memory.map((one) => JSON.stringify({ scenario: 'guild-memory', ...one })),
    JSON.stringify({ scenario: 'guild-times', ...times }),
  ];
  return { jsonLines, text: guildsText(memory, times) };
}

export async function measureStarts(options: Options, { signal, note }: Surroundings): Promise<Account> {
  const library = await libraryPath();
  if (library === undefined)
    return { jsonLines: [], text: 'starts of a bot: not measured, as discord.js could not be installed' };
  const { starts, guilds, profileDirectory } = options;
  const measurement = await measureReady({ starts, guilds, library, profileDirectory, signal, note });
  const jsonLines = [JSON.stringify({ scenario: 'ready', ...measurement })];
  return { jsonLines, text: [readyTable(measurement), ...readyGoals(measurement)].join('\n') };
}

export async function measureRest(options: Options, { signal, note }: Surroundings): Promise<Account> {
  const measurements: RestMeasurement[] = [];
  const uploads: UploadMeasurement[] = [];
  const { runs, seconds, profileDirectory } = options;
  const requestLine = (one: RestMeasurement) => JSON.stringify({ scenario: 'rest', ...one });
  const uploadLine = (one: UploadMeasurement) => JSON.stringify({ scenario: 'rest-uploads', ...one });
  for (let run = 0; run < runs; run++) {
    const some = await measureRestOnce({ seconds, profileDirectory, signal, warn: note });
    const large = await measureUploads({ profileDirectory, signal });
    measurements.push(...some);
    uploads.push(...large);
    const lines = [...some.map(requestLine), ...large.map(uploadLine)];
    for (const line of lines) note(`run ${run + 1}/${runs} ${line}`);
  }
  const [results, peaks] = [restResults(measurements), uploadResults(uploads)];
  const report = new RestResults(results);
  return {
    jsonLines: [...results.map(requestLine), ...peaks.map(uploadLine)],
    text: [report.table(), ...report.goals(), '', uploadTable(peaks), uploadGoal(peaks)].join('\n'),
  };
}
