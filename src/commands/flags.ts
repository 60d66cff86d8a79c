/** A command's flags: read, checked, and described for `--help`. Pure. */
import { parseArgs } from 'node:util';
import { nearestName } from '../config/index.ts';

export type FlagSpec = {
  /** Absent for flags without a value. */
  value?: string;
  description: string;
};

export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

export type FlagsResult =
  | { ok: true; flags: Readonly<Record<string, string | undefined>>; wantsHelp: boolean }
  | { ok: false; wrong: string; remedy: string };

/** A flag without a value is given back as an empty string. */
export function readFlags(specs: FlagSpecs, args: readonly string[]): FlagsResult {
  const options = Object.fromEntries(
    Object.entries({ ...specs, help: { description: '' } as FlagSpec }).map(([name, { value }]) => {
      const type = value === undefined ? ('boolean' as const) : ('string' as const);
      return [name, name === 'help' ? { type, short: 'h' } : { type }];
    }),
  );
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const flags: Record<string, string | undefined> = {};
  for (const token of tokens) {
    if (token.kind === 'positional') {
      return {
        ok: false,
        wrong: `There is nothing to do with "${token.value}".`,
        remedy: 'Flags begin with --.',
      };
    }
    if (token.kind === 'option-terminator') continue;
    const option = options[token.name];
    if (option === undefined) return unknownFlag(token.rawName, Object.keys(options));
    if (token.name in flags)
      return { ok: false, wrong: `${token.rawName} is given twice.`, remedy: 'Leave one out.' };
    // `--port --seed 1` would make "--seed" the port: nobody means that.
    const isMissing =
      token.value === undefined || token.value === '' || (!token.inlineValue && token.value.startsWith('--'));
    if (option.type === 'string' && isMissing) {
      return {
        ok: false,
        wrong: `${token.rawName} needs a value.`,
        remedy: `Write ${token.rawName} ${specs[token.name]?.value ?? ''}`,
      };
    }
    if (option.type === 'boolean' && token.value !== undefined) {
      return {
        ok: false,
        wrong: `${token.rawName} takes no value.`,
        remedy: `Write ${token.rawName} alone.`,
      };
    }
    flags[token.name] = token.value ?? '';
  }
  return { ok: true, flags, wantsHelp: 'help' in flags };
}

function unknownFlag(rawName: string, known: readonly string[]): FlagsResult {
  const near = nearestName(rawName, known);
  return {
    ok: false,
    wrong: `There is no flag ${rawName}.`,
    remedy: near === undefined ? '' : `Did you mean --${near}?`,
  };
}

/** The lines of `--help` that list the flags. */
export function flagLines(specs: FlagSpecs): string {
  const rows = Object.entries({ ...specs, help: { description: 'Show this.' } as FlagSpec }).map(
    ([name, { value, description }]) =>
      [`--${name}${value === undefined ? '' : ` ${value}`}`, description] as const,
  );
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}\n`).join('');
}
